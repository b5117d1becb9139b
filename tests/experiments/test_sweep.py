from dataclasses import dataclass

from flanrepro.experiments.profiles import Job
from flanrepro.experiments.spec import RunSpec
from flanrepro.experiments.sweep import evaluate_all, few_shot_sweep, run_all


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
