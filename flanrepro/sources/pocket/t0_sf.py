"""Pocket's `t0_sf`: other askings of data like FLAN 2021's, as in the Public Pool of Prompts.

`t0_sf.yaml` has the data sets and the askings; a task is one of each, its records finished prompts.
"""

from collections.abc import Callable
from typing import Any

from flanrepro.collection.task import Record, Task
from flanrepro.packaged import read_yaml
from flanrepro.sources.pocket import flan2021
from flanrepro.sources.pocket.world import KINDS, WORKS, Dice, task

RECORDS = 200
"""Number of a task's records, where its family states none."""

_WORDS = {
    "easy": flan2021.EASY,
    "hard": flan2021.HARD,
    "open": flan2021.OPEN,
    "trivia": flan2021.TRIVIA,
    "works": WORKS,
}


def asked(dice: Dice, make: Callable[..., Record], args: tuple, inputs: str, target: str) -> Record:
    """Makes a finished prompt of a record of `make`, with options if `inputs` ends in {options}."""
    record = make(dice, *args)
    shown = inputs.endswith("{options}") and "options" in record  # some makers have none
    finished = dict(
        inputs=inputs.removesuffix("{options}").format_map(record),
        answer=target.format_map(record),
    )
    return finished | ({"options": record["options"]} if shown else {})


def _arguments(make: str, args: list[Any]) -> tuple:
    """Turns YAML's arguments into a maker's: names of word lists into words, lists into tuples."""
    # Tuples, because a maker's arguments are the key of a cache.
    if make in ("review", "closed_book", "whose"):
        return tuple(
            _WORDS.get(arg) or KINDS.get(arg) or arg if isinstance(arg, str) else arg
            for arg in args
        )
    if make == "triple":  # takes its kinds as one argument
        return (tuple(args),)
    return tuple(tuple(arg) if isinstance(arg, list) else arg for arg in args)


def tasks() -> tuple[Task, ...]:
    """Makes a task of every data set with every asking of its family."""
    made = []
    for family, row in read_yaml("flanrepro.sources.pocket", "t0_sf")["families"].items():
        for data, (make, *args) in row["data"].items():
            for asking, (inputs, target) in row["askings"].items():
                made.append(
                    task(
                        f"{data}_{asking}",
                        "t0_sf",
                        family,
                        asked,
                        getattr(flan2021, make),
                        _arguments(make, args),
                        inputs,
                        target,
                        templates="rendered",
                        splits={"train": row.get("records", RECORDS)},
                    )
                )
    return tuple(made)
