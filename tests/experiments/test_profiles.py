import dataclasses
import os

import pytest

from flanrepro.collection.task import MissingTasks
from flanrepro.data.vocabulary import load_vocabulary
from flanrepro.errors import InputError
from flanrepro.experiments.profiles import Job, NoBase, load_profile, profile_names, workspace
from flanrepro.model import pretrained
from flanrepro.model.sizes import SIZES
from flanrepro.sources import COLLECTIONS, load_collection
from flanrepro.training.optimizer import OPTIMIZERS

HERE = [name for name in COLLECTIONS if name != "flan2022_rendered"]  # which is on the Hub alone
ROWS = [(name, collection) for collection in HERE for name in profile_names(collection)]


@pytest.mark.filterwarnings("ignore::flanrepro.collection.task.MissingTasks")
@pytest.mark.parametrize(("profile", "collection"), ROWS)
def test_every_profile_makes_valid_specs(profile, collection, mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    load_collection.cache_clear()
    job = Job(profile=profile, collection=collection)
    specs = list(job.specs())
    assert [spec.seed for spec in specs] == list(range(job.settings.seeds))
    for spec in specs:
        assert spec.collection == collection
        assert spec.model in SIZES
        assert spec.optimizer in OPTIMIZERS
        assert min(spec.steps, spec.batch_size, spec.inputs_length, spec.targets_length) > 0
        assert 0 < spec.learning_rate < 1
        assert spec.load_mixture().few_shot_fraction == 0.5
    fractions = job.settings.fractions
    assert sorted(fractions) == list(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    assert set(job.settings.suites) <= set(specs[0].load_collection().suites)
    assert all(job.shots(suite) > 0 for suite in job.settings.suites)


def test_a_run_belongs_to_the_data_that_was_at_hand(mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    load_collection.cache_clear()
    with pytest.warns(MissingTasks, match="52 tasks are not available and are left out"):
        spec = next(Job(profile="smoke", collection="flan2022").specs())
    assert len(spec.load_mixture().tasks) == 20
    with pytest.raises(InputError, match="is made of other data here"):
        dataclasses.replace(spec, data="0123456789ab").load_mixture()
    with pytest.raises(InputError, match="has its own tasks"):
        dataclasses.replace(spec, tasks=("rte",)).load_mixture()


@pytest.mark.filterwarnings("ignore::flanrepro.collection.task.MissingTasks")
def test_every_seed_of_a_subset_can_be_trained():
    specs = list(Job(profile="smoke", seeds=3).specs(mixture="equal", subset=3))
    chosen = [frozenset(t.name for t in spec.load_mixture().tasks) for spec in specs]
    assert len(set(chosen)) == len({spec.data for spec in specs}) > 1


def test_rendered_prompts_that_were_not_fetched_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    monkeypatch.delenv("FLANREPRO_MIRROR", raising=False)
    with pytest.raises(
        InputError, match=r"none of its 72 .* data fetch bool_q -c flan2022_rendered`"
    ):
        next(Job(profile="smoke", collection="flan2022_rendered").specs())


@pytest.mark.parametrize("profile", profile_names("pocket"))
def test_pocket_profiles_use_the_shipped_vocabulary(profile):
    spec = next(Job(profile=profile).specs())
    assert spec.load_vocabulary() is load_vocabulary("pocket")


def test_a_jobs_parameters_go_before_the_profiles():
    specs = list(Job(profile="smoke", model="micro", seeds=2).specs(few_shot_fraction=0.25))
    assert [(spec.model, spec.seed, spec.few_shot_fraction) for spec in specs] == [
        ("micro", 0, 0.25),
        ("micro", 1, 0.25),
    ]


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"profile": "fast"}, "unknown profile 'fast': choose one of smoke, quick"),
        ({"profile": ""}, "unknown profile '': choose one of smoke, quick"),
        ({"model": "huge"}, "unknown model 'huge': choose one of nano, micro, mini, small, base"),
        ({"collection": "p3"}, "unknown collection 'p3': choose one of pocket, flan2022"),
        ({"engine": "tpu"}, "unknown engine 'tpu': choose one of local, t5x, shipped"),
        ({"mesh": "8"}, "mesh is '8': expected DATAxMODEL"),
        ({"seeds": -1}, "seeds is -1: expected a whole number, 0 to 1,000"),
        ({"seeds": 1.5}, "seeds is 1.5: expected a whole number, 0 to 1,000"),
        ({"seeds": True}, "seeds is True: expected a whole number, 0 to 1,000"),
    ],
)
def test_a_wrong_parameter_is_one_sentence_with_the_valid_ones(parameters, sentence):
    with pytest.raises(InputError, match=sentence):
        Job(**parameters)


def test_an_unknown_profile_or_collection_is_refused_when_loaded():
    with pytest.raises(InputError, match="unknown profile 'fast': choose one of smoke"):
        load_profile("fast", "pocket")
    with pytest.raises(InputError, match="unknown collection 'p3': choose one of pocket"):
        load_profile("smoke", "p3")
    with pytest.raises(InputError, match="unknown profile of collection 'pocket' 'paper': choose"):
        load_profile("paper", "pocket")


def test_the_mesh_is_no_part_of_a_run_and_the_engine_is():
    spec = next(Job(profile="smoke").specs())
    assert next(Job(profile="smoke", mesh="4x2").specs()) == spec
    twin = next(Job(profile="smoke", engine="t5x").specs())
    assert dataclasses.replace(twin, engine="local") == spec != twin
    shipped = next(Job(profile="smoke", engine="shipped", seeds=1).specs())
    assert dataclasses.replace(shipped, prompts=spec.prompts) == spec


@pytest.mark.filterwarnings("ignore::flanrepro.collection.task.MissingTasks")
def test_the_papers_profile_has_its_hyperparameters(mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    load_collection.cache_clear()
    (spec,) = Job(profile="paper", collection="flan2022").specs(mixture="flan2022")
    assert (spec.model, spec.start, spec.steps) == ("xl", "google/t5-xl-lm-adapt", 38_000)
    assert (spec.optimizer, spec.learning_rate, spec.dropout_rate) == ("adafactor", 5e-4, 0.05)
    assert (spec.batch_size, spec.inputs_length, spec.targets_length) == (64, 2048, 512)
    (base,) = Job(profile="paper", collection="flan2022", model="base").specs()
    assert (base.model, base.start, base.steps) == ("base", "google/t5-base-lm-adapt", 38_000)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with `notebooks` and the `pyproject.toml` of this project."""
    monkeypatch.delenv("FLANREPRO_OUT", raising=False)
    (tmp_path / "project" / "notebooks" / "deep").mkdir(parents=True)
    (tmp_path / "project" / "pyproject.toml").write_text('[project]\nname = "flanrepro"\n')
    return tmp_path / "project"


@pytest.mark.parametrize("inside", ["", "notebooks", "notebooks/deep"])
def test_results_go_to_out_of_the_project_around_the_current_folder(project, monkeypatch, inside):
    monkeypatch.chdir(project / inside)
    assert workspace() == project / "out"


def test_elsewhere_results_go_to_out_of_the_current_folder(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert workspace() == tmp_path / "out"
    (project / "pyproject.toml").write_text('name = "mine"')  # notebooks of another project
    monkeypatch.chdir(project)
    assert workspace() == project / "out"
    monkeypatch.chdir(project / "notebooks")
    assert workspace() == project / "notebooks" / "out"


@pytest.mark.parametrize(
    ("given", "variant"),
    [
        ({}, "quick"),
        ({"model": "nano", "seeds": 1}, "quick"),  # the profile's own
        ({"engine": "shipped", "seeds": 5}, "quick.shipped"),
        ({"engine": "shipped", "seeds": 1}, "quick.shipped.seeds1"),
        ({"model": "micro", "seeds": 2, "profile": "smoke"}, "smoke.micro.seeds2"),
    ],
)
def test_results_of_another_model_engine_or_number_of_seeds_lie_apart(tmp_path, given, variant):
    job = Job(out=str(tmp_path), **given)
    assert (job.variant, job.figures) == (variant, tmp_path / "figures" / variant)


def test_a_job_says_where_results_go(project, monkeypatch):
    monkeypatch.chdir(project / "notebooks")
    said = "Results go to ../out: figures to ../out/figures/quick, runs to ../out/runs."
    assert Job().where().replace(os.sep, "/") == said
    monkeypatch.chdir(project / "notebooks" / "deep")
    assert str(project / "out") in Job().where()  # far away: from the top of the disk


def test_out_goes_before_the_environment_and_that_before_the_project(
    project, tmp_path, monkeypatch
):
    monkeypatch.chdir(project)
    monkeypatch.setenv("FLANREPRO_OUT", str(tmp_path / "set"))
    assert workspace() == tmp_path / "set"
    assert workspace("given") == project / "given"
    job = Job(out=str(tmp_path / "out"), profile="smoke")
    assert job.store.root == tmp_path / "out" / "runs"
    assert job.figures == tmp_path / "out" / "figures" / "smoke"


def test_another_model_has_its_own_fields_and_the_rest_is_the_profiles(two_sizes):
    nano, micro = (next(Job(model=model, seeds=1).specs()) for model in ("nano", "micro"))
    assert (nano.learning_rate, micro.learning_rate) == (2e-3, 7.5e-4)
    assert (nano.start, micro.start) == tuple(pretrained.index())
    changed = dataclasses.replace(micro, model="nano", learning_rate=2e-3, start=nano.start)
    assert changed == nano
    assert next(Job(model="micro", seeds=1).specs(learning_rate=1e-4)).learning_rate == 1e-4


def test_a_size_without_a_checkpoint_starts_from_nothing_and_says_so():
    said = "no checkpoint of model 'xl' ships for collection 'pocket': .* choose one of "
    with pytest.warns(NoBase, match=said):
        (spec,) = Job(model="xl", seeds=1).specs()
    assert (spec.model, spec.start) == ("xl", "")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"batchsize": 4},
            "RunSpec has no field 'batchsize': it has collection, model, voc",
        ),
        ({"mixture": ["flan2022"]}, r"mixture is \['flan2022'\]: expected a line of at most"),
        ({"mixture": "flan2023"}, "unknown mixture 'flan2023': choose one of"),
        ({"subset": 2.5}, "subset is 2.5: expected a whole number, 1 to "),
        ({"few_shot_fraction": "half"}, "few_shot_fraction is 'half': expected a number, 0 to 1"),
        ({"steps": float("nan")}, "steps is nan: expected a whole number, 0 to "),
        ({"start": 5}, "start is 5: expected a line of at most"),
    ],
)
def test_a_change_that_makes_no_spec_is_one_sentence(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        next(Job(profile="smoke", seeds=1).specs(**changes))
