"""Scores that the conditions of the pocket collection are about, kept with each run."""

import dataclasses
import functools
import json
import math
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flanrepro.collection import rng
from flanrepro.collection.task import Collection, Suite, Task
from flanrepro.experiments.scores import kept_scores, read_items, scores_of
from flanrepro.experiments.store import Run
from flanrepro.model.model import Model
from flanrepro.whole import read_json, write_whole

STATEMENT = 8
"""Tokens decoded behind a statement: its last word and the full stop are two."""

SAMPLE, SAMPLE_ITEMS = 200, 4
"""Number of training tasks that sizes are compared on, and of validation records of each."""


@dataclass(frozen=True)
class Score:
    """A suite's score on each of several runs.

    Attributes:
        suite, shots, method: what was asked; an empty method is the protocol's.
        values: per cent by run.
        chance: per cent; NaN: unknown.
        errors: standard error over items by run, in points; NaN: unknown.
        n: number of items.
        runs: run ids.
        seconds: seconds of the evaluations; NaN: another command made one of them.
    """

    suite: str
    shots: int
    method: str
    values: tuple[float, ...]
    chance: float
    errors: tuple[float, ...]
    n: int
    runs: tuple[str, ...]
    seconds: float

    @property
    def value(self) -> float:
        """The mean over runs, in per cent."""
        return float(np.mean(self.values))

    @property
    def named(self) -> str:
        """What was asked, in words, e.g. `mmlu 3-shot ranked`."""
        how = {"decode": "decoded", "rank": "ranked", "": ""}[self.method]
        return f"{self.suite} {f'{self.shots}-shot' if self.shots else 'zero-shot'} {how}".strip()


# A check asks the same few runs over and over, and restoring parameters takes seconds.
@functools.lru_cache(maxsize=4)
def _model(run: Run) -> Model:
    return run.model()


def asked(
    runs: Sequence[Run],
    suite: Suite,
    shots: int,
    items: int | None = None,
    method: str = "",
    targets_length: int = 0,
) -> Score:
    """Scores runs on a suite, which need not be one of the collection's.

    Args:
        runs: finished runs.
        suite, shots, items, method: see `flanrepro.experiments.scores.scores_of`.
        targets_length: number of tokens to decode; 0: the run's own.
    """
    made = [_rows(run, suite, shots, items, method, targets_length) for run in runs]
    rows = [own[-1] for own, _ in made]
    return Score(
        suite=suite.name,
        shots=shots,
        method=method,
        values=tuple(row["value"] for row in rows),
        chance=_number(rows[0]["chance"]),
        errors=tuple(_number(row["standard_error"]) for row in rows),
        n=rows[0]["n"],
        runs=tuple(run.spec.run_id for run in runs),
        seconds=sum(seconds for _, seconds in made),
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _rows(
    run: Run, suite: Suite, shots: int, items: int | None, method: str, targets_length: int
) -> tuple[list[dict], float]:
    """The rows of `scores_of`, and the seconds that the evaluation took when it was made."""
    lengths = (run.spec.inputs_length, targets_length or run.spec.targets_length)
    kept = kept_scores(run.folder, suite, shots, items, method, lengths)
    name = f"{suite.name}_{shots}shot_{items or 'all'}{method and f'_{method}'}"
    began = time.monotonic()
    rows = _scored(run, run.folder, suite, shots, items, method, lengths)
    path = run.folder / "evaluation_seconds.json"
    seconds = read_json(path) if path.is_file() else {}
    if kept is None:
        seconds[name] = time.monotonic() - began
        write_whole(path, json.dumps(seconds, indent=1))
    return rows, seconds.get(name, math.nan)


def _scored(run: Run, folder: Path, suite: Suite, *how) -> list[dict]:
    collection = dataclasses.replace(run.spec.load_collection(), suites={suite.name: suite})
    return scores_of(folder, lambda: _model(run), collection, suite.name, *how)


def core_seconds_of(run: Run, suite: Suite, shots: int, items: int | None) -> float:
    """Seconds of the processor that an evaluation takes here; nothing of it is kept."""
    lengths = (run.spec.inputs_length, run.spec.targets_length)
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        _scored(run, Path(folder), suite, shots, items, "", lengths)
        return time.process_time() - began


def completed(runs: Sequence[Run], suite: Suite) -> Score:
    """Scores statements: the first sentence that is decoded is the last word of the statement.

    A text may go on, and an untuned model does: what follows does not count.
    """
    score = asked(runs, suite, 0, None, "decode", STATEMENT)
    values = []
    for run in runs:
        rows, _ = _rows(run, suite, 0, None, "decode", STATEMENT)
        items = read_items(run.folder, rows[-1]["predictions"])
        values.append(100 * sum(map(is_completed, items)) / len(items))
    nan = (math.nan,) * len(runs)
    return dataclasses.replace(score, values=tuple(values), errors=nan)


def is_completed(item: Mapping[str, Any]) -> bool:
    """True if the first sentence of an item's prediction is its target."""
    return item["prediction"].split(".")[0].strip() == item["targets"]


def validation_of_training(collection: Collection, number: int = SAMPLE) -> Suite:
    """Validation records of training tasks, which are no held-out suite's.

    Args:
        collection: the collection that is trained on.
        number: number of tasks, dealt out to the sources in turn, at random by their names alone.
    """
    by_source: dict[str, list[Task]] = {}
    for task in collection.tasks.values():
        if "validation" in task.splits:
            by_source.setdefault(task.source, []).append(task)
    for tasks in by_source.values():
        tasks.sort(key=lambda task: rng.mix(rng.key_of(f"validated {task.name}")), reverse=True)
    chosen: list[Task] = []
    while len(chosen) < number and any(by_source.values()):
        chosen += [tasks.pop() for tasks in by_source.values() if tasks]
    return Suite("validation_of_training", tuple(chosen[:number]))


def told_by_example(collection: Collection) -> tuple[int, int]:
    """Counts the operations of which only exemplars tell what is to be done.

    They share a definition with others, and it is that of a task of the suite `by_example`.

    Returns:
        their number, and that of all tasks of `niv2`.
    """
    said = [_definition(task) for task in collection.tasks.values() if task.source == "niv2"]
    asked = {_definition(task) for task in collection.suites["by_example"].tasks}
    number = Counter(said)
    return sum(n for text, n in number.items() if text in asked and n > 1), len(said)


def _definition(task: Task) -> str:
    return task.records("train")[0]["definition"]
