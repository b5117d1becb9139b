"""A run's packed batches in files, so that it can be trained where only JAX is at hand.

`ci.gpu.packed_writer` makes them where the data is; `open_packed` reads them with NumPy alone. In
a run's folder, `packed/` holds

- `batches-FIRST-END.npz`, some hundred batches each: of every row the number of its examples, of
  every example its lengths and its fate, and the tokens without padding, in the smallest types
  that hold them. Segments and positions follow from the lengths. A file also says how the stream
  goes on behind it, so that the next part begins where it ends. Runs of the same data have the
  same files, byte for byte;
- `start.safetensors`, the parameters that the run starts from, if it has any;
- `index.json`, which comes last: the run's spec, its model's configuration, the range of steps that
  is here, and each file's SHA-256.

A long run comes in parts: files of the steps `first` to `end`. Where they end the run stops, with a
checkpoint, and goes on when the next part is in its folder.
"""

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from flanrepro.errors import InputError
from flanrepro.experiments.start import start_input
from flanrepro.model.sizes import T5Config
from flanrepro.model.tree import nested
from flanrepro.training.spec import RunSpec

FORMAT = 1
"""Version of the layout; raised when an older one can no longer be read."""

Batch = dict[str, np.ndarray]

SIDES = {"encoder": "input_tokens", "decoder": "target_tokens"}
"""Of a batch, and what T5X calls their tokens."""

# --- batches as arrays without padding ---


def compact(batches: Sequence[Batch]) -> dict[str, np.ndarray]:
    """Batches of `flanrepro.data.packing.pack` without padding.

    Returns:
        `examples` [rows], `fate` [all examples]; `encoder_lengths` and `decoder_lengths` [all
        examples]; `encoder_tokens` and `decoder_tokens` [all tokens].
    """
    fate = np.concatenate([batch["fate"] for batch in batches])
    examples = (fate > 0).sum(1)
    arrays = {"examples": examples, "fate": fate[fate > 0]}
    for side, name in SIDES.items():
        tokens = np.concatenate([batch[f"{side}_{name}"] for batch in batches])
        segments = np.concatenate([batch[f"{side}_segment_ids"] for batch in batches])
        most = int(examples.max(initial=0))
        row = np.arange(len(tokens))[:, None] * (most + 1)
        counts = np.bincount((row + segments).ravel(), minlength=len(tokens) * (most + 1))
        lengths = counts.reshape(len(tokens), most + 1)[:, 1:]
        arrays[f"{side}_lengths"] = lengths[np.arange(most) < examples[:, None]]
        arrays[f"{side}_tokens"] = tokens[segments > 0]
    return {name: _small(array) for name, array in arrays.items()}


def _small(array: np.ndarray) -> np.ndarray:
    return array.astype(np.min_scalar_type(int(array.max(initial=0))))


@dataclass(frozen=True)
class Compact:
    """What `compact` gives, to be read row by row.

    Attributes:
        arrays: see `compact`.
        lengths: of a row, by side, in tokens.
    """

    arrays: dict[str, np.ndarray]
    lengths: dict[str, int]

    @functools.cached_property
    def _examples(self) -> np.ndarray:
        """Where each row's examples begin, and the end."""
        return _ends(self.arrays["examples"])

    @functools.cached_property
    def _tokens(self) -> dict[str, np.ndarray]:
        """Where each example's tokens begin, and the end, by side."""
        return {side: _ends(self.arrays[f"{side}_lengths"]) for side in SIDES}

    def rows(self, first: int, end: int) -> Batch:
        """A batch of these rows, in int32, as `flanrepro.data.packing.pack` gives it."""
        begin, stop = self._examples[first], self._examples[end]
        counts = self.arrays["examples"][first:end]
        # 1 for a row's first example, and so on.
        number = np.arange(begin, stop) - np.repeat(self._examples[first:end], counts) + 1
        batch = {}
        for side, name in SIDES.items():
            starts = self._tokens[side][begin : stop + 1]
            tokens = self.arrays[f"{side}_tokens"][starts[0] : starts[-1]]
            lengths = np.diff(starts)
            ends = self._tokens[side][self._examples[first : end + 1]]
            filled = np.arange(self.lengths[side]) < np.diff(ends)[:, None]
            position = np.arange(starts[0], starts[-1]) - np.repeat(starts[:-1], lengths)
            batch[f"{side}_{name}"] = _spread(filled, tokens)
            batch[f"{side}_segment_ids"] = _spread(filled, np.repeat(number, lengths))
            batch[f"{side}_positions"] = _spread(filled, position)
        filled = np.arange(self.lengths["encoder"] // 2) < counts[:, None]
        return batch | {"fate": _spread(filled, self.arrays["fate"][begin:stop])}


def _ends(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def _spread(filled: np.ndarray, values: np.ndarray) -> np.ndarray:
    """int32 in the shape of `filled`, with the values where it is true and 0 elsewhere."""
    out = np.zeros(filled.shape, np.int32)
    out[filled] = values
    return out


# --- reading ---


@dataclass(frozen=True)
class Packed:
    """A run's files.

    Attributes:
        folder: `packed/` of the run.
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
        return T5Config(**self.index["config"])

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
        return Batches(self, rows or slice(0, self.index["spec"]["batch_size"]))

    def compact(self, file: dict[str, Any]) -> Compact:
        """One of the index's files."""
        with np.load(BytesIO(self._read(file))) as arrays:
            found = {name: arrays[name] for name in arrays.files if name != "header"}
        spec = self.index["spec"]
        lengths = {"encoder": spec["inputs_length"], "decoder": spec["targets_length"]}
        return Compact(found, lengths)

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
        self._file: tuple[dict, Compact] | None = None

    def __iter__(self) -> "Batches":
        return self

    def __next__(self) -> Batch:
        file, compact = self._at(self._next)
        first = (self._next - file["first"]) * self._packed.index["spec"]["batch_size"]
        batch = compact.rows(first + self._rows.start, first + self._rows.stop)
        self._next += 1
        return batch

    def _at(self, step: int) -> tuple[dict, Compact]:
        if self._file is None or not self._file[0]["first"] <= step < self._file[0]["end"]:
            packed = self._packed
            if not packed.first <= step < packed.end:
                raise InputError(
                    f"run {packed.index['run']} has the batches of steps {packed.first} to "
                    f"{packed.end} in {packed.folder}, and step {step} of "
                    f"{packed.index['spec']['steps']} is asked for: bring the part of the run "
                    "there that has it (`ci.gpu.packed_writer`); its checkpoints stay"
                )
            files = packed.index["files"]
            file = next(f for f in files if f["first"] <= step < f["end"])
            self._file = file, packed.compact(file)
        return self._file

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


def packed_input(spec: RunSpec, root: Path) -> dict:
    """What `flanrepro.experiments.store.RunStore` asks for: a run's files, or its start if it has
    none."""
    packed = open_packed(root / spec.run_id) if spec.engine == "local" else None
    if packed is None:
        return start_input(spec, root)
    return {"config": packed.config, "batches": packed.batches, "start": packed.start()}
