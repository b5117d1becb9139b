"""Evaluates a model on a suite once, and reads the kept scores from then on."""

import dataclasses
import hashlib
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flanrepro.collection.asking import Asking, asked, asks_of
from flanrepro.collection.clusters import cluster_names, cluster_suite, task_suite
from flanrepro.collection.mixture import PROMPTS
from flanrepro.collection.suites import at_hand, lacking, part
from flanrepro.collection.task import Collection, MissingTasks, Protocol, Suite, Task, protocol
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

VERSION = 3
"""Version of asking and scoring. Raised when either changes, so that older scores are not read."""

COVERAGE = ("evaluated", "left_out")
"""Columns of a suite's row: e.g. `5 of 8 tasks`, and what the others and these lack (empty: none
does)."""


class NoTasks(InputError):
    """None of a suite's tasks is available with that number of exemplars."""


def scores_of(
    folder: Path,
    model: Callable[[], Model | str],
    collection: Collection,
    suite_name: str,
    shots: int,
    items: int | None = None,
    method: str = "",
    lengths: tuple[int, int] | None = None,
    asking: Asking | None = None,
) -> list[dict]:
    """The scores of a model on a suite; they are kept in `folder` with the answer to each item.

    Args:
        folder: gets `scores/` and `predictions/` (one JSON row per item).
        model: function that gives a model or a baseline's name; called only to evaluate.
        collection: the collection that has the suite.
        suite_name: name of a suite, of one of FLAN 2021's clusters, or of a single task.
        shots: number of exemplars per prompt; 0: zero-shot.
        items: largest number of items per task; None: all.
        method: a name of `flanrepro.evaluation.answers.METHODS`; empty: the suite's protocol.
        lengths: longest inputs and targets, in tokens; None: the protocol's.
        asking: templates, form, options and split of the prompts, each way with a file of its own;
            None: the first templates, with options.

    Returns:
        rows of `flanrepro.evaluation.scores.score` with `predictions`, the name of the items' file;
        the suite's row, the last one, also says which tasks it is a mean of, see `COVERAGE`.

    Raises:
        InputError: there is no such suite, none of its tasks is available or has the template or
            split that is asked for, or kept scores cannot be read.
    """
    full = asked(suite_of(collection, suite_name), asking)
    settings = _settings(full, shots, items, method, lengths)
    path, suite, missing, content = _place(folder, full, shots, items, method, settings)
    make_folder(folder, "folder of evaluations")
    # Several processes may want one model's scores: one evaluates, the others read.
    with locked(folder / "evaluation.lock"):
        rows = _kept(path, settings, suite, content)
        if rows is None:
            _report(suite, missing)
            items_file = folder / "predictions" / f"{path.stem}.jsonl"
            rows = _evaluate(model(), suite, items_file, shots, items, method, lengths)
            rows = [row | {"predictions": items_file.name} for row in rows]
            covered = _coverage(suite, full, missing, shots)
            covered["left_out"] = "; ".join(filter(None, (covered["left_out"], part(suite))))
            rows[-1] |= covered
            # Scores come after the items: where there are scores, the items are whole.
            digest = hashlib.sha256(items_file.read_bytes()).hexdigest()
            kept = {"settings": settings, "content": content, "scores": rows, "items": digest}
            write_sealed(path, kept)
    # Scores of older versions do not say it.
    return [*rows[:-1], _coverage(suite, full, missing, shots) | rows[-1]]


def _coverage(suite: Suite, full: Suite, missing: dict[str, str], shots: int) -> dict[str, str]:
    """The columns `COVERAGE` of a suite's row, but for records that are missing."""
    said = (f"{len(suite.tasks)} of {len(full.tasks)} tasks", lacking(full, missing, shots))
    return dict(zip(COVERAGE, said, strict=True))


def told(table):
    """A table of scores without the columns `COVERAGE` if no suite lacks a task."""
    if "left_out" not in table:
        return table
    # Rows of tasks have NaN in it.
    said = any(text for text in table["left_out"] if isinstance(text, str))
    return table if said else table.drop(columns=list(COVERAGE))


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
    path, scored, _, content = _place(folder, suite, shots, items, method, settings)
    return _kept(path, settings, scored, content)


def _place(
    folder: Path, full: Suite, shots: int, items: int | None, method: str, settings: dict
) -> tuple[Path, Suite, dict[str, str], dict[str, str]]:
    """The scores' file, the suite of the available tasks, and the reason per missing task.

    The last is the digest of each available task, see `content_of`.
    """
    label = full.asking.label if full.asking else ""
    name = "_".join(filter(None, (f"{full.name}_{shots}shot_{items or 'all'}", method, label)))
    path = folder / "scores" / f"{name}.json"
    # Scores of the whole suite hold even where its data is no longer available.
    suite, missing = at_hand(full, shots)
    content = {task.name: content_of(suite, task, shots) for task in suite.tasks}
    if _kept(path, settings, full, content) is not None:
        return path, full, {}, content
    if missing:  # a file of its own: when the other tasks are available, the suite is scored again
        path = path.with_name(f"{name}_{len(suite.tasks)}of{len(full.tasks)}tasks.json")
    return path, suite, missing, content


def content_of(suite: Suite, task: Task, shots: int) -> str:
    """16 hexadecimal digits of what a task's prompts and right answers are made of.

    A label that is mended in place, another mirror's copy or another wording gives others.
    """
    splits = (suite.split_of(task), *([task.exemplar_split] if shots else []))
    wordings = [dataclasses.asdict(template) for template in asks_of(task, suite.asking)]
    wording = wordings[0] if len(wordings) == 1 else wordings
    records = {split: task.digest(split) for split in splits}
    made_of = [PROMPTS, wording, records, task.answer, suite.unit_of(task)]
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]


def suite_of(collection: Collection, name: str) -> Suite:
    """A suite by name, that of a cluster of FLAN 2021, or one of a single task.

    By its name alone a task is scored as in finetuning; as `nli.rte`, as FLAN 2021 scores it.

    Raises:
        InputError: there is none; the sentence lists the suites and the clusters.
    """
    if name in collection.suites:
        return collection.suites[name]
    if name in cluster_names():
        return cluster_suite(collection, name)
    cluster, _, one = name.partition(".")
    if cluster in cluster_names() and one in collection.every_task:
        return task_suite(collection, cluster, one)
    if name in collection.every_task:
        task = collection.task(name)
        single = collection.suites.get("single_task", Suite("", ()))
        rows = (protocol(collection.name, row) for row in (name, task.source))
        own = next((row for row in rows if row != Protocol()), single.protocol)
        return Suite(name, (task,), _evaluated_split(task), own)
    raise InputError(
        f"collection '{collection.name}' has no suite '{name}': it has "
        f"{', '.join(collection.suites)}; FLAN 2021's clusters {', '.join(cluster_names())}; and "
        "each of its tasks by name"
    )


def _evaluated_split(task: Task) -> str:
    """The split that a task is evaluated on by its name: test, validation or, without them, train.

    One that is available comes before one that is not.
    """
    names = [name for name in ("test", "validation") if name in task.splits]
    names = names or [name for name in ("train", *task.splits) if name in task.splits]
    return next((name for name in names if not task.missing(name)), names[0])


def _settings(suite: Suite, shots: int, items: int | None, method: str, lengths) -> dict:
    """The settings that scores depend on, beside the model and the tasks' content."""
    protocol = dataclasses.asdict(suite.protocol)
    del protocol["source"], protocol["shots"]  # a citation, and a default that `shots` replaces
    if method:
        protocol["method"] = method
    if lengths:
        protocol["inputs_length"], protocol["targets_length"] = lengths
    # Scores from before there was another way to ask do not name theirs.
    way = dataclasses.asdict(suite.asking) if suite.asking and suite.asking.label else None
    how = {"asking": way} if way else {}
    return {"version": VERSION, "shots": shots, "items": items, **protocol, **how}


def _kept(path: Path, settings: dict, suite: Suite, content: dict[str, str]) -> list[dict] | None:
    """The kept rows of a suite, or None if they were asked otherwise, or of other data.

    Tasks that are not in `content` are not available here, and cannot be compared.
    """
    if not kind_of(path):
        return None
    try:
        found = read_sealed(path)
    except InputError as error:
        raise InputError(f"{error}; move it away and run again") from None
    if found.get("settings") != settings:
        return None  # other settings: evaluated again, over these
    kept = found.get("content", {})
    if set(kept) != {task.name for task in suite.tasks} or content.items() - kept.items():
        return None
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
            raise NoTasks(f"suite '{suite.name}' has no task that is available: {rest}")
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
