import json
from dataclasses import dataclass

import jax
import numpy as np
import pytest

from flanrepro.errors import InputError
from flanrepro.experiments.profiles import Job, profile_names
from flanrepro.experiments.spec import RunSpec
from flanrepro.experiments.sweep import (
    evaluate_all,
    few_shot_sweep,
    leave_one_out,
    run_all,
    single_task,
    single_task_spec,
    untuned,
)
from flanrepro.model import pretrained


def test_figure_3s_sweep_changes_fraction_and_seed_alone():
    specs = few_shot_sweep(Job(profile="smoke", seeds=2))
    varied = [(spec.few_shot_fraction, spec.seed) for spec in specs]
    assert varied == [(f, seed) for f in (0.0, 0.5, 1.0) for seed in (0, 1)]
    rest = {spec.to_json().count(",") for spec in specs}
    assert len({spec.run_id for spec in specs}) == 6
    assert len({(s.model, s.steps, s.learning_rate, s.batch_size, s.dtype) for s in specs}) == 1
    assert max(rest) - min(rest) <= 2


@dataclass
class StandIn:
    """A store and a run at once."""

    spec: RunSpec | None = None

    def get(self, spec: RunSpec, **kwargs) -> "StandIn":
        return StandIn(spec)

    def evaluate(self, suite: str, shots: int, items: int | None) -> list[dict]:
        rows = [("sum", 10.0), ("mean", 20.0)]
        return [
            {"suite": suite, "shots": shots, "task": t, "value": v, "n": items} for t, v in rows
        ]


def test_scores_are_one_row_per_run_suite_shots_and_task():
    specs = few_shot_sweep(Job(profile="smoke"))
    runs = run_all(StandIn(), specs)
    assert [run.spec for run in runs] == specs
    scores = evaluate_all(runs, iter(["cot", "held_in"]), iter([0, 3]), 7)
    assert len(scores) == 3 * 2 * 2 * 2
    assert list(scores["few_shot_fraction"].unique()) == [0.0, 0.5, 1.0]
    assert scores.groupby(["suite", "shots", "task"]).size().tolist() == [3] * 8
    assert set(scores["n"]) == {7}


def test_table_2_is_the_weights_of_the_paper_equal_ones_and_each_source_left_out():
    specs = leave_one_out(Job(profile="smoke", seeds=2))
    names = [spec.mixture for spec in specs[::2]]
    assert names[:2] == ["flan2022", "equal"]
    left_out = {name.removeprefix("equal_without_") for name in names[2:]}
    assert left_out == {"flan2021", "t0_sf", "niv2", "cot", "dialog", "program_synthesis"}
    for spec in specs:
        sources = {task.source for task in spec.load_mixture().tasks}
        assert spec.mixture.removeprefix("equal_without_") not in sources
        assert len(sources) == (6 if spec.mixture in ("flan2022", "equal") else 5)


def test_a_run_of_no_steps_is_the_start_itself(tmp_path):
    job = Job(profile="smoke", out=str(tmp_path))
    spec = untuned(job)
    start = pretrained.load(spec.start)
    assert (spec.steps, spec.seed) == (0, 0)
    params = job.store.get(spec).params()
    assert jax.tree.all(jax.tree.map(np.array_equal, params, start))


def test_finetuning_on_one_task_is_validated_by_its_metric_and_kept(tmp_path):
    job = Job(profile="smoke", out=str(tmp_path))
    table = single_task(job, "cxc")
    assert list(table["step"]) == [0, 10, 20]
    assert set(table["metric"]) == {"spearman"}
    assert single_task(job, "cxc").equals(table)
    (run,) = set(table["run"])
    (job.store.root / run / "validation.csv").unlink()
    with pytest.raises(
        InputError, match=f"run {run} .* was validated at 0 steps, expected 3: move"
    ):
        single_task(job, "cxc")


@pytest.mark.parametrize("profile", profile_names())
def test_every_profile_of_pocket_has_runs_of_no_steps_and_of_one_task(profile):
    job = Job(profile=profile)
    assert untuned(job).steps == 0
    spec = single_task_spec(job, "wanli")
    assert (spec.tasks, spec.mixture, spec.steps) == (
        ("wanli",),
        "",
        job.settings.single_task["steps"],
    )
    assert spec.start == untuned(job).start == pretrained.shipped("pocket", "nano")


def test_finetuning_goes_on_from_a_finished_run(tmp_path):
    job = Job(profile="smoke", out=str(tmp_path))
    first = job.store.get(next(job.specs(mixture="flan2022")))
    table = single_task(job, "wanli_small", start=first.spec.run_id)
    again = single_task(job, "wanli_small")
    assert set(table["run"]).isdisjoint(again["run"])
    spec = json.loads((job.store.root / table["run"][0] / "spec.json").read_text())
    assert (spec["start"], spec["tasks"]) == (first.spec.run_id, ["wanli_small"])
