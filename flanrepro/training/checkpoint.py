"""Checkpoints of a run: its state, its stream's position and its measurements so far.

checkpoints/
  50/             a checkpoint, named by its step: `state/` and `progress/` by Orbax, and
                  `checksums.json` (a checkpoint of an older version has none)
  50.damaged/     one that was not what its checksums say, set aside when an older one was read
  75.part/        one that is being written, or was when its process ended
"""

import contextlib
import os
import re
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from flanrepro.errors import InputError
from flanrepro.model.finite import not_finite
from flanrepro.training import mesh as devices
from flanrepro.training.checksums import damage, write_checksums
from flanrepro.training.step import TrainState
from flanrepro.whole import free_space, kind_of, make_folder

KEPT = 2
"""Number of checkpoints that are kept, the newest ones."""

# A folder of another name, such as 007, is not ours.
_STEP = re.compile(r"0|[1-9][0-9]{0,9}")
_UNFINISHED = re.compile(r"(\d+|space\.\d+)\.(part|orbax-checkpoint-tmp).*")


class DamagedCheckpoint(UserWarning):
    """A checkpoint is damaged, and the run goes on from an older one."""


def steps_in(folder: Path) -> list[int]:
    """The steps of a folder's checkpoints, whole or not, in ascending order."""
    found = _entries(folder)
    return sorted(int(path.name) for path in found if _STEP.fullmatch(path.name) and path.is_dir())


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir()) if kind_of(folder) == "a folder" else []
    except OSError as error:
        raise InputError(
            f"the folder of checkpoints {folder} cannot be read ({error.strerror}): allow this "
            "user to read it"
        ) from None


class Checkpoints:
    """The checkpoints of one run, the newest two kept; each is whole, or there is none.

    On several hosts all of them call each method; the first one looks, and moves folders.

    Args:
        folder: path that gets one folder per step; InputError if it cannot be made.
    """

    def __init__(self, folder: Path):
        self.folder = make_folder(folder.absolute(), "folder of checkpoints")
        self._orbax = ocp.Checkpointer(ocp.CompositeCheckpointHandler())
        self._damaged: dict[int, str] = {}
        self._latest: int | None = None
        if jax.process_index() == 0:
            for path in _entries(self.folder):
                if _UNFINISHED.fullmatch(path.name):
                    _remove(path)

    @property
    def latest(self) -> int | None:
        """Step of the newest whole checkpoint; None: there is none; InputError: all are damaged."""
        if self._latest is None:
            found = _newest(self.folder, self._damaged) if jax.process_index() == 0 else None
            self._latest, damaged = devices.gathered(found)[0]
            self._damaged = dict(damaged)
            if self._latest is None and self._damaged:
                step, reason = max(self._damaged.items())
                raise InputError(
                    f"the checkpoint of step {step} in {self.folder} is damaged ({reason}), and "
                    "there is no older one to go on from: move the folder away to begin anew"
                )
        return self._latest

    def save(self, step: int, state: TrainState, progress: dict) -> None:
        """Writes a checkpoint.

        Raises:
            InputError: the state has numbers that are none, or the disk does not take it; the older
                checkpoints stay.
        """
        if wrong := not_finite(state):
            raise InputError(
                f"the run diverged: after step {step} its {wrong} holds numbers that are none; "
                f"{self.kept()}, and no later one is written: train it with a lower learning_rate"
            )
        part = self.folder / f"{step}.part"
        args = ocp.args.Composite(
            state=ocp.args.StandardSave(state._asdict()), progress=ocp.args.JsonSave(progress)
        )
        try:
            # Asked first: on a full disk TensorStore fails in many threads, and all of them report.
            _ask_for(sum(leaf.nbytes for leaf in jax.tree.leaves(state)), self.folder)
            self._orbax.save(part, args=args, force=True)
            if jax.process_index() == 0:
                write_checksums(part)
                if os.path.lexists(self.folder / str(step)):  # not ours, and in the way
                    _rename(self.folder / str(step), ".damaged")
                part.rename(self.folder / str(step))
        except Exception as error:  # Orbax and TensorStore report a failed write by several classes
            _remove(part)
            reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
            raise InputError(
                f"the checkpoint of step {step} could not be written to {self.folder} "
                f"({free_space(self.folder)}; {reason[:200]}); {self.kept()}: free some space and "
                "start the run again, it goes on from there"
            ) from None
        devices.agreed(True)  # the others wait until it is in its place
        self._latest = step
        if jax.process_index() == 0:
            for older in steps_in(self.folder)[:-KEPT]:
                self._delete(older)

    def kept(self) -> str:
        """Says which checkpoint there is, for a sentence."""
        kept = self._latest
        return (
            "there is none before it" if kept is None else f"the checkpoint of step {kept} is whole"
        )

    def _delete(self, step: int) -> None:
        # Renamed first: a process that is killed meanwhile leaves no half of a checkpoint.
        _remove(_rename(self.folder / str(step), ".part"))

    def back_to(self, step: int) -> None:
        """Deletes the checkpoints after `step`; those that are damaged are set aside."""
        self._set_aside(step)
        if jax.process_index() == 0:
            for later in steps_in(self.folder):
                if later > step:
                    self._delete(later)
        self._latest = None

    def restore(self, like: TrainState) -> tuple[TrainState, dict]:
        """Reads the newest whole checkpoint: its state, with `like`'s shardings, and its progress.

        Newer ones that are damaged are set aside, with a `DamagedCheckpoint` warning.

        Raises:
            InputError: all are damaged.
        """
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, like._asdict())
        args = ocp.args.Composite(
            state=ocp.args.StandardRestore(abstract), progress=ocp.args.JsonRestore()
        )
        while True:
            step = self.latest
            try:
                restored = self._orbax.restore(self.folder / str(step), args=args)
                break
            except Exception as error:  # of many classes; one of an older version has no checksums
                self._damaged[step], self._latest = " ".join(str(error).split())[:200], None
        self._set_aside(step)
        state = jax.tree.map(_bound_as, TrainState(**restored.state), like)
        return state, restored.progress

    def _set_aside(self, whole: int) -> None:
        for step, reason in self._damaged.items():
            if jax.process_index() == 0:
                _rename(self.folder / str(step), ".damaged")
            warnings.warn(
                f"the checkpoint of step {step} in {self.folder} is damaged ({reason}): the run "
                f"goes on from the one of step {whole}, and it is kept as {step}.damaged",
                DamagedCheckpoint,
                stacklevel=3,
            )
        self._damaged = {}

    def close(self) -> None:
        self._orbax.close()


def _newest(folder: Path, damaged: Mapping[int, str]) -> tuple[int | None, list]:
    """Finds the newest whole checkpoint, and what is wrong with each that is newer."""
    wrong = {}
    for step in reversed(steps_in(folder)):
        reason = damaged.get(step) or _fault(folder / str(step))
        if not reason:
            return step, list(wrong.items())
        wrong[step] = reason
    return None, list(wrong.items())


def _fault(path: Path) -> str:
    """Says what is wrong with a checkpoint; empty: nothing, as far as it can be told unread."""
    try:
        missing = [name for name in ("state", "progress") if kind_of(path / name) != "a folder"]
        return damage(path) or (f"{missing[0]} is missing" if missing else "")
    except OSError as error:
        raise InputError(
            f"the checkpoint {path} cannot be read ({error.strerror}): allow this user to read it"
        ) from None


def _rename(path: Path, ending: str) -> Path:
    """Gives a folder another ending, in the place of what had it; gives the new path."""
    to = path.with_name(f"{path.name}{ending}")
    _remove(to)
    try:
        return path.rename(to)
    except OSError as error:
        raise InputError(
            f"{path} could not be renamed to {to.name} ({error.strerror}): allow this user to "
            "write there, or move it away"
        ) from None


def _remove(path: Path) -> None:
    """Removes a folder or a file, if there is one; what cannot be removed stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _bound_as(array: jax.Array, like: jax.Array) -> jax.Array:
    """Gives an array that is committed to its device only if `like` is.

    Orbax commits what it reads, and a step that was compiled for other arrays is compiled anew.
    """
    return array if like.committed else jnp.array(np.asarray(array))


def _ask_for(size: int, folder: Path) -> None:
    """Raises OSError if the disk, or a quota, would not take `size` more bytes."""
    if not hasattr(os, "posix_fallocate"):  # macOS: only the write itself tells
        return
    path = folder / f"space.{os.getpid()}.part"
    try:
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    finally:
        path.unlink(missing_ok=True)


def restore_params(folder: Path, step: int | None = None) -> dict:
    """Reads a checkpoint's parameters, as NumPy arrays.

    Args:
        folder: path of a run's checkpoints.
        step: a finished run's last step; None: the newest checkpoint's.

    Raises:
        InputError: there is no such checkpoint, it is damaged, or its parameters are not finite.
    """
    folder, steps = folder.absolute(), steps_in(folder)
    if not steps or (step is not None and step not in steps):
        which = "no checkpoint" if step is None else f"no checkpoint of step {step}"
        raise InputError(f"{which} in {folder}: train the run first")
    # Not by `Checkpoints`, which needs the whole state, and cleans up a folder that another process
    # may be writing to.
    step = steps[-1] if step is None else step
    path, reason = folder / str(step), _fault(folder / str(step))
    try:
        params = {} if reason else _read_params(path / "state")
    except Exception as error:  # of many classes; a checkpoint of an older version has no checksums
        reason = " ".join(str(error).split())[:200]
    if reason:
        older, _ = _newest(folder, {s: "later" for s in steps if s >= step})
        again = folder.parent / "manifest.json", f"goes on from its checkpoint of step {older}"
        move, then = (folder.parent, "begins anew") if older is None else again
        raise InputError(
            f"the checkpoint {path} is damaged ({reason}): move {move} away and run again, the run "
            f"{then}"
        )
    if wrong := not_finite(params):
        raise InputError(
            f"the parameters of {path} are none: {wrong} holds numbers that are infinite or NaN; "
            f"the run diverged: move {folder.parent} away, and train with a lower learning_rate"
        )
    return params


def _read_params(path: Path) -> dict:
    handler = ocp.PyTreeCheckpointHandler()
    item = {"params": jax.tree.map(lambda _: 0, handler.metadata(path).tree["params"])}
    as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), item)
    args = ocp.args.PyTreeRestore(item, restore_args=as_numpy, partial_restore=True)
    return handler.restore(path, args=args)["params"]
