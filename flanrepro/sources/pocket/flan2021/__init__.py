"""Pocket's `flan2021`: small twins of FLAN 2021's data sets, by their names, a module per cluster.

`MAKERS` has the functions that make their records, by name, for other askings of like data.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

from flanrepro.collection.task import Record, Task
from flanrepro.sources.pocket.flan2021 import (
    closed_book_qa,
    commonsense,
    coreference,
    misc,
    nli,
    paraphrase,
    reading_comprehension,
    reading_with_commonsense,
    sentiment,
    struct_to_text,
    summarization,
    translation,
)
from flanrepro.sources.pocket.flan2021.twin import Twin
from flanrepro.sources.pocket.records import Maker, load
from flanrepro.sources.pocket.world import task

CLUSTERS = (
    nli,
    reading_comprehension,
    commonsense,
    sentiment,
    paraphrase,
    closed_book_qa,
    coreference,
    reading_with_commonsense,
    struct_to_text,
    translation,
    summarization,
    misc,
)
MAKERS: dict[str, Callable[..., Record]] = {
    make.__name__: make
    for make in (
        *(twin.make for cluster in CLUSTERS for twin in cluster.TASKS.values()),
        closed_book_qa.whose,
    )
}
"""Functions from dice and their own arguments to a record, by name."""


def tasks() -> tuple[Task, ...]:
    """Makes all twins, under the names of FLAN 2021's data sets."""
    return tuple(
        _task(cluster.__name__.rpartition(".")[2], name, twin)
        for cluster in CLUSTERS
        for name, twin in cluster.TASKS.items()
    )


def _task(cluster: str, name: str, twin: Twin) -> Task:
    made = task(
        name,
        "flan2021",
        cluster,
        twin.make,
        *twin.args,
        templates=twin.templates,
        splits=twin.splits,
    )
    if not twin.parted:
        return made
    splits = tuple(twin.splits.items())
    parts = functools.partial(_part, twin.make, twin.args, name, splits)
    return dataclasses.replace(made, load=parts)


def _part(make: Maker, args: tuple, name: str, splits: tuple, split: str) -> Sequence[Record]:
    """Makes the records of one split of a parted twin from facts of its own."""
    own = ((split, dict(splits)[split]),)
    return load(make, (*args, split == "validation"), f"{name}/{split}", own, split)
