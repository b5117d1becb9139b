"""Makes a task's records from its name and a seed: one draw more in a maker changes all others."""

import functools
import itertools
from collections.abc import Callable

from flanrepro.collection.task import Record
from flanrepro.packaged import read_yaml
from flanrepro.sources.pocket.dice import Dice

SEED: int = read_yaml(__package__, "world")["records_seed"]

Maker = Callable[..., Record]
"""A function of dice and a task's own arguments that makes a record."""


def load(make: Maker, args: tuple, name: str, splits: tuple, split: str) -> list[Record]:
    """Makes the records of one split; no two of a task are equal, over all its splits."""
    # Splits are consecutive parts of one list, in the order of `splits`.
    sizes = dict(splits)
    start = sum(sizes[name] for name in itertools.takewhile(lambda name: name != split, sizes))
    return make_all(make, args, name, sum(sizes.values()))[start : start + sizes[split]]


@functools.lru_cache(maxsize=4)  # a task's splits are mostly read one after the other
def make_all(make: Maker, args: tuple, name: str, wanted: int) -> list[Record]:
    """Makes `wanted` different records, or fewer if 50 draws per record find no more."""
    dice = Dice(f"{SEED}/{name}")
    seen: dict[tuple, Record] = {}
    # Bounded, so that a world too small for its splits is an error in `Task.records` and no hang.
    for _ in range(50 * wanted):
        record = make(dice, *args)
        seen.setdefault(tuple(record.values()), record)
        if len(seen) == wanted:
            break
    # Late in the search only rare kinds of records are new; shuffled, all splits have their share.
    return dice.mixed(seen.values())
