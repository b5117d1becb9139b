import numpy as np
import pytest

from ci.chaos import checkpoints, models
from flanrepro.errors import InputError
from flanrepro.experiments.load import load
from flanrepro.model.tree import flat


@pytest.fixture
def sound(tmp_path, monkeypatch):
    """The sound model and a folder that a layout wrote it to."""
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path))
    (tmp_path / "model").mkdir()
    return checkpoints.sound_model(), tmp_path / "model"


def test_tampered_checkpoints_are_a_sentence_or_sound(tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="PyTorch is not installed (extra `interop`)")
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path))
    tried = list(models.trials(12, 0, tmp_path, apart=False))
    assert [trial for trial in tried if trial.fell] == []
    assert {trial.kind for trial in tried} == {*checkpoints.LAYOUTS, "name"}


@pytest.mark.slow
def test_the_whole_campaign_holds(tmp_path):
    pytest.importorskip("torch", reason="PyTorch is not installed (extra `interop`)")
    tried = list(models.trials(models.NUMBER, 0, tmp_path))
    assert len(tried) == models.NUMBER
    assert [trial for trial in tried if trial.fell] == []


@pytest.mark.parametrize("kind", checkpoints.LAYOUTS)
def test_what_nobody_touched_is_read_as_it_is(kind, sound):
    if "PyTorch" in kind:
        pytest.importorskip("torch", reason="PyTorch is not installed (extra `interop`)")
    (model, folder), layout = sound, checkpoints.LAYOUTS[kind]
    checkpoints.write(layout, model, checkpoints.leaves_of(layout, model), folder)
    vocabulary = "pocket" if layout.ours else ""
    expected = flat(model.params)
    assert models.judged(str(folder), vocabulary, expected, 0) == ""
    one = expected | {"encoder/encoder_norm/scale": np.zeros(16, np.float32)}
    assert models.judged(str(folder), vocabulary, one, 1) == ""
    said = "1 other leaves in silence: ['encoder/encoder_norm/scale']"
    assert models.judged(str(folder), vocabulary, one, 0) == said


def test_a_model_that_is_not_finite_falls(sound, monkeypatch):
    model, _ = sound
    leaves = {name: np.array(leaf) for name, leaf in flat(model.params).items()}
    leaves["encoder/encoder_norm/scale"][2] = np.nan
    odd = type(model)("odd", model.config, checkpoints.tree.nested(leaves), model.vocabulary)
    monkeypatch.setattr(models, "load", lambda *_: odd)
    fell = models.judged("odd", "", flat(model.params), 1)
    assert fell == "encoder/encoder_norm/scale is not finite, in silence"


def test_a_hostile_pickle_would_leave_a_mark(sound):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra `interop`)")
    model, folder = sound
    layout = checkpoints.LAYOUTS["older PyTorch"]
    checkpoints.write(layout, model, checkpoints.leaves_of(layout, model), folder)

    class First:
        def integers(self, *_):
            return 0

    checkpoints.hostile_pickle(folder / "pytorch_model.bin", First())
    with pytest.raises(InputError, match="'os system'"):
        load(folder)
    assert not (folder.parent / "marker").exists()
    with (folder / "pytorch_model.bin").open("rb") as file:
        torch.serialization.pickle.load(file)  # as an older PyTorch, or somebody else, reads it
    assert (folder.parent / "marker").exists()


def test_a_process_that_ends_or_hangs_falls_and_the_next_is_another(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "HUNG", 0.2)
    loader = models.Loader(tmp_path)
    for work, fell in (("exit", "the process ended with status 3"), ("sleep", "it hung for 0.2 s")):
        monkeypatch.setattr(models, "_serve", _ends if work == "exit" else _sleeps)
        assert loader.judged() == fell
        assert loader.process is None


def _ends(pipe, _):
    pipe.send("ready")
    pipe.recv()
    raise SystemExit(3)


def _sleeps(pipe, _):
    pipe.send("ready")
    pipe.recv()
    pipe.recv()
