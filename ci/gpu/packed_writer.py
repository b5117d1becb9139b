"""A run's packed batches written into files; `ci.gpu.packed_files` says what they are."""

import hashlib
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import numpy as np

from ci.gpu.packed_files import FORMAT, Batch, Packed, batch_of, compact, open_packed
from flanrepro.errors import InputError
from flanrepro.model.tree import flat
from flanrepro.training.loop import stream_of
from flanrepro.training.spec import RunSpec
from flanrepro.whole import write_whole

BATCHES_PER_FILE, PLACES_PER_FILE = 250, 1 << 23
"""Most batches of a file, and most places for tokens, padding included."""


def write_packed(
    spec: RunSpec,
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
        folder: path of the run's, named by its `run_id`.
        start: the parameters that `spec.start` names, see `flanrepro.experiments.start`; where
            they are not there yet, or travel by themselves, `give_start` takes them later.
        first, end: steps; None: the run's last.
        bar: name of a progress bar over batches; empty: none.
        compression: `zipfile`'s number of the files' kind; ZIP_LZMA makes them a quarter smaller,
            and the reading half as fast.

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
    named = {"name": "start.safetensors", "sha256": hashlib.sha256(content).hexdigest()}
    write_whole(packed.folder / named["name"], content)
    _write_index(packed.folder, packed.index | {"start": named})


def _write_index(packed: Path, index: dict) -> None:
    write_whole(packed / "index.json", json.dumps(index, indent=1))


_OF_BATCHES = (
    "collection", "vocabulary", "seed", "objective", "batch_size", "inputs_length",
    "targets_length", "shards", "mixture", "subset", "tasks", "data", "few_shot_fraction",
    "options_fraction", "inversion_rate", "max_examples", "held_out", "formats",
    "vocabulary_digest", "replay", "first_text",
)  # fmt: skip


def batches_id(spec: RunSpec) -> str:
    """The same 12 hexadecimal digits for runs whose batches are the same, whatever they train."""
    prompts = json.loads(spec.to_json())["prompts"]
    fields = [prompts, *(getattr(spec, name) for name in _OF_BATCHES)]
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()[:12]


def _write_files(
    spec: RunSpec, packed: Path, first: int, end: int, bar: str, compression: int
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
    stream, at = stream_of(spec, None, None), before["end"] if before else 0
    if before:
        stream.set_state(before["stream"])
    places = spec.batch_size * (spec.inputs_length + spec.targets_length)
    per_file = max(1, min(BATCHES_PER_FILE, PLACES_PER_FILE // places))
    try:
        with tqdm(total=end, initial=at, desc=bar, disable=not bar, unit="batch") as progress:
            while at < first:  # packing goes in turn, so what comes before has to be made, too
                next(stream)
                at += 1
                progress.update()
            while at < end:
                last = min(at + per_file, end)
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


def _write_file(packed: Path, header: dict, batches: Sequence[Batch], compression: int) -> None:
    """Writes batches, and reads them again: they must be the same, bit for bit."""
    arrays = compact(batches)
    for i, batch in enumerate(batches):
        read = batch_of(arrays, i)
        if not all(np.array_equal(batch[name], read[name]) for name in batch):
            raise AssertionError(f"batch {header['first'] + i} does not survive packing")
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    content = BytesIO()
    # Not `np.savez_compressed`, which writes the time, too: the same batches are the same bytes.
    with zipfile.ZipFile(content, "w") as file:
        for name, array in {"header": text, **arrays}.items():
            member = BytesIO()
            np.lib.format.write_array(member, array, allow_pickle=False)
            file.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), compression)
    write_whole(packed / _name(header), content.getvalue())


def _name(header: dict) -> str:
    return f"batches-{header['first']:08d}-{header['end']:08d}.npz"


def _headers(spec: RunSpec, packed: Path) -> list[dict]:
    """Headers of the files that are there and have this run's batches, by step."""
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
    digest = hashlib.sha256((packed / _name(header)).read_bytes()).hexdigest()
    return {"name": _name(header), **{at: header[at] for at in ("first", "end")}, "sha256": digest}
