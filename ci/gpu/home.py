"""What finished runs of the standing job of ci/gpu have, packed there and taken over here."""

import contextlib
import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from ci.gpu.plan import Planned

from flanrepro.errors import InputError
from flanrepro.experiments.store import Run, RunStore
from flanrepro.model.tree import flat, nested
from flanrepro.training.spec import RUN_ID, RunSpec
from flanrepro.whole import write_whole

PIECE, PIECES = 15 << 20, 4
"""Bytes of a file that is carried home, and how many: the machine takes 8 of 16 MiB."""


def bring_home(store: RunStore, planned: list[Planned], out: Path) -> list[int]:
    """Writes what finished runs have as one archive in a few pieces; their sizes in bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in sorted(planned, key=lambda one: one.params):  # small things first
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
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)  # of a beginning that was made here
    if "params.safetensors" in contents:
        _write_params(spec, folder, contents.pop("params.safetensors"))
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
