"""A small twin of one of FLAN 2021's data sets: how its records are made, and how many."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flanrepro.sources.pocket.records import Maker

SPLITS = {"train": 1000, "validation": 100}
HELD_IN = {"train": 1000, "validation": 400}
"""Splits of Held-In's tasks: eight times 400 items have a standard error below one point."""


@dataclass(frozen=True)
class Twin:
    """A row of a cluster's `TASKS`.

    Attributes:
        make: function from dice and `args` to a record.
        args: arguments of `make`, hashable.
        templates: template file below `pocket/` (empty: the cluster's).
        splits: number of records per split; smaller where there are fewer different ones.
        parted: true if the last argument of `make` says whether it asks for facts that are held
            back from training; validation does, so that its facts are in no training record.
    """

    make: Maker
    args: tuple = ()
    templates: str = ""
    splits: Mapping[str, int] = field(default_factory=SPLITS.copy)
    parted: bool = False


def yes_or_no(holds: bool) -> dict[str, str]:
    """Answers a question of two options."""
    return dict(answer="yes" if holds else "no", options="yes\nno")


def in_order(options: list[str]) -> str:
    """Writes options one per line, sorted, which tells nothing of the answer."""
    # In random order a question would make two records: one to train on, one to evaluate.
    return "\n".join(sorted(options))
