"""Evaluates a model on a suite once, and reads the kept scores from then on."""

import dataclasses
import hashlib
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flanrepro.collection.suites import at_hand
from flanrepro.collection.task import Collection, MissingTasks, Protocol, Suite, protocol
from flanrepro.errors import InputError
from flanrepro.model import compile_cache
from flanrepro.model.model import Model
from flanrepro.whole import (
    kind_of,
    locked,
    make_folder,
    read_sealed,
    write_sealed,
    write_whole,
)

VERSION = 2
"""Version of asking and scoring. Raised when either changes, so that older scores are not read."""


def scores_of(
    folder: Path,
    model: Callable[[], Model | str],
    collection: Collection,
    suite_name: str,
    shots: int,
    items: int | None = None,
    method: str = "",
    lengths: tuple[int, int] | None = None,
) -> list[dict]:
    """The scores of a model on a suite; they are kept in `folder` with the answer to each item.

    Args:
        folder: gets `scores/` and `predictions/` (one JSON row per item).
        model: function that gives a model or a baseline's name; called only to evaluate.
        collection: the collection that has the suite.
        suite_name: name of a suite or of a single task.
        shots: number of exemplars per prompt; 0: zero-shot.
        items: largest number of items per task; None: all.
        method: a name of `flanrepro.evaluation.answers.METHODS`; empty: the suite's protocol.
        lengths: longest inputs and targets, in tokens; None: the protocol's.

    Returns:
        rows of `flanrepro.evaluation.scores.score` with `predictions`, the name of the items' file.

    Raises:
        InputError: there is no such suite, none of its tasks is available, or kept scores cannot be
            read.
    """
    full = suite_of(collection, suite_name)
    settings = _settings(full, shots, items, method, lengths)
    path, suite, missing = _place(folder, full, shots, items, method, settings)
    make_folder(folder, "folder of evaluations")
    # Several processes may want one model's scores: one evaluates, the others read.
    with locked(folder / "evaluation.lock"):
        rows = _kept(path, settings)
        if rows is None:
            _report(suite, missing)
            items_file = folder / "predictions" / f"{path.stem}.jsonl"
            rows = _evaluate(model(), suite, items_file, shots, items, method, lengths)
            rows = [row | {"predictions": items_file.name} for row in rows]
            # Scores come after the items: where there are scores, the items are whole.
            digest = hashlib.sha256(items_file.read_bytes()).hexdigest()
            write_sealed(path, {"settings": settings, "scores": rows, "items": digest})
    return rows


def kept_scores(
    folder: Path,
    suite: Suite,
    shots: int,
    items: int | None = None,
    method: str = "",
    lengths: tuple[int, int] | None = None,
) -> list[dict] | None:
    """The rows that `scores_of` would read, or None if it would evaluate."""
    settings = _settings(suite, shots, items, method, lengths)
    return _kept(_place(folder, suite, shots, items, method, settings)[0], settings)


def _place(
    folder: Path, full: Suite, shots: int, items: int | None, method: str, settings: dict
) -> tuple[Path, Suite, dict[str, str]]:
    """The scores' file, the suite of the available tasks, and the reason per missing task."""
    name = f"{full.name}_{shots}shot_{items or 'all'}" + (f"_{method}" if method else "")
    path = folder / "scores" / f"{name}.json"
    # Scores of the whole suite hold even where its data is no longer available.
    if _kept(path, settings) is not None:
        return path, full, {}
    suite, missing = at_hand(full, shots)
    if missing:  # a file of its own: when the other tasks are available, the suite is scored again
        path = path.with_name(f"{name}_{len(suite.tasks)}of{len(full.tasks)}tasks.json")
    return path, suite, missing


def suite_of(collection: Collection, name: str) -> Suite:
    """A suite by name, or one of a single task by the task's name; InputError lists the suites."""
    if name in collection.suites:
        return collection.suites[name]
    if name in collection.every_task:
        single = collection.suites.get("single_task", Suite("", ()))
        own = protocol(collection.name, name)
        used = single.protocol if own == Protocol() else own
        return dataclasses.replace(single, name=name, tasks=(collection.task(name),), protocol=used)
    raise InputError(
        f"collection '{collection.name}' has no suite '{name}': it has "
        f"{', '.join(collection.suites)}, and each of its tasks by name"
    )


def _settings(suite: Suite, shots: int, items: int | None, method: str, lengths) -> dict:
    """The settings that scores depend on, beside the model and the available tasks."""
    protocol = dataclasses.asdict(suite.protocol)
    del protocol["source"], protocol["shots"]  # a citation, and a default that `shots` replaces
    if method:
        protocol["method"] = method
    if lengths:
        protocol["inputs_length"], protocol["targets_length"] = lengths
    return {"version": VERSION, "shots": shots, "items": items, **protocol}


def _kept(path: Path, settings: dict) -> list[dict] | None:
    if not kind_of(path):
        return None
    try:
        found = read_sealed(path)
    except InputError as error:
        raise InputError(f"{error}; move it away and run again") from None
    if found.get("settings") != settings:
        return None  # other settings: evaluated again, over these
    rows = found.get("scores")
    if not (isinstance(rows, list) and rows and all(_is_row(row) for row in rows)):
        raise InputError(
            f"{path} holds no scores: expected a list of rows under 'scores', each with a value in "
            f"per cent; it is damaged, so move the file away and run again"
        )
    return rows


def _is_row(row: Any) -> bool:
    """True if a row has the columns that its readers need, and a value in per cent or None."""
    if not isinstance(row, dict) or not {"level", "task", "metric", "value", "n"} <= set(row):
        return False
    value = row["value"]
    # A rank correlation may be negative; a comparison with NaN is false.
    return value is None or (type(value) in (int, float) and abs(value) < 100.001)


def _report(suite: Suite, missing: dict[str, str]) -> None:
    if missing:
        reason = next(iter(missing.values()))
        rest = f"left out {', '.join(missing)}, because e.g. {reason}"
        if not suite.tasks:
            raise InputError(f"suite '{suite.name}' has no task that is available: {rest}")
        warnings.warn(f"suite '{suite.name}': {rest}", MissingTasks, stacklevel=3)


def read_items(folder: Path | str, predictions: str) -> list[dict]:
    """The rows of an evaluation's items; the file's name is in the scores' column `predictions`."""
    path = Path(folder) / "predictions" / predictions
    scores = Path(folder) / "scores" / f"{path.stem}.json"
    try:
        if (kind := kind_of(path)) != "a file":
            raise ValueError(kind or "it is missing")
        content = path.read_bytes()
        kept = read_sealed(scores).get("items") if kind_of(scores) else None
        if kept is not None and kept != hashlib.sha256(content).hexdigest():
            raise ValueError("it is not what was written")
        return [json.loads(line) for line in content.decode().split("\n") if line]
    except (OSError, ValueError, InputError) as error:
        raise InputError(
            f"{path} cannot be read ({error}): expected a JSON object per line; move the scores of "
            f"the same name away and evaluate again"
        ) from None


def _evaluate(
    model: Model | str,
    suite: Suite,
    path: Path,
    shots: int,
    items: int | None,
    method: str,
    lengths,
) -> list[dict]:
    from flanrepro.evaluation.answers import answer_suite
    from flanrepro.evaluation.scores import score

    if isinstance(model, Model):  # a baseline needs no JAX
        compile_cache.enable()
    inputs_length, targets_length = lengths or (None, None)
    rows = answer_suite(
        model,
        suite,
        shots=shots,
        items=items,
        method=method,
        inputs_length=inputs_length,
        targets_length=targets_length,
    )
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_whole(path, lines)
    return score(suite, shots, rows)
