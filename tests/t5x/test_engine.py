"""The engine's sentences, and runs of no steps; none of these tests needs T5X."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest

from flanrepro.errors import InputError
from flanrepro.model import pretrained, tree
from flanrepro.model.network import init_params
from flanrepro.t5x import engine


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(engine, "NEEDED", ())


def test_what_is_missing_is_named_with_the_way_to_get_it(spec, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "NEEDED", ("json", "flanrepro.no_such", "no_such.core"))
    with pytest.raises(
        InputError, match=r"needs T5X, and flanrepro, no_such cannot be .*`make t5x`"
    ):
        engine.train(spec, tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_folder_that_is_called_as_a_package_is_none(monkeypatch, tmp_path):
    (tmp_path / "airplane").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(engine, "NEEDED", ("airplane",))
    assert engine.missing_modules() == ["airplane"]


def test_a_t5x_without_the_decoder_only_network_is_told_apart(
    spec, tmp_path, installed, monkeypatch
):
    """T5X's setup.py leaves that folder out: it is there in a checkout alone."""
    monkeypatch.setattr(engine, "DECODER_ONLY", Path("no_such.py"))
    with pytest.raises(InputError, match=r"lacks the network of .*t5x/no_such.py: put the folder"):
        engine.train(dataclasses.replace(spec, model="lm-nano", start=""), tmp_path)
    assert not any(tmp_path.iterdir())


def test_it_does_not_evaluate_while_it_trains(spec, tmp_path, installed):
    with pytest.raises(InputError, match=r"does not evaluate while it trains.*take engine 'local'"):
        engine.train(spec, tmp_path, each=print, every=10)


def test_it_starts_t5x_on_one_host(spec, tmp_path, installed, monkeypatch):
    monkeypatch.setattr(engine.cluster, "process", lambda: (0, 2))
    with pytest.raises(InputError, match=r"one of several: start `python -m t5x.train`"):
        engine.train(spec, tmp_path)


@pytest.mark.parametrize(("name", "given"), [("", True), ("pocket-nano-12345678", False)])
def test_a_start_is_given_if_the_run_has_one(spec, tmp_path, installed, name, given):
    params = pretrained.load(spec.start) if given else None
    with pytest.raises(InputError, match="train it through a RunStore"):
        engine.train(dataclasses.replace(spec, start=name), tmp_path, start=params)


@pytest.mark.parametrize("name", ["", "shipped"])
def test_a_run_of_no_steps_is_its_start(spec, tmp_path, installed, name):
    start = pretrained.load(spec.start) if name else None
    none = dataclasses.replace(spec, steps=0, start=spec.start if name else "", seed=3)
    params, progress = engine.train(none, tmp_path, start=start)
    expected = tree.flat(start or init_params(spec.model_config(), 3))
    for key, leaf in tree.flat(params).items():
        np.testing.assert_array_equal(leaf, expected[key], key)
    assert (progress.history, progress.tokens) == ([], 0)


def test_a_mesh_has_all_devices(spec, tmp_path, installed):
    count = jax.device_count()
    sentence = (
        f"mesh is {count}x2, which is {2 * count} devices, and engine 't5x' takes all {count}"
    )
    with pytest.raises(InputError, match=sentence):
        engine.train(spec, tmp_path, start=pretrained.load(spec.start), mesh=f"{count}x2")


def test_when_t5x_fails_its_last_words_are_given_and_its_log(
    spec, tmp_path, installed, monkeypatch
):
    """Where T5X is installed, gin refuses the file; where it is not, the process lacks T5X."""
    monkeypatch.setattr(engine, "run_gin", lambda *_: "this is no gin")
    with pytest.raises(
        InputError, match=r"exit code 1 before step 24: \w+Error.*train.log says more"
    ):
        engine.train(spec, tmp_path, start=pretrained.load(spec.start))
    assert "Traceback" in (tmp_path / "t5x" / "train.log").read_text()
