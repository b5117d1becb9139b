"""The little world of the pocket collection: words, facts, dice, and tasks made of them.

Records follow from `world.yaml` and its seed: one draw more in a maker changes all that follow.
"""

import functools
import itertools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from flanrepro.collection import rng
from flanrepro.collection.task import Record, Task
from flanrepro.packaged import read_yaml

NUMBERS = range(31)
"""Every number of the world, 0 to 30; sums do not leave it."""

WORLD = read_yaml("flanrepro.sources.pocket", "world")
SEED: int = WORLD["seed"]
KINDS: dict[str, tuple[str, ...]] = {
    kind: tuple(words.split()) for kind, words in WORLD["kinds"].items()
}
KIND_OF = {word: kind for kind, words in KINDS.items() for word in words}
KNOWN = tuple(word for kind in WORLD["known"] for word in KINDS[kind])
"""Words that facts are known of: the animals."""
OBJECTS = KINDS["tool"] + KINDS["food"]
"""Words for what can be carried and put somewhere."""
GOOD, BAD, WORKS = (tuple(WORLD[name].split()) for name in ("good", "bad", "works"))

TUNED: dict[str, str] = WORLD["attributes"]
"""Kind of the values, by attribute that tuning asks for."""
SUBJECTS: dict[str, str] = {subject: next(iter(row)) for subject, row in WORLD["subjects"].items()}
"""Attribute by MMLU's subject."""
HELD_OUT: dict[str, str] = {
    attribute: kind for row in WORLD["subjects"].values() for attribute, kind in row.items()
}
"""Kind of the values, by attribute that only pretraining text and MMLU ask for."""
ATTRIBUTES = TUNED | HELD_OUT

TRANSLATED: dict[str, str] = WORLD["language"]["words"] | {
    word: other
    for kind, words in KINDS.items()
    if kind in WORLD["language"]
    for word, other in zip(words, WORLD["language"][kind].split(), strict=True)
}
"""Word of the second language, by English word; names stay as they are."""


@functools.cache
def fact(attribute: str, thing: str) -> str:
    """Returns the value of a thing's attribute, fixed by the world's seed."""
    # No thing is its own friend. The key's name alone decides, so that a fact stays what it is when
    # attributes or things are added.
    values = [word for word in KINDS[ATTRIBUTES[attribute]] if word != thing]
    return values[rng.mix(SEED, rng.key_of(f"{attribute} of {thing}")) % len(values)]


class Dice:
    """Makes random choices from a seed, the same on every machine and Python version."""

    # Python promises the sequence of `random()` alone, not that of `choice`, `shuffle` or `sample`.
    __slots__ = ("roll",)

    def __init__(self, seed: str):
        self.roll = random.Random(seed).random

    def below(self, n: int) -> int:
        """Draws from 0 to n - 1."""
        return int(self.roll() * n)

    def number(self, low: int, high: int) -> int:
        """Draws from low to high, both included."""
        return low + int(self.roll() * (high - low + 1))

    def one(self, items: Sequence[Any]) -> Any:
        return items[int(self.roll() * len(items))]

    def coin(self, chance: float = 0.5) -> bool:
        return self.roll() < chance

    def some(self, items: Sequence[Any], n: int) -> list[Any]:
        """Draws n different items, in random order: a Fisher-Yates shuffle that ends after n."""
        pool = list(items)
        for i in range(n):
            j = i + int(self.roll() * (len(pool) - i))
            pool[i], pool[j] = pool[j], pool[i]
        return pool[:n]

    def mixed(self, items: Iterable[Any]) -> list[Any]:
        """Returns all items in random order."""
        pool = list(items)
        return self.some(pool, len(pool))

    def options(self, answer: str, words: Sequence[str], n: int = 4) -> str:
        """Writes `answer` and n - 1 other words in random order, one per line."""
        others = self.some([word for word in words if word != answer], n - 1)
        return "\n".join(self.mixed([answer, *others]))


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


def task(
    name: str,
    source: str,
    cluster: str,
    make: Maker,
    *args: Any,
    templates: str = "",
    answer: str = "text",
    splits: Mapping[str, int],
) -> Task:
    """Makes a task whose records are `make(dice, *args)`.

    Args:
        name: name of the task, and of its real twin where it has one.
        source, cluster, answer, splits: see `Task`.
        make: function of a module, so that a task can be sent to another process.
        args: arguments of `make`, hashable.
        templates: template file without `pocket_` (empty: the cluster's).
    """
    return Task(
        name=name,
        source=source,
        cluster=cluster,
        load=functools.partial(load, make, args, name, tuple(splits.items())),
        splits=dict(splits),
        templates=f"pocket_{templates or cluster}",
        answer=answer,
        licence="Apache-2.0",
        citation="generated by flanrepro",
    )


def several(words: Sequence[str], last: str = "and") -> str:
    """Writes `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
