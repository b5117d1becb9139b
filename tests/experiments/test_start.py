"""Runs that start from a checkpoint on the Hub, here from a mirror in its layout."""

import dataclasses

import jax
import numpy as np
import pytest

from flanrepro.data.vocabulary import collection_text, train_vocabulary
from flanrepro.errors import InputError
from flanrepro.experiments.load import load, save
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.store import RunStore
from flanrepro.model.tree import flat
from flanrepro.sources import load_collection
from flanrepro.training.spec import RunSpec


@pytest.fixture(scope="module")
def model():
    return load("pocket-nano")


@pytest.fixture(autouse=True)
def hub(model, tmp_path, monkeypatch):
    """A mirror that has the shipped model as `somebody/nano`."""
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path / "mirror"))
    return save(model, tmp_path / "mirror" / "models" / "somebody" / "nano")


@pytest.fixture
def spec() -> RunSpec:
    spec = next(Job(profile="smoke").specs())
    return dataclasses.replace(spec, start="somebody/nano", vocabulary="somebody/nano", steps=0)


def test_a_run_starts_from_the_parameters_and_vocabulary_of_a_repository(spec, model, tmp_path):
    run = RunStore(tmp_path / "runs").get(spec)
    params, expected = flat(run.params()), flat(model.params)
    assert params.keys() == expected.keys()
    assert all((params[name] == expected[name]).all() for name in expected)
    assert run.manifest["start"] == "somebody/nano"


def test_a_folder_of_that_name_here_is_not_what_a_run_starts_from(
    spec, model, tmp_path, monkeypatch
):
    other = jax.tree.map(np.zeros_like, model.params)
    save(dataclasses.replace(model, params=other), tmp_path / "somebody" / "nano")
    monkeypatch.chdir(tmp_path)
    assert not any(leaf.any() for leaf in flat(load("somebody/nano").params).values())
    params, expected = flat(RunStore(tmp_path / "runs").get(spec).params()), flat(model.params)
    assert all((params[name] == expected[name]).all() for name in expected)


def test_it_trains_from_there_as_from_the_shipped_one(spec, tmp_path):
    trained = dataclasses.replace(spec, steps=2)
    shipped = next(Job(profile="smoke").specs())
    same = dataclasses.replace(trained, start=shipped.start, vocabulary=shipped.vocabulary)
    losses = [
        RunStore(tmp_path / "runs").get(s).metrics()["loss"].iloc[-1] for s in (trained, same)
    ]
    assert losses[0] == losses[1]
    assert trained.run_id != same.run_id


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"model": "micro"}, "start 'somebody/nano' is not of model 'micro': it is .*emb_dim=64"),
        ({"start": "somebody/else"}, "has no folder 'models/somebody/else': put a copy"),
        ({"vocabulary": "nobody/none"}, "has no folder 'models/nobody/none': put a copy"),
    ],
)
def test_a_start_that_does_not_fit_is_one_sentence(spec, change, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        RunStore(tmp_path / "runs").get(dataclasses.replace(spec, **change))


def test_a_start_with_another_vocabulary_is_refused(spec, tmp_path):
    other = tmp_path / "other.model"
    train_vocabulary(collection_text(load_collection("pocket")), other, 400, "bpe")
    with pytest.raises(InputError, match=r"has another vocabulary than the run's .*other.model"):
        RunStore(tmp_path / "runs").get(dataclasses.replace(spec, vocabulary=str(other)))


@pytest.mark.parametrize("size", ["small", "base", "large", "xl", "xxl"])
def test_t5s_sizes_start_from_t5_lm_on_real_data(size):
    job = Job(collection="flan2022", model=size)
    fields = job.settings.models[size]
    assert fields["start"] == f"google/t5-{size}-lm-adapt"
    assert (fields["optimizer"], fields["learning_rate"]) == ("adafactor", 5e-4)
