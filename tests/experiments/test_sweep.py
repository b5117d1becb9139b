import dataclasses

import jax
import numpy as np
import pytest

from flanrepro.collection.task import MissingTasks
from flanrepro.experiments.profiles import Job, load_profile, profile_names
from flanrepro.experiments.sweep import (
    SWEEPS,
    ablations,
    few_shot_sweep,
    formats_sweep,
    inversion_dose,
    leave_one_out,
    mixed_prompts,
    task_scaling,
    untuned,
)
from flanrepro.model import pretrained
from flanrepro.report.paper import published
from flanrepro.sources import load_collection


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
def test_figure_4_is_sizes_by_numbers_of_tasks_trained_zero_shot(two_sizes):
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
        ("nano", 2e-3),
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
    assert len(set().union(*specs.values())) == 31
    assert sum(map(len, specs.values())) == 8 + 5 + 4 + 3 + 8 + 2 + 3 + 3 + 2 + 2 + 4
    assert len(specs["ablations"] & specs["leave_one_out"]) == 2  # Flan 2022, equal weights
    assert len(specs["ablations"] & specs["inversion"]) == 2  # the rates 0 and 0.3
    assert len(specs["ablations"] & specs["few_shot"]) == 1
    assert len(specs["ablations"] & specs["task_scaling"]) == 1
    assert len(specs["ablations"] & specs["formats"]) == 1  # Flan 2022, in pocket's own way
    assert len(specs["ablations"] & specs["mixed_prompts"]) == 2  # all but few-shot prompts alone
    assert len(specs["ablations"] & specs["inversion_dose"]) == 1
    # The run whose share of Held-In's prompts is the smallest keeps its steps.
    assert len(specs["ablations"] & specs["collections_equal_prompts"]) == 1
    assert len(specs["ablations"] & specs["balancing_equal_prompts"]) == 1
    assert len(specs["task_scaling"] & specs["scaling_equal_prompts"]) == 1


def test_zero_shot_and_few_shot_prompts_are_compared_with_both_on_flan_2022():
    specs = mixed_prompts(Job(profile="smoke"))
    assert [spec.few_shot_fraction for spec in specs] == [0.0, 0.5, 1.0]
    mixtures = [spec.load_mixture() for spec in specs]
    few_shot = [sum(bool(mixture[i].exemplars) for i in range(400)) for mixture in mixtures]
    assert few_shot == [0, pytest.approx(200, abs=40), 400]
    assert mixtures[0].tasks == mixtures[1].tasks == mixtures[2].tasks
    assert any(task.source == "cot" for task in mixtures[0].tasks)


def test_the_dose_of_inversion_is_over_every_source():
    sources, counts = [], []
    for spec in inversion_dose(Job(profile="smoke")):
        mixture = spec.load_mixture()
        inverted = [p.source for p in map(mixture.__getitem__, range(2000)) if p.inverted]
        sources.append(set(inverted))
        counts.append(len(inverted))
    assert counts[0] == 0 < counts[1] < counts[2]
    # Pocket's T0-SF has finished prompts, and a definition says what is to be done one way alone.
    every = {task.source for task in mixture.tasks}
    assert sources[1] == sources[2] == every - {"t0_sf", "niv2"}


def test_a_larger_profile_has_every_setting_of_a_smaller_one_and_trains_longer():
    def settings(specs) -> set:
        of_length = {"steps": 1, "warmup_steps": 0, "decay_steps": 0}
        return {dataclasses.replace(spec, **of_length).run_id for spec in specs}

    small, large = Job(profile="quick", seeds=3), Job(profile="full")
    assert small.settings.run["steps"] < large.settings.run["steps"]
    for name, sweep in SWEEPS.items():
        assert settings(sweep.specs(small)) <= settings(sweep.specs(large)), name


def test_the_larger_profile_of_real_data_goes_on_with_the_smaller_ones_runs():
    small, large = (load_profile(name, "flan2022") for name in ("quick", "full"))
    for name in ("run", "models", "single_task"):
        assert getattr(small, name) == getattr(large, name)
    for name in ("fractions", "sizes", "subsets", "inversion_rates"):
        assert set(getattr(small, name)) <= set(getattr(large, name))
    assert small.seeds < large.seeds


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


def test_section_3_6s_comparison_changes_the_formats_alone():
    specs = formats_sweep(Job(profile="smoke", seeds=2))
    assert [(spec.formats, spec.seed) for spec in specs] == [
        ("plain", 0),
        ("plain", 1),
        ("", 0),  # pocket's own way, which varies
        ("", 1),
    ]
    for plain, varied in zip(specs[:2], specs[2:], strict=True):
        assert dataclasses.replace(plain, formats="") == varied
    plain, varied = (spec.load_mixture() for spec in specs[::2])
    texts = [[mixture[i].inputs for i in range(100)] for mixture in (plain, varied)]
    same = sum(a == b for a, b in zip(*texts, strict=True))
    assert 30 < same < 70  # most few-shot prompts vary, and few of the others


@pytest.mark.filterwarnings("ignore::flanrepro.collection.task.MissingTasks")
def test_section_3_6s_comparison_on_real_data_shares_the_varied_run(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    load_collection.cache_clear()
    job = Job(profile="smoke", collection="flan2022")
    assert [spec.formats for spec in formats_sweep(job)] == ["plain", ""]
    varied = formats_sweep(job)[1]
    assert varied == next(spec for spec in ablations(job) if spec.mixture == "flan2022")


@pytest.mark.filterwarnings("ignore:mixture:flanrepro.collection.task.MissingTasks")
def test_a_mixture_without_any_task_here_costs_the_others_nothing(monkeypatch):
    load_collection.cache_clear()
    tasks = load_collection("pocket").every_task
    # P3++ is Flan 2021's data sets with P3's prompts, and T0-SF.
    for name in [name for name, task in tasks.items() if task.source in ("p3", "t0_sf")]:
        lost = dataclasses.replace(tasks[name], find_missing=lambda split: "it is lost")
        monkeypatch.setitem(tasks, name, lost)
    with pytest.warns(MissingTasks, match=r"left out: mixture 'p3\+\+': none of its .* it is lost"):
        names = [spec.mixture for spec in ablations(Job(profile="smoke"))]
    load_collection.cache_clear()
    assert "p3++" not in names and len(names) == 7


@pytest.mark.filterwarnings("ignore::flanrepro.collection.task.MissingTasks")
@pytest.mark.parametrize("profile", profile_names("flan2022"))
def test_real_data_are_evaluated_on_all_suites_with_the_protocols_own_exemplars(
    profile, mirror, monkeypatch, tmp_path
):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    load_collection.cache_clear()
    job = Job(profile=profile, collection="flan2022")
    pairs = SWEEPS["ablations"].evaluated(job)
    own = {"held_in": 3, "cot": 3, "mmlu": 5, "bbh": 3, "bbh_cot": 3}
    assert pairs == tuple((suite, k) for suite, shots in own.items() for k in (0, shots))
    assert SWEEPS["task_scaling"].evaluated(job) == (("held_in", 0), ("mmlu", 0))
    for suite in own:
        assert job.settings.items_of(suite) is None or job.settings.items_of(suite) > 0


def test_a_run_of_no_steps_is_the_start_itself(tmp_path):
    job = Job(profile="smoke", out=str(tmp_path))
    spec = untuned(job)
    start = pretrained.load(spec.start)
    assert (spec.steps, spec.seed) == (0, 0)
    params = job.store.get(spec).params()
    assert jax.tree.all(jax.tree.map(np.array_equal, params, start))


@pytest.mark.filterwarnings("ignore::flanrepro.collection.task.MissingTasks")
def test_section_3_6s_comparison_is_with_the_profiles_own_way(monkeypatch):
    job = Job(profile="paper", collection="flan2022")
    assert job.settings.run["formats"] == "paper"
    asked = []
    monkeypatch.setattr(Job, "specs", lambda self, **changes: asked.append(changes) or ())
    formats_sweep(job)
    assert [changes["formats"] for changes in asked] == ["plain", "paper"]


def test_inversion_is_also_asked_in_the_inverse_direction_where_there_is_such_a_suite():
    sweep = SWEEPS["inversion_dose"]
    asked = sweep.evaluated(Job(profile="smoke"))
    assert asked[-2:] == (("inverse", 0), ("inverse", 3)) and asked[0] == ("mmlu", 0)
    assert {suite for suite, _ in sweep.evaluated(Job("flan2022"))} == {"mmlu", "bbh"}
