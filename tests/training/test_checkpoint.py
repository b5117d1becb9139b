import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from flanrepro.errors import InputError
from flanrepro.training.checkpoint import Checkpoints, restore_params
from flanrepro.training.step import TrainState


def state(value: float) -> TrainState:
    params = {"a": jax.numpy.full((2, 3), value), "b": {"c": jax.numpy.arange(4.0)}}
    return TrainState(jax.numpy.int32(7), params, ({"mu": params}, jax.numpy.int32(1)))


def test_a_state_comes_back_as_it_was_saved(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(7, state(2.5), {"history": [{"loss": 0.1}], "stream": {"next": 3}})
    back, progress = checkpoints.restore(state(0.0))
    assert jax.tree.structure(back) == jax.tree.structure(state(2.5))
    jax.tree.map(np.testing.assert_array_equal, back, state(2.5))
    assert progress == {"history": [{"loss": 0.1}], "stream": {"next": 3}}
    assert not any(leaf.committed for leaf in jax.tree.leaves(back))


def test_the_two_newest_checkpoints_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2, 3):
        checkpoints.save(step, state(step), {})
    assert checkpoints.latest == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "3"]


def test_parameters_are_read_alone_as_numpy_and_without_a_word(tmp_path, caplog):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(2, state(1.5), {})
    checkpoints.save(10, state(2.5), {})
    caplog.clear()
    params = restore_params(tmp_path)
    assert not caplog.records
    assert {type(leaf) for leaf in jax.tree.leaves(params)} == {np.ndarray}
    jax.tree.map(np.testing.assert_array_equal, params, state(2.5).params)


def test_without_a_checkpoint_there_are_no_parameters(tmp_path):
    with pytest.raises(InputError, match=r"no checkpoint in .*none: train the run first"):
        restore_params(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_write_that_fails_says_which_checkpoint_is_whole(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, state(1.0), {})

    def fail(*args, **kwargs):
        raise ValueError("OUT_OF_RANGE:\n  no space")

    monkeypatch.setattr(ocp.CheckpointManager, "save", fail)
    sentence = (
        r"the checkpoint of step 2 could not be written to .* MB free; OUT_OF_RANGE: no space\); "
        "the one of step 1 is whole: free some space and start the run again"
    )
    with pytest.raises(InputError, match=sentence):
        checkpoints.save(2, state(2.0), {})
    with pytest.raises(InputError, match="there is none before it"):
        Checkpoints(tmp_path / "new").save(2, state(2.0), {})
