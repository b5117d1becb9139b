import os
import shutil
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from flanrepro.errors import InputError
from flanrepro.training import checkpoint
from flanrepro.training.checkpoint import (
    Checkpoints,
    DamagedCheckpoint,
    not_finite,
    restore_params,
    steps_in,
)
from flanrepro.training.checksums import NAME
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

    monkeypatch.setattr(ocp.Checkpointer, "save", fail)
    sentence = (
        r"the checkpoint of step 2 could not be written to .* MB free; OUT_OF_RANGE: no space\); "
        "the checkpoint of step 1 is whole: free some space and start the run again"
    )
    with pytest.raises(InputError, match=sentence):
        checkpoints.save(2, state(2.0), {})
    with pytest.raises(InputError, match="there is none before it"):
        Checkpoints(tmp_path / "new").save(2, state(2.0), {})


# --- damage ---


@pytest.fixture
def two(tmp_path) -> Path:
    """A folder with the whole checkpoints 25 and 50."""
    checkpoints = Checkpoints(tmp_path)
    for step in (25, 50):
        checkpoints.save(step, state(step), {"step": step})
    checkpoints.close()
    return tmp_path


def largest(folder: Path) -> Path:
    files = (path for path in (folder / "50" / "state").rglob("*") if path.is_file())
    return max(files, key=lambda path: path.stat().st_size)


def flip(folder: Path) -> None:
    content = bytearray(largest(folder).read_bytes())
    content[len(content) // 2] ^= 1
    largest(folder).write_bytes(content)


def empty(folder: Path) -> None:
    shutil.rmtree(folder / "50")
    (folder / "50").mkdir()


def a_pipe(folder: Path) -> None:
    path = largest(folder)
    path.unlink()
    os.mkfifo(path)


DAMAGES = {
    "a flipped bit": flip,
    "no state": lambda folder: shutil.rmtree(folder / "50" / "state"),
    "no progress": lambda folder: shutil.rmtree(folder / "50" / "progress"),
    "metadata cut": lambda folder: os.truncate(folder / "50" / "state" / "_METADATA", 20),
    "a file missing": lambda folder: largest(folder).unlink(),
    "a pipe for a file": a_pipe,
    "checksums cut": lambda folder: os.truncate(folder / "50" / NAME, 100),
    "an empty folder": empty,
}


def of_an_older_version(folder: Path) -> None:
    """Leaves no checksums."""
    for path in folder.glob(f"*/{NAME}"):
        path.unlink()


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_checkpoint_is_set_aside_and_the_older_one_is_read(two, kind):
    DAMAGES[kind](two)
    with pytest.raises(
        InputError, match=rf"checkpoint {two}/50 is damaged \(.*\): move .*manifest"
    ):
        restore_params(two, 50)
    checkpoints = Checkpoints(two)
    said = rf"step 50 in {two} is damaged \(.*\): the run goes on from the one of step 25, and it"
    with pytest.warns(DamagedCheckpoint, match=said):
        back, progress = checkpoints.restore(state(0.0))
    assert progress == {"step": 25}
    jax.tree.map(np.testing.assert_array_equal, back, state(25.0))
    assert sorted(path.name for path in two.iterdir()) == ["25", "50.damaged"]
    checkpoints.save(50, state(50.0), {"step": 50})
    jax.tree.map(np.testing.assert_array_equal, restore_params(two, 50), state(50.0).params)


@pytest.mark.parametrize("kind", ["no state", "a file missing", "an empty folder"])
def test_one_of_an_older_version_that_cannot_be_read_is_set_aside_too(two, kind):
    of_an_older_version(two)
    DAMAGES[kind](two)
    with pytest.raises(InputError, match=f"the checkpoint {two}/50 is damaged"):
        restore_params(two)
    with pytest.warns(DamagedCheckpoint, match="goes on from the one of step 25"):
        assert Checkpoints(two).restore(state(0.0))[1] == {"step": 25}


def test_checkpoints_of_older_versions_are_read_without_a_word(two):
    of_an_older_version(two)
    jax.tree.map(np.testing.assert_array_equal, restore_params(two), state(50.0).params)
    assert Checkpoints(two).restore(state(0.0))[1] == {"step": 50}


def test_without_an_older_one_a_damaged_checkpoint_is_one_sentence(two):
    shutil.rmtree(two / "25")
    flip(two)
    said = rf"step 50 in {two} is damaged \(.* is not what was written\), and there is no older one"
    with pytest.raises(InputError, match=said):
        Checkpoints(two).restore(state(0.0))
    with pytest.raises(
        InputError, match=rf"move {two.parent} away and run again, the run begins an"
    ):
        restore_params(two, 50)
    assert steps_in(two) == [50]


def test_names_that_are_no_steps_are_ignored_and_stay(two):
    for name in ("007", "1" * 40, "foreign", "50 copy", "-1"):
        (two / name).mkdir()
    (two / "60").touch()
    assert steps_in(two) == [25, 50]
    checkpoints = Checkpoints(two)
    assert checkpoints.latest == 50
    checkpoints.save(60, state(60.0), {})
    names = ("007", "1" * 40, "foreign", "50 copy", "-1", "50", "60", "60.damaged")
    assert {path.name for path in two.iterdir()} == set(names)
    assert (two / "60.damaged").is_file()


def test_what_killed_processes_leave_is_removed(two):
    for name in ("75.part", "75.part.orbax-checkpoint-tmp", "75.orbax-checkpoint-tmp-5"):
        (two / name).mkdir()
    (two / "space.12.part").touch()
    Checkpoints(two)
    assert sorted(path.name for path in two.iterdir()) == ["25", "50"]


def test_going_back_deletes_what_is_whole_and_sets_aside_what_is_not(two):
    flip(two)
    checkpoints = Checkpoints(two)
    assert checkpoints.latest == 25
    with pytest.warns(DamagedCheckpoint, match="the checkpoint of step 50"):
        checkpoints.back_to(25)
    assert sorted(path.name for path in two.iterdir()) == ["25", "50.damaged"]
    checkpoints.back_to(10)
    assert checkpoints.latest is None


def test_another_step_than_the_last_is_not_a_finished_runs(two):
    with pytest.raises(
        InputError, match=rf"no checkpoint of step 75 in {two}: train the run first"
    ):
        restore_params(two, 75)


def test_numbers_that_are_none_are_not_written(two):
    checkpoints, bad = Checkpoints(two), state(2.0)
    assert checkpoints.latest == 50
    bad.params["b"]["c"] = bad.params["b"]["c"].at[1].set(jax.numpy.inf)
    said = (
        r"the run diverged: after step 75 its params/b/c holds numbers that are none; the "
        "checkpoint of step 50 is whole, and no later one is written"
    )
    with pytest.raises(InputError, match=said):
        checkpoints.save(75, bad, {})
    assert steps_in(two) == [25, 50]
    assert not_finite(state(1.0)) == ""


def test_parameters_of_older_versions_that_are_none_are_refused(two, monkeypatch):
    monkeypatch.setattr(checkpoint, "not_finite", lambda _: "")
    Checkpoints(two).save(75, state(float("nan")), {})
    monkeypatch.undo()
    with pytest.raises(
        InputError, match=rf"the parameters of {two}/75 are none: a holds numbers th"
    ):
        restore_params(two, 75)


@pytest.mark.parametrize("call", ["iterdir", "stat"])
def test_a_folder_that_may_not_be_read_is_one_sentence(two, monkeypatch, call):
    def refused(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, call, refused)
    with pytest.raises(
        InputError, match=r"cannot be read \(Permission denied\): allow this user to"
    ):
        restore_params(two, 50)


def test_a_folder_of_checkpoints_that_is_a_file_is_one_sentence(tmp_path):
    (tmp_path / "it").touch()
    with pytest.raises(
        InputError, match=r"folder of checkpoints .*it is a file: expected a folder"
    ):
        Checkpoints(tmp_path / "it")
