"""Records of a suite's tasks that no split has, drawn with a seed of their own.

Whoever does not know the seed cannot have looked at them, nor chosen a mixture by their scores.
"""

import dataclasses
import functools

from flanrepro.collection.task import Record, Suite, Task
from flanrepro.errors import InputError
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.flan2021 import _part
from flanrepro.sources.pocket.records import SEED

DRAWS = 50
"""Number of draws per record, after which a world too small for new records is given up."""


def held_back(suite: Suite, seed: int, most: int) -> Suite:
    """The suite with new records in the split that it asks; exemplars stay those of the task.

    Args:
        suite: one of pocket's, whose tasks make their records.
        seed: seed of the new records.
        most: largest number of records per task. A task has fewer where the world has no more: the
            same statement about eight animals is soon said in every way.

    Raises:
        InputError: no task of the suite has a new record.
    """
    tasks = [_with_new_records(task, suite.split_of(task), seed, most) for task in suite.tasks]
    kept = tuple(task for task in tasks if task.size(suite.split_of(task)))
    if not kept:
        raise InputError(
            f"suite '{suite.name}' has no record that is not in its splits: choose another suite"
        )
    return dataclasses.replace(suite, tasks=kept)


def _with_new_records(task: Task, split: str, seed: int, most: int) -> Task:
    new = _new_records(task, split, seed, most)

    def load(asked: str) -> list[Record]:
        return new if asked == split else task.load(asked)

    return dataclasses.replace(task, load=load, splits={**task.splits, split: len(new)})


def _new_records(task: Task, split: str, seed: int, most: int) -> list[Record]:
    if not isinstance(task.load, functools.partial):
        return []
    make, args, name, _ = task.load.args
    if task.load.func is _part:  # this split's facts are its own
        args, name = (*args, split == "validation"), f"{name}/{split}"
    dice = Dice(f"{SEED}/{name}/held back/{seed}")
    known = {tuple(record.values()) for one in task.splits for record in task.records(one)}
    found: dict[tuple, Record] = {}
    for _ in range(DRAWS * most):
        record = make(dice, *args)
        values = tuple(record.values())
        if values not in known:
            found.setdefault(values, record)
        if len(found) == most:
            break
    return dice.mixed(found.values())
