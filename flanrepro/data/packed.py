"""A run's packed batches in files, so that it can be trained where only JAX is at hand.

`write_packed` makes them where the data is; `open_packed` reads them with NumPy alone. In a run's
folder, `packed/` holds

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
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flanrepro.errors import InputError
from flanrepro.model.sizes import T5Config
from flanrepro.model.tree import flat, nested
from flanrepro.whole import write_whole

if TYPE_CHECKING:
    from flanrepro.experiments.spec import RunSpec

FORMAT = 1
"""Version of the layout; raised when an older one can no longer be read."""

BATCHES_PER_FILE, PLACES_PER_FILE = 250, 1 << 23
"""At most, batches and places for tokens, padding included."""

Batch = dict[str, np.ndarray]

_SIDES = {"encoder": "input_tokens", "decoder": "target_tokens"}

# --- batches as arrays without padding ---


def compact(batches: Sequence[Batch]) -> dict[str, np.ndarray]:
    """Batches of `flanrepro.data.grain.pack` without padding.

    Returns:
        `examples` [rows], `fate` [all examples]; `encoder_lengths` and `decoder_lengths` [all
        examples]; `encoder_tokens` and `decoder_tokens` [all tokens].
    """
    fate = np.concatenate([batch["fate"] for batch in batches])
    examples = (fate > 0).sum(1)
    arrays = {"examples": examples, "fate": fate[fate > 0]}
    for side, name in _SIDES.items():
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
        return {side: _ends(self.arrays[f"{side}_lengths"]) for side in _SIDES}

    def rows(self, first: int, end: int) -> Batch:
        """A batch of these rows, in int32, as `flanrepro.data.grain.pack` gives it."""
        begin, stop = self._examples[first], self._examples[end]
        counts = self.arrays["examples"][first:end]
        # 1 for a row's first example, and so on.
        number = np.arange(begin, stop) - np.repeat(self._examples[first:end], counts) + 1
        batch = {}
        for side, name in _SIDES.items():
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
                f"parameters are not in {self.folder}: `flanrepro.data.packed.give_start` puts "
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
    """An iterator as `flanrepro.data.grain.pack` gives it; its state is the next step."""

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
                    "there that has it (`flanrepro.data.packed.write_packed`); its checkpoints stay"
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


# --- writing ---


def write_packed(
    spec: "RunSpec",
    folder: Path,
    *,
    start: dict | None = None,
    first: int = 0,
    end: int | None = None,
    bar: str = "",
    compression: int = zipfile.ZIP_DEFLATED,
) -> Packed:
    """Writes the batches of a run's steps `first` to `end`, going on behind those that are there.

    Files that are there already are kept, unless they are of steps before `first`; the part that
    begins where they end is made from there, another one from the run's beginning.

    Args:
        spec: the run.
        folder: the run's, named by its `run_id`.
        start: the parameters that `spec.start` names, see `flanrepro.experiments.start`; where
            they are not there yet, or travel by themselves, `give_start` takes them later.
        first, end: steps; None: the run's last.
        bar: show progress over batches under this name; empty: not.
        compression: of the files, as `zipfile` calls it; ZIP_LZMA makes them a third smaller, and
            the reading three times as slow.

    Raises:
        InputError: the range is none of the run's; `folder` is not the run's; bad data; or a file
            cannot be written. Files that are written are kept.
    """
    end = spec.steps if end is None else end
    if not 0 <= first < end <= spec.steps:
        raise InputError(
            f"batches of steps {first} to {end} were asked for: expected a range of 0 to "
            f"{spec.steps}, the run's steps"
        )
    if folder.name != spec.run_id:
        raise InputError(
            f"{folder} is to hold the batches of run {spec.run_id}: expected a folder of that name"
        )
    packed = folder / "packed"
    files = _write_files(spec, packed, first, end, bar, compression)
    index = {
        "format": FORMAT,
        "run": spec.run_id,
        "spec": asdict(spec),
        "config": asdict(spec.model_config()),
        "first": files[0]["first"],
        "end": files[-1]["end"],
        "files": files,
        "start": None,
    }
    _write_index(packed, index)
    if start is not None:
        give_start(folder, start)
    for path in packed.glob("batches-*"):
        if path.name not in {file["name"] for file in files}:
            path.unlink()
    return open_packed(folder)


def give_start(folder: Path, start: dict) -> None:
    """Puts the parameters that a run starts from to its files in `folder`."""
    from safetensors.numpy import save

    packed = open_packed(folder)
    content = save({name: np.ascontiguousarray(leaf) for name, leaf in flat(start).items()})
    write_whole(packed.folder / "start.safetensors", content)
    digest = hashlib.sha256(content).hexdigest()
    named = {"name": "start.safetensors", "sha256": digest}
    _write_index(packed.folder, packed.index | {"start": named})


def _write_index(packed: Path, index: dict) -> None:
    write_whole(packed / "index.json", json.dumps(index, indent=1))


_OF_BATCHES = (
    "collection", "vocabulary", "seed", "objective", "batch_size", "inputs_length",
    "targets_length", "shards", "mixture", "subset", "tasks", "data", "few_shot_fraction",
    "options_fraction", "inversion_rate", "max_examples", "held_out",
)  # fmt: skip


def batches_id(spec: "RunSpec") -> str:
    """The same 12 hexadecimal digits for runs whose batches are the same, whatever they train."""
    prompts = json.loads(spec.to_json())["prompts"]
    fields = [prompts, *(getattr(spec, name) for name in _OF_BATCHES)]
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()[:12]


def _write_files(
    spec: "RunSpec", packed: Path, first: int, end: int, bar: str, compression: int
) -> list[dict]:
    """The files of the range, with what is there already, as the index lists them."""
    from tqdm import tqdm

    there = _headers(spec, packed)
    before = next((h for h in there if h["end"] == first), None)
    kept = []
    while file := next((h for h in there if h["first"] == first and h["end"] <= end), None):
        kept, before, first = [*kept, file], file, file["end"]
    if first == end:
        return [_listed(packed, file) for file in kept]
    stream, at = _stream(spec), 0
    if before:
        stream.set_state(before["stream"])
        at = before["end"]
    try:
        with tqdm(total=end, initial=at, desc=bar, disable=not bar, unit="batch") as progress:
            while at < first:  # packing goes in turn, so what comes before has to be made, too
                next(stream)
                at += 1
                progress.update()
            while at < end:
                last = min(at + _per_file(spec), end)
                batches = []
                for _ in range(at, last):
                    batches.append(next(stream))
                    progress.update()
                header = {"batches": batches_id(spec), "first": at, "end": last}
                header["stream"] = stream.get_state()
                _write_file(packed, header, batches, compression)
                kept.append(header)
                at = last
    finally:
        stream.close()
    return [_listed(packed, file) for file in kept]


def _per_file(spec: "RunSpec") -> int:
    places = spec.batch_size * (spec.inputs_length + spec.targets_length)
    return max(1, min(BATCHES_PER_FILE, PLACES_PER_FILE // places))


def _stream(spec: "RunSpec"):
    from flanrepro.data.grain import pack

    return pack(
        spec.load_examples(),
        batch_size=spec.batch_size,
        inputs_length=spec.inputs_length,
        targets_length=spec.targets_length,
        shards=spec.shards,
    )


def _write_file(packed: Path, header: dict, batches: Sequence[Batch], compression: int) -> None:
    """Writes batches, and reads them again: they must be the same, bit for bit."""
    arrays = compact(batches)
    sides = {side: batches[0][f"{side}_{name}"].shape[1] for side, name in _SIDES.items()}
    again, rows = Compact(arrays, sides), len(batches[0]["fate"])
    for i, batch in enumerate(batches):
        read = again.rows(i * rows, (i + 1) * rows)
        if not all(np.array_equal(batch[name], read[name]) for name in batch):
            raise AssertionError(f"batch {header['first'] + i} does not survive packing")
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    name = f"batches-{header['first']:08d}-{header['end']:08d}.npz"
    write_whole(packed / name, _npz({"header": text, **arrays}, compression))


def _npz(arrays: dict[str, np.ndarray], compression: int) -> bytes:
    """As `np.savez_compressed`, without the time of writing: the same arrays are the same bytes."""
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, array in arrays.items():
            with BytesIO() as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
                file.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), compression)
    return content.getvalue()


def _headers(spec: "RunSpec", packed: Path) -> list[dict]:
    """Of the files that are there and have this run's batches, by step."""
    found = []
    for path in sorted(packed.glob("batches-*.npz")):
        try:
            with np.load(BytesIO(path.read_bytes())) as arrays:
                header = json.loads(arrays["header"].tobytes())
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):  # written again
            continue
        if header["batches"] == batches_id(spec):
            found.append(header)
    return found


def _listed(packed: Path, header: dict) -> dict:
    name = f"batches-{header['first']:08d}-{header['end']:08d}.npz"
    digest = hashlib.sha256((packed / name).read_bytes()).hexdigest()
    return {"name": name, "first": header["first"], "end": header["end"], "sha256": digest}
