import dataclasses

import jax
import numpy as np
import pytest

from flanrepro.collection.task import MissingTasks
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.sweep import (
    SWEEPS,
    ablations,
    few_shot_sweep,
    leave_one_out,
    task_scaling,
    untuned,
)
from flanrepro.model import pretrained
from flanrepro.report.paper import published


def test_figure_3s_sweep_changes_fraction_and_seed_alone():
    specs = few_shot_sweep(Job(profile="smoke", seeds=2))
    varied = [(spec.few_shot_fraction, spec.seed) for spec in specs]
    assert varied == [(f, seed) for f in (0.0, 0.5, 1.0) for seed in (0, 1)]
    rest = {spec.to_json().count(",") for spec in specs}
    assert len({spec.run_id for spec in specs}) == 6
    assert len({(s.model, s.steps, s.learning_rate, s.batch_size, s.dtype) for s in specs}) == 1
    assert max(rest) - min(rest) <= 2


def test_table_1_is_every_method_left_out_and_every_other_collection():
    specs = ablations(Job(profile="smoke"))
    stated = published("table_1").query("mixture != ''")["mixture"]
    assert {spec.mixture for spec in specs} == set(stated)
    assert len(specs) == len(set(stated)) == 8
    few_shot = {spec.mixture: spec.few_shot_fraction for spec in specs}
    assert few_shot["flan2022_without_few_shot"] == few_shot["p3++"] == 0
    assert few_shot["flan2022"] == few_shot["flan2021"] == 0.5


@pytest.mark.filterwarnings("ignore::flanrepro.collection.task.MissingTasks")
def test_figure_4_is_sizes_by_numbers_of_tasks_trained_zero_shot():
    job = dataclasses.replace(Job(profile="full"), seeds=1)
    specs = task_scaling(job)
    varied = [(spec.model, spec.subset) for spec in specs]
    assert varied == [
        (size, subset)
        for size in ("nano", "micro")
        for subset in (8, 25, 50, 100, 200, 400, 800, None)
    ]
    assert {spec.few_shot_fraction for spec in specs} == {0}
    assert {(spec.model, spec.learning_rate) for spec in specs} == {
        ("nano", 3e-3),
        ("micro", 7.5e-4),
    }
    named = task_scaling(dataclasses.replace(job, model="micro"))
    assert [spec.model for spec in named] == ["micro"] * 8  # a model that is asked for is not lost
    held_in = set(specs[0].load_collection().held_in)
    for spec in specs[:3]:
        tasks = {task.name for task in spec.load_mixture().tasks}
        assert len(tasks) == spec.subset
        assert held_in <= tasks  # section 3.3


def test_a_subset_of_a_whole_collection_warns_of_nothing(recwarn):
    list(Job(profile="smoke").specs(mixture="flan2022", subset=8))
    assert not [w for w in recwarn if issubclass(w.category, MissingTasks)]


def test_sweeps_share_their_runs():
    job = Job(profile="quick")
    specs = {name: {spec.run_id for spec in sweep.specs(job)} for name, sweep in SWEEPS.items()}
    assert len(set().union(*specs.values())) == 22
    assert sum(map(len, specs.values())) == 8 + 5 + 4 + 3 + 8
    assert len(specs["ablations"] & specs["leave_one_out"]) == 2  # Flan 2022, equal weights
    assert len(specs["ablations"] & specs["inversion"]) == 2  # the rates 0 and 0.3
    assert len(specs["ablations"] & specs["few_shot"]) == 1
    assert len(specs["ablations"] & specs["task_scaling"]) == 1


def test_a_larger_profile_has_all_runs_of_a_smaller_one():
    small, large = Job(profile="quick", seeds=3), Job(profile="full")
    for name, sweep in SWEEPS.items():
        ids = {spec.run_id for spec in sweep.specs(small)}
        assert ids <= {spec.run_id for spec in sweep.specs(large)}, name


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
