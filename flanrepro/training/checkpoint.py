"""Orbax checkpoints of a run: state, the stream's position, and what was measured so far."""

import shutil
from pathlib import Path

import jax
import orbax.checkpoint as ocp

from flanrepro.errors import InputError
from flanrepro.training.step import TrainState


class Checkpoints:
    """The checkpoints of one run, newest two kept; each is whole or not there at all.

    Args:
        folder: holds one folder per step.
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
        """The newest checkpoint's step."""
        return self._manager.latest_step()

    def save(self, step: int, state: TrainState, progress: dict) -> None:
        """Writes a checkpoint; InputError if the disk does not take it, the older ones intact."""
        args = ocp.args.Composite(
            state=ocp.args.StandardSave(state._asdict()), progress=ocp.args.JsonSave(progress)
        )
        try:
            self._manager.save(step, args=args, force=True)
        except Exception as error:  # Orbax and TensorStore report a full disk by several classes
            kept = self.latest
            free = shutil.disk_usage(self.folder).free
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"the checkpoint of step {step} could not be written to {self.folder} "
                f"({free / 1e6:.0f} MB free; {reason}); "
                + (f"the one of step {kept} is whole" if kept else "there is none before it")
                + ": free some space and start the run again, it goes on from there"
            ) from error

    def restore(self, like: TrainState) -> tuple[TrainState, dict]:
        """The newest checkpoint, its arrays as `like`'s in shape, dtype and sharding."""
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, like._asdict())
        args = ocp.args.Composite(
            state=ocp.args.StandardRestore(abstract), progress=ocp.args.JsonRestore()
        )
        restored = self._manager.restore(self.latest, args=args)
        return TrainState(**restored.state), restored.progress

    def close(self) -> None:
        self._manager.close()


def restore_params(folder: Path) -> dict:
    """The newest checkpoint's parameters alone, as NumPy arrays."""
    manager = ocp.CheckpointManager(folder.absolute())
    step = manager.latest_step()
    manager.close()
    if step is None:
        raise InputError(f"no checkpoint in {folder}: train the run first")
    with ocp.PyTreeCheckpointer() as checkpointer:
        path = folder.absolute() / str(step) / "state"
        tree = checkpointer.metadata(path).item_metadata.tree
        item = {"params": jax.tree.map(lambda _: 0, tree["params"])}
        as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=_numpy()), item)
        return checkpointer.restore(
            path, args=ocp.args.PyTreeRestore(item, restore_args=as_numpy, partial_restore=True)
        )["params"]


def _numpy():
    import numpy as np

    return np.ndarray
