"""Small stores of every kind that the package keeps, how each is made and how it is read."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import numpy as np

from ci.chaos.work import SPEC
from flanrepro.experiments.store import Run, RunStore

RUN = replace(SPEC, steps=6)


@dataclass(frozen=True)
class Store:
    """Something that is kept in a folder.

    Attributes:
        share: share of the trials.
        make: function that fills a folder.
        read: function that gives what is in it, by name, to be compared; it may mend the folder.
        files: patterns of the files that are tampered with; those with most bytes come first.
        folders, locks: patterns of folders and locks that become something else.
        checkpoints: patterns of folders of checkpoints.
        flips: false: no byte is flipped, since nothing says what the content should be.
    """

    share: float
    make: Callable[[Path], object]
    read: Callable[[Path], dict]
    files: tuple[str, ...]
    folders: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()
    flips: bool = True


def _digest(params: dict) -> str:
    from flanrepro.model.tree import flat

    total = hashlib.sha256()
    for name, leaf in sorted(flat(params).items()):
        total.update(name.encode())
        total.update(np.ascontiguousarray(leaf))
    return total.hexdigest()


def _scores(run: Run) -> list:
    return run.scores("held_in", 0, 1)


def _make_run(folder: Path) -> None:
    _advance(folder)
    _scores(_trained(folder))


@contextlib.contextmanager
def _rows() -> Iterator[None]:
    """Makes every second step one with a row of the history."""
    from flanrepro.training import loop

    with mock.patch.object(loop, "LOG_EVERY", 2):
        yield


def _advance(folder: Path) -> None:
    """Trains a run to its second checkpoint."""
    with _rows():
        for stop_at in (2, 4):
            RunStore(folder / "runs").advance(RUN, stop_at)


def _trained(folder: Path) -> Run:
    """The run, trained to its end if it is not."""
    with _rows():
        return RunStore(folder / "runs").get(RUN)


def _resume(folder: Path) -> dict:
    run = _trained(folder)
    history = run.metrics()[["step", "loss", "accuracy"]]
    return {"parameters": _digest(run.params()), "history": history.to_dict("records")}


def _read_run(folder: Path) -> dict:
    from flanrepro.experiments.load import load
    from flanrepro.experiments.scores import read_items

    run, trained = _trained(folder), _resume(folder)
    scores = _scores(run)
    items = read_items(run.folder, scores[-1]["predictions"])
    loaded = _digest(load(run.folder).params)
    return trained | {"scores": scores, "items": items, "loaded parameters": loaded}


def _evaluate(folder: Path) -> dict:
    from flanrepro.experiments.models import score_models
    from flanrepro.experiments.scores import read_items

    table = score_models(("random", "pocket-nano"), "pocket", ("held_in",), folder, items=1)
    last = table[table["level"] == "suite"]
    items = [read_items(*row) for row in last[["folder", "predictions"]].itertuples(index=False)]
    return {"scores": table.drop(columns="folder").to_dict("records"), "items": items}


def _cache(folder: Path) -> None:
    """Writes a cache, and takes it back to where a process was killed at its last but one shard."""
    from flanrepro.data.cache import write_shard

    _read_cache(folder)
    (made,) = (path.parent for path in folder.glob("*/COMPLETED"))
    for i in range(_cached().shards - 1):
        write_shard(_cached(), made, i)
    for name in ("COMPLETED", "info.train.json", "stats.train.json"):
        (made / name).unlink()


def _cached():
    from flanrepro.data.cache import Cached

    return Cached("flan2021", "pocket", 6)


def _read_cache(folder: Path) -> dict:
    from flanrepro.data.cache import write_cache

    made = write_cache(_cached(), folder)
    files = [path for path in sorted(made.iterdir()) if path.suffix != ".lock"]
    return {path.name: path.read_bytes() for path in files}


def _records(folder: Path) -> dict:
    """Reads records from the store in the folder, or stores them."""
    from flanrepro.raw import records

    made = [{"inputs": f"What is {i} and {i}?", "targets": str(2 * i)} for i in range(200)]
    with mock.patch.dict(os.environ, {"FLANREPRO_CACHE": str(folder)}):
        return {"records": list(records.store("cot/sums/train", "first", lambda: made))}


def _vocabulary(folder: Path) -> dict:
    from flanrepro.data.vocabulary import load_vocabulary

    found = load_vocabulary(str(folder / "own.model"))
    return {"size": found.size, "ids": found.encode("What is the colour of the ball?")}


def _make_vocabulary(folder: Path) -> None:
    from flanrepro.data.vocabulary import load_vocabulary

    shutil.copy(load_vocabulary("pocket").path, folder / "own.model")


def _make_shipped(folder: Path) -> None:
    from flanrepro.experiments import shipped_scores

    shutil.copytree(shipped_scores.folder() / "pocket", folder / "pocket")


def _shipped(folder: Path) -> dict:
    from flanrepro.experiments import shipped_scores
    from flanrepro.experiments.profiles import Job
    from flanrepro.experiments.results import scores, trace

    with mock.patch.object(shipped_scores, "folder", lambda: folder):
        table = scores(Job(engine="shipped"), "few_shot")
        facts = trace(Job(engine="shipped", out=str(folder)), table["run"][0])
        curves = shipped_scores.shipped_table("pocket", "curves")
    return {"scores": table.to_csv(), "facts": repr(facts["spec"]), "curves": curves.to_csv()}


_RUN = ("runs/*/*.json", "runs/*/metrics.csv", "runs/*/checkpoints/*/**/*")
_OF_CHECKPOINTS = {
    "folders": ("runs", "runs/*", "runs/*/checkpoints"),
    "checkpoints": ("runs/*/checkpoints",),
}
STORES = {
    "finished run": Store(
        0.3,
        _make_run,
        _read_run,
        (*_RUN, "runs/*/scores/*", "runs/*/predictions/*"),
        **_OF_CHECKPOINTS | {"folders": ("runs/*", "runs/*/[cps]*s")},
        locks=("runs/*/*.lock",),
    ),
    "unfinished run": Store(
        0.34, _advance, _resume, _RUN, **_OF_CHECKPOINTS, locks=("runs/*/training.lock",)
    ),
    "evaluation": Store(
        0.12,
        _evaluate,
        _evaluate,
        ("*/*.json", "*/*/*"),
        ("*", "*/scores", "*/predictions"),
        ("*/*.lock",),
    ),
    "cache": Store(0.08, _cache, _read_cache, ("*/*.json",), ("*",), ("*/*.lock",), flips=False),
    "record store": Store(0.06, _records, _records, ("*.sqlite",), (), ("*.lock",)),
    "vocabulary": Store(0.04, _make_vocabulary, _vocabulary, ("*.model",), flips=False),
    "shipped scores": Store(0.06, _make_shipped, _shipped, ("*/*.csv",), ("*",), flips=False),
}
