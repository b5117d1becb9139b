"""Packed files for the standing job of ci/gpu, dealt out into parts that can be carried."""

import dataclasses
import json
import os
import shutil
import time
import zipfile
from pathlib import Path

from ci.gpu.plan import Planned

from ci.gpu.packed_files import Packed
from ci.gpu.packed_writer import batches_id, write_packed
from flanrepro.training.spec import RunSpec
from flanrepro.whole import write_whole


def render(spec: RunSpec, root: Path, steps: int, deadline: float) -> Packed:
    """A run's packed files, as far as time goes, with a look at the clock every so many `steps`.

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
