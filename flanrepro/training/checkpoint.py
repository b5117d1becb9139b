"""Orbax checkpoints of a run: its state, its stream's position and its measurements so far."""

import os
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from flanrepro.errors import InputError
from flanrepro.training.step import TrainState


class Checkpoints:
    """The checkpoints of one run, the newest two kept; each is whole, or there is none.

    Args:
        folder: path that gets one folder per step.
    """

    def __init__(self, folder: Path):
        # Saved synchronously: a failed write is reported at the step that it belongs to.
        options = ocp.CheckpointManagerOptions(
            max_to_keep=2, enable_async_checkpointing=False, cleanup_tmp_directories=True
        )
        self.folder = folder
        self._manager = ocp.CheckpointManager(folder.absolute(), options=options)

    @property
    def latest(self) -> int | None:
        """Step of the newest checkpoint; None: there is none."""
        return self._manager.latest_step()

    def save(self, step: int, state: TrainState, progress: dict) -> None:
        """Writes a checkpoint; InputError if the disk does not take it: the older ones stay."""
        args = ocp.args.Composite(
            state=ocp.args.StandardSave(state._asdict()), progress=ocp.args.JsonSave(progress)
        )
        try:
            # Asked first: on a full disk TensorStore fails in many threads, and all of them report.
            _ask_for(sum(leaf.nbytes for leaf in jax.tree.leaves(state)), self.folder)
            # Forced: Orbax would else decide by its own policies if this step is saved.
            self._manager.save(step, args=args, force=True)
        except Exception as error:  # Orbax and TensorStore report a failed write by several classes
            reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
            raise self._unwritten(step, reason[:200]) from None

    def _unwritten(self, step: int, reason: str) -> InputError:
        kept, free = self.latest, shutil.disk_usage(self.folder).free
        return InputError(
            f"the checkpoint of step {step} could not be written to {self.folder} "
            f"({free / 1e6:.0f} MB free; {reason}); "
            + (f"the one of step {kept} is whole" if kept else "there is none before it")
            + ": free some space and start the run again, it goes on from there"
        )

    def back_to(self, step: int) -> None:
        """Deletes the checkpoints after `step`."""
        for later in self._manager.all_steps():
            if later > step:
                self._manager.delete(later)

    def restore(self, like: TrainState) -> tuple[TrainState, dict]:
        """Reads the newest checkpoint: its state, with `like`'s shardings, and its progress."""
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, like._asdict())
        args = ocp.args.Composite(
            state=ocp.args.StandardRestore(abstract), progress=ocp.args.JsonRestore()
        )
        restored = self._manager.restore(self.latest, args=args)
        state = jax.tree.map(_bound_as, TrainState(**restored.state), like)
        return state, restored.progress

    def close(self) -> None:
        self._manager.close()


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


def restore_params(folder: Path) -> dict:
    """Reads the newest checkpoint's parameters, as NumPy arrays; InputError if there is none."""
    steps = ocp.utils.checkpoint_steps(folder.absolute()) if folder.is_dir() else []
    if not steps:
        raise InputError(f"no checkpoint in {folder}: train the run first")
    # Not by `Checkpoints`, which needs the whole state, and cleans up a folder that another process
    # may be writing to.
    path = folder.absolute() / str(max(steps)) / "state"
    handler = ocp.PyTreeCheckpointHandler()
    item = {"params": jax.tree.map(lambda _: 0, handler.metadata(path).tree["params"])}
    as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), item)
    args = ocp.args.PyTreeRestore(item, restore_args=as_numpy, partial_restore=True)
    return handler.restore(path, args=args)["params"]
