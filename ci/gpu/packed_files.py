"""A run's packed batches in files, so that it can be trained where only JAX is available.

`ci.gpu.packed_writer` makes them where the data is; `open_packed` reads them with NumPy alone. In
a run's folder, `packed/` holds

- `batches-FIRST-END.npz`, some hundred batches each, in the smallest types that hold them. A file
  also says how the stream goes on behind it, so that the next part begins where it ends. Runs of
  the same data have the same files, byte for byte;
- `start.safetensors`, the parameters that the run starts from, if it has any;
- `index.json`, which comes last: the run's spec, its model's configuration, the range of steps that
  is here, and each file's SHA-256.

A long run comes in parts: files of the steps `first` to `end`. Where they end the run stops, with a
checkpoint, and goes on when the next part is in its folder.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from flanrepro.errors import InputError
from flanrepro.model.sizes import DecoderOnlyConfig, T5Config
from flanrepro.model.tree import nested

FORMAT = 2
"""Version of the layout; raised when an older one can no longer be read."""

Batch = dict[str, np.ndarray]


def compact(batches: Sequence[Batch]) -> dict[str, np.ndarray]:
    """Batches of `flanrepro.data.packing.pack` as arrays [batches, rows, length] of small types.

    Padding, segments and positions stay in them: compressed, they take a tenth of a file, and
    computing them anew would take most of the time of reading.
    """
    arrays = {name: np.stack([batch[name] for batch in batches]) for name in batches[0]}
    return {name: a.astype(np.min_scalar_type(int(a.max(initial=0)))) for name, a in arrays.items()}


def batch_of(arrays: dict[str, np.ndarray], i: int, rows: slice = slice(None)) -> Batch:
    """Rows of the i-th batch of `compact`, in int32, as `flanrepro.data.packing.pack` gives it."""
    return {name: array[i, rows].astype(np.int32) for name, array in arrays.items()}


@dataclass(frozen=True)
class Packed:
    """A run's files.

    Attributes:
        folder: path of the run's `packed/`.
        index: what `index.json` says.
    """

    folder: Path
    index: dict[str, Any]

    @property
    def first(self) -> int:
        """The first step that has its batch here."""
        return self.index["first"]

    @property
    def end(self) -> int:
        """The step behind the last one that has its batch here."""
        return self.index["end"]

    @property
    def config(self) -> T5Config:
        fields = self.index["config"]
        # Only a decoder-only model's says if it is causal.
        return (DecoderOnlyConfig if "causal" in fields else T5Config)(**fields)

    def start(self) -> dict | None:
        """The parameters that the run starts from; None: random ones.

        Raises:
            InputError: they are missing, or damaged.
        """
        if not self.index["spec"]["start"]:
            return None
        if not self.index["start"]:
            raise InputError(
                f"run {self.index['run']} starts from '{self.index['spec']['start']}', whose "
                f"parameters are not in {self.folder}: `ci.gpu.packed_writer.give_start` puts "
                "them there"
            )
        from safetensors.numpy import load

        return nested(load(self._read(self.index["start"])))

    def batches(self, rows: slice | None = None) -> "Batches":
        """The stream of batches; of `rows` alone, as a host of several reads it."""
        return Batches(self, rows or slice(None))

    def arrays(self, file: dict[str, Any]) -> dict[str, np.ndarray]:
        """What one of the index's files holds, see `compact`."""
        with np.load(BytesIO(self._read(file))) as arrays:
            return {name: arrays[name] for name in arrays.files if name != "header"}

    def _read(self, file: dict[str, Any]) -> bytes:
        path = self.folder / file["name"]
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(
                f"{path} cannot be read ({error.strerror}), and the run's index names it: bring "
                f"all of {self.folder} here again"
            ) from None
        if hashlib.sha256(content).hexdigest() != file["sha256"]:
            raise InputError(
                f"{path} is damaged: it has another SHA-256 than the run's index says; bring all "
                f"of {self.folder} here again"
            )
        return content


class Batches:
    """An iterator as `flanrepro.data.packing.pack` gives it; its state is the next step."""

    def __init__(self, packed: Packed, rows: slice):
        self._packed, self._rows, self._next = packed, rows, 0
        self._file: tuple[dict, dict[str, np.ndarray]] | None = None

    def __iter__(self) -> "Batches":
        return self

    def __next__(self) -> Batch:
        packed, step = self._packed, self._next
        if not packed.first <= step < packed.end:
            raise InputError(
                f"run {packed.index['run']} has the batches of steps {packed.first} to "
                f"{packed.end} in {packed.folder}, and step {step} of "
                f"{packed.index['spec']['steps']} is asked for: bring the part of the run there "
                "that has it (`ci.gpu.packed_writer`); its checkpoints stay"
            )
        file = next(f for f in packed.index["files"] if f["first"] <= step < f["end"])
        if self._file is None or self._file[0] != file:
            self._file = file, packed.arrays(file)
        self._next += 1
        return batch_of(self._file[1], step - file["first"], self._rows)

    def get_state(self) -> dict:
        return {"next": self._next}

    def set_state(self, state: dict) -> None:
        if "next" not in state:
            raise InputError(
                f"run {self._packed.index['run']} has a checkpoint of training without files, and "
                f"goes on without them: move {self._packed.folder} away"
            )
        self._next = int(state["next"])

    def close(self) -> None:
        self._file = None


def open_packed(folder: Path) -> Packed | None:
    """The files of the run in `folder`, or None if it has none.

    Raises:
        InputError: they are not whole, of another version or of another run.
    """
    packed = folder / "packed"
    if not packed.is_dir():
        return None
    path = packed / "index.json"
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        found, run = index["format"], index["run"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} cannot be read ({error!r}): the run's files are not whole; write them again, "
            f"or move {packed} away"
        ) from None
    if found != FORMAT:
        raise InputError(
            f"{path} was written by another version of flanrepro (format {found}, this one reads "
            f"{FORMAT}): write the run's files with this one"
        )
    if run != folder.name:
        raise InputError(
            f"{packed} holds the batches of run {run}, not of {folder.name}, in whose folder it "
            "is: move it into that run's folder"
        )
    return Packed(packed, index)


def packed_input(spec, root: Path) -> dict:
    """What `flanrepro.experiments.store.RunStore` takes as `inputs`, of a `RunSpec`: a run's files,
    or its start if it has none."""
    from flanrepro.experiments.start import start_input  # not above: the files need NumPy alone

    packed = open_packed(root / spec.run_id) if spec.engine == "local" else None
    if packed is None:
        return start_input(spec, root)
    return {"config": packed.config, "batches": packed.batches, "start": packed.start()}
