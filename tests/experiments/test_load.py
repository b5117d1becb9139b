"""One name, whatever the model is: a folder of any layout, a run, a shipped one, one on the Hub."""

import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest

import flanrepro
from flanrepro.data.vocabulary import load_vocabulary
from flanrepro.errors import InputError
from flanrepro.experiments.load import load, save
from flanrepro.experiments.store import RunStore
from flanrepro.model import pretrained
from flanrepro.model.model import Model
from flanrepro.model.network import init_params
from flanrepro.model.sizes import t5_config
from flanrepro.model.tree import flat
from flanrepro.training.spec import RunSpec


@pytest.fixture(scope="module")
def model():
    return load("pocket-nano")


@pytest.fixture
def hub(model, tmp_path, monkeypatch):
    """A mirror that has the shipped model as `somebody/nano`."""
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path / "mirror"))
    return save(model, tmp_path / "mirror" / "models" / "somebody" / "nano")


def same(found, model):
    expected = flat(model.params)
    assert flat(found.params).keys() == expected.keys()
    for path, leaf in flat(found.params).items():
        np.testing.assert_array_equal(leaf, expected[path], path)
    assert found.config == model.config
    assert found.vocabulary.encode("the red cup") == model.vocabulary.encode("the red cup")


def test_a_shipped_model_has_a_short_and_a_full_name(model):
    full = pretrained.full_name("pocket", "nano")
    assert (model.name, model.config.emb_dim) == (full, 64)
    assert model.vocabulary.size == model.config.vocab_size
    same(load(full), model)


def test_activations_are_float32_on_every_device_unless_asked_otherwise(model, monkeypatch):
    assert model.config.dtype == "float32"
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert load("pocket-nano").config.dtype == "float32"
    assert load("pocket-nano", dtype="bfloat16").config.dtype == "bfloat16"


def test_a_hugging_face_folder_is_loaded_by_path_and_by_the_hub_s_name(model, hub):
    same(load(hub), model)
    same(load(str(hub)), model)
    found = load("somebody/nano")
    same(found, model)
    assert found.name == "somebody/nano"


def test_a_folder_here_comes_before_the_hub(model, hub, tmp_path, monkeypatch):
    shutil.copytree(hub, tmp_path / "here" / "somebody" / "nano")
    (hub / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path / "here")
    same(load("somebody/nano"), model)


def test_a_t5x_checkpoint_is_loaded_with_the_vocabulary_named(model, tmp_path):
    path = save(model, tmp_path / "t5x", format="t5x", step=7)
    assert path.name == "checkpoint_7"
    same(load(path, vocabulary="pocket"), model)
    same(load(tmp_path / "t5x", vocabulary="pocket"), model)


def test_a_t5x_checkpoint_of_another_vocabulary_is_a_sentence(model, tmp_path):
    from flanrepro.data.vocabulary import train_vocabulary

    words = (f"{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i // 676)}" for i in range(9000))
    larger = train_vocabulary(words, tmp_path / "larger.model", 1000)
    path = save(model, tmp_path / "t5x", format="t5x")
    with pytest.raises(InputError, match=r"896 rows .*larger\.model has \d+ pieces"):
        load(path, vocabulary=str(larger))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of no step: the shipped model, in a store."""
    spec = RunSpec(
        collection="pocket",
        model="nano",
        vocabulary="pocket",
        steps=0,
        batch_size=2,
        inputs_length=64,
        targets_length=16,
        learning_rate=1e-3,
        start=pretrained.full_name("pocket", "nano"),
    )
    return RunStore(tmp_path_factory.mktemp("runs")).get(spec)


def test_a_decoder_only_model_is_t5x_s_and_no_hugging_face_one(tmp_path):
    vocabulary = load_vocabulary("pocket")
    config = t5_config("lm-nano", vocabulary.size)
    params = jax.tree.map(np.array, init_params(config, 0))
    ours = Model("ours", config, params, vocabulary)
    with pytest.raises(InputError, match="'ours' is T5's decoder alone, which `transformers`"):
        save(ours, tmp_path / "theirs")
    assert not (tmp_path / "theirs").exists()
    found = load(save(ours, tmp_path, "t5x", step=3), vocabulary="pocket")
    assert found.config == config
    jax.tree.map(np.testing.assert_array_equal, found.params, params)


def test_a_finished_run_is_loaded_from_its_folder(run, model):
    found = load(run.folder)
    same(found, model)
    assert found.name == run.spec.run_id


def test_a_run_that_is_not_finished_or_damaged_is_a_sentence(run, tmp_path):
    folder = shutil.copytree(run.folder, tmp_path / "run")
    (folder / "spec.json").write_text("{")
    with pytest.raises(InputError, match=r"spec\.json cannot be read"):
        load(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(InputError, match="is not finished: train it first"):
        load(folder)


def test_a_model_is_not_given_another_vocabulary_than_its_own(run):
    assert load(run.folder, "pocket").vocabulary is load("pocket-nano", "pocket").vocabulary
    for name in (run.folder, "pocket-nano"):
        with pytest.raises(InputError, match="with the vocabulary 'pocket', and 't5' was asked"):
            load(name, "t5")


@pytest.mark.parametrize("name", ["nano", "", "a/b/c", "../x", "/nowhere", "google/../x", "x y/z"])
def test_no_model_of_that_name_is_a_sentence_that_says_what_there_is(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = r"(there is no model|holds no model).*(pocket-nano.*google/flan-t5-small|spec\.json)"
    with pytest.raises(InputError, match=said):
        load(name)


@pytest.mark.parametrize(
    "name", ["a\0b", "\ud800", "a\nb", "~no-such-user/x", "x" * 300, "a\u2028/b"]
)
def test_a_name_that_no_file_has_is_one_line(name, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path))
    asked = [lambda: load(name), lambda: load("pocket-nano", name), lambda: load(hub, dtype=name)]
    hub = save(model, tmp_path / "hub")
    if name not in ("a\nb", "a\u2028/b"):  # a folder may be called so
        asked += [lambda: save(model, name), lambda: save(model, name, format="t5x")]
    for ask in asked:
        with pytest.raises(InputError) as caught:
            ask()
        assert len(str(caught.value).splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["hub"]


def test_a_folder_of_something_else_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match=r"holds no model: expected config\.json"):
        load(tmp_path)


def test_an_unknown_layout_is_a_sentence(model, tmp_path):
    with pytest.raises(InputError, match="'onnx': choose one of huggingface, t5x"):
        save(model, tmp_path, format="onnx")


def test_the_package_has_load_and_save_and_imports_nothing_for_them():
    assert (flanrepro.load, flanrepro.save) == (load, save)
    with pytest.raises(AttributeError, match="has no attribute 'lod'"):
        flanrepro.lod  # noqa: B018
    program = "import sys, flanrepro; print('jax' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"]
