"""What is carried: packed files to an accelerator in parts, and home what finished runs have."""

import contextlib
import dataclasses
import io
import json
import os
import shutil
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from ci.gpu.packed_files import Packed
from ci.gpu.packed_writer import batches_id, write_packed
from ci.gpu.plan import Planned
from flanrepro.errors import InputError
from flanrepro.experiments.store import Run, RunStore
from flanrepro.model.tree import flat, nested
from flanrepro.training.spec import RUN_ID, RunSpec
from flanrepro.whole import write_whole

# --- there ---


def render(spec: RunSpec, root: Path, steps: int, deadline: float) -> Packed:
    """A run's packed files, as far as time goes, with a look at the clock every `steps` steps.

    Runs of the same data share them, as links.
    """
    folder, shared = root / spec.run_id, root / batches_id(spec)
    packed = folder / "packed"
    _link_all(shared, packed)
    there = [int(path.stem.split("-")[2]) for path in packed.glob("batches-*.npz")]
    end, found = min(max(there, default=0), spec.steps), None
    while found is None or (end < spec.steps and time.monotonic() < deadline):
        end = end if found is None and end else min(end + steps, spec.steps)
        found = write_packed(spec, folder, end=end, bar=spec.label(), compression=zipfile.ZIP_LZMA)
        _link_all(packed, shared)
    return found


def _link_all(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for path in source.glob("batches-*.npz"):
        if not (target / path.name).exists():
            os.link(path, target / path.name)


def deal(rendered: list[tuple[Planned, Packed]], root: Path, most: int) -> list[int]:
    """Writes parts anew, each with its files and `plan.json`; their sizes, at most `most` bytes."""
    shutil.rmtree(root, ignore_errors=True)
    sizes: list[int] = []
    plans: list[dict[str, dict]] = []
    for order, (planned, packed) in enumerate(rendered):
        for file in packed.index["files"]:
            name = f"{batches_id(planned.spec)}-{file['name']}"
            size = (packed.folder / file["name"]).stat().st_size
            there = (root / str(len(sizes)) / name).exists()  # another run's of the same data
            if not sizes or (not there and sizes[-1] + size > most):
                sizes.append(0)
                plans.append({})
                (root / str(len(sizes))).mkdir(parents=True)
                there = False
            if not there:
                os.link(packed.folder / file["name"], root / str(len(sizes)) / name)
                sizes[-1] += size
            fields = dataclasses.asdict(planned) | {"order": order}
            new = fields | {"index": packed.index | {"files": [], "start": None}}
            entry = plans[-1].setdefault(planned.spec.run_id, new)
            entry["index"]["files"].append(file)
    for number, entries in enumerate(plans, 1):
        write_whole(root / str(number) / "plan.json", json.dumps(list(entries.values())))
    return sizes


# --- home ---

PIECE, PIECES = 15 << 20, 4
"""Bytes of a file that is carried home, and number of files: a machine gives 8 of 16 MiB."""


def bring_home(store: RunStore, planned: list[Planned], out: Path) -> list[int]:
    """Writes what finished runs have as one archive in a few pieces; their sizes in bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in sorted(planned, key=lambda one: one.params):  # what is small comes first
            if not one.done(store):
                continue
            run = store.find(one.spec)
            size = 30 * 2**20 if one.params else 2**20
            if content.tell() + size > PIECE * PIECES:
                print(f"run {one.spec.run_id} does not fit into what is carried home: take it next")
                continue
            for name, data in outcome(run, one.params):
                archive.writestr(f"{one.spec.run_id}/{name}", data)
    data = content.getvalue()
    pieces = [data[i : i + PIECE] for i in range(0, len(data), PIECE)]
    for number, piece in enumerate(pieces):
        write_whole(out / f"outcome.zip.{number}", piece)
    return [len(piece) for piece in pieces]


def outcome(run: Run, params: bool) -> Iterator[tuple[str, bytes]]:
    """A run's files; parameters as safetensors, since a checkpoint is three times as large."""
    files = ("spec.json", "manifest.json", "metrics.csv")
    for pattern in (*files, "scores/*", "predictions/*"):
        for path in sorted(run.folder.glob(pattern)):
            yield str(path.relative_to(run.folder)), path.read_bytes()
    if params:
        from safetensors.numpy import save

        yield "params.safetensors", save(flat(run.params()))


def take(folder: Path, store: RunStore) -> Iterator[tuple[RunSpec, bool]]:
    """Takes over finished runs that are not in the store; each, and whether it was there already.

    Raises:
        InputError: the folder has no whole archive of runs.
    """
    for run, contents in _runs(folder).items():
        spec = RunSpec(**json.loads(contents["spec.json"]))
        if spec.run_id != run:
            raise InputError(f"{folder}: run {run} has the spec of {spec.run_id}")
        there = store.find(spec) is not None
        if not there:
            _write(spec, store.root / run, contents)
        yield spec, there


def _runs(folder: Path) -> dict[str, dict[str, bytes]]:
    """The archive's files by run and name."""
    pieces = sorted(folder.glob("outcome.zip.*"), key=lambda path: int(path.suffix[1:]))
    if not pieces:
        raise InputError(f"{folder} has no outcome.zip.0: give the folder that came back")
    try:
        archive = zipfile.ZipFile(io.BytesIO(b"".join(path.read_bytes() for path in pieces)))
    except zipfile.BadZipFile as error:
        raise InputError(
            f"{folder}/outcome.zip.* are no whole archive ({error}): bring all pieces of one start"
        ) from None
    files: dict[str, dict[str, bytes]] = {}
    for name in archive.namelist():
        run, _, rest = name.partition("/")
        if not RUN_ID.fullmatch(run) or not rest or ".." in PurePosixPath(rest).parts:
            raise InputError(f"{folder}: the archive's '{name}' is no file of a run")
        files.setdefault(run, {})[rest] = archive.read(name)
    return files


def _write(spec: RunSpec, folder: Path, contents: dict[str, bytes]) -> None:
    """Writes a run's files, the manifest last."""
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)  # a beginning that was made here
    if params := contents.pop("params.safetensors", None):
        _write_params(spec, folder, params)
    for name in sorted(contents, key=lambda name: name == "manifest.json"):
        write_whole(folder / name, contents[name])


def _write_params(spec: RunSpec, folder: Path, content: bytes) -> None:
    """A last checkpoint of parameters alone: nothing goes on from it."""
    from safetensors.numpy import load

    from flanrepro.training.checkpoint import Checkpoints
    from flanrepro.training.step import TrainState

    state = TrainState(np.asarray(spec.steps, np.int32), nested(load(content)), {})
    with contextlib.closing(Checkpoints(folder / "checkpoints")) as checkpoints:
        checkpoints.save(spec.steps, state, {})
