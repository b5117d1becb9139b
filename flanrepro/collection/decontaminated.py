"""Tasks without the training records that share text with evaluation items.

The paper left out the Super-Natural Instructions tasks that were made from MMLU (A.3), and nothing
else. `overlap` and `asked` say what is compared, with the items of all suites whose data is
available.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from flanrepro.collection.asked import item_texts, record_texts
from flanrepro.collection.content import Chosen
from flanrepro.collection.overlap import Index, index_of, positions_hit
from flanrepro.collection.suites import lacking
from flanrepro.collection.task import Collection, Record, Suite, Task
from flanrepro.errors import InputError

COMPARISON = 1
"""Version of what is compared; another one finds nothing that was kept."""

Gone = Mapping[str, Sequence[int]]
"""Positions of the records that are left out, per split."""


def available(suites: Iterable[Suite]) -> dict[tuple[str, str], tuple[Task, str]]:
    """Per suite and task whose items are available the task and the split it is evaluated on."""
    every = ((suite.name, task, suite.split_of(task)) for suite in suites for task in suite.tasks)
    return {
        (suite, task.name): (task, split)
        for suite, task, split in every
        if split in task.splits and not task.missing(split)
    }


def uncompared(suites: Iterable[Suite]) -> list[str]:
    """Says per suite which of its tasks are not available, e.g. `cot: svamp has no test data`."""
    said = []
    for suite in suites:
        here = available([suite])
        if gone := [task.name for task in suite.tasks if (suite.name, task.name) not in here]:
            said.append(f"{suite.name}: {lacking(suite, gone, 0)}")
    return said


def items_index(here: Mapping[tuple[str, str], tuple[Task, str]]) -> Index:
    """Builds the index of the items of `available` tasks."""
    return index_of({key: item_texts(task.records(split)) for key, (task, split) in here.items()})


def finder(collection: Collection) -> Callable[[Task], Gone]:
    """Makes a function that finds a task's records that share text with an item of any suite.

    They are found once for every content of a task and of the suites, and kept by the collection.
    The function raises InputError if an available split of the task cannot be read.

    Raises:
        InputError: no suite's data is available, or what is available cannot be read.
    """
    here = available(collection.suites.values())
    if not here:
        raise InputError(
            f"collection '{collection.name}' has no evaluation data here to compare training "
            "records with: make a suite's data available (`flanrepro data status` lists it), or "
            "take a mixture that is not decontaminated"
        )
    index = functools.cache(lambda: items_index(here))
    compared = _name(COMPARISON, *((key, *_content(*of)) for key, of in here.items()))

    def find(task: Task, split: str) -> list[int]:
        def made() -> dict[str, Any]:
            return {"records": positions_hit(index(), map(record_texts, task.records(split)))}

        return collection.keep(_name(compared, *_content(task, split)), made)["records"]

    def gone(task: Task) -> Gone:
        found = {split: find(task, split) for split in compared_splits(task)}
        return {split: places for split, places in found.items() if places}

    return gone


def _content(task: Task, split: str) -> tuple[str, str, str]:
    return task.name, split, task.digest(split)


def _name(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def compared_splits(task: Task) -> list[str]:
    """Names of the available splits that the task's prompts are made of."""
    names = task.splits if task.rendered else ("train", "exemplars")
    return [name for name in names if name in task.splits and not task.missing(name)]


def without(task: Task, gone: Gone) -> Task:
    """The task without some of its records, which are then numbered anew."""
    sizes = {split: task.size(split) - len(places) for split, places in gone.items()}
    return dataclasses.replace(task, load=_Load(task, gone), splits={**task.splits, **sizes})


@dataclasses.dataclass(frozen=True)
class _Load:
    """Loads a task's records but those that are left out; no closure, so that it can be pickled."""

    task: Task
    gone: Gone

    def __call__(self, split: str) -> Sequence[Record]:
        records = self.task.records(split)
        if split not in self.gone:
            return records
        which = np.delete(np.arange(len(records)), self.gone[split])
        return Chosen(records, which, self.task.digest(split))
