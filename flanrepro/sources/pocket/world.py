"""The little world of the pocket collection: words, facts, dice, and tasks made of them."""

import functools
import itertools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from flanrepro.collection import rng
from flanrepro.collection.task import Record, Task
from flanrepro.packaged import read_yaml

NUMBERS = range(31)
"""Every number of the world; sums do not leave it."""


WORLD = read_yaml("flanrepro.sources.pocket", "world")
SEED: int = WORLD["seed"]
KINDS: dict[str, tuple[str, ...]] = {
    kind: tuple(words.split()) for kind, words in WORLD["kinds"].items()
}
KIND_OF = {word: kind for kind, words in KINDS.items() for word in words}
KNOWN = tuple(word for kind in WORLD["known"] for word in KINDS[kind])
"""What facts are known of."""
OBJECTS = KINDS["tool"] + KINDS["food"]
"""What can be carried and put somewhere."""
GOOD, BAD, WORKS = (tuple(WORLD[name].split()) for name in ("good", "bad", "works"))

TUNED: dict[str, str] = WORLD["attributes"]
"""Attributes that tuning asks for, each with the kind of its values."""
SUBJECTS: dict[str, str] = {subject: next(iter(row)) for subject, row in WORLD["subjects"].items()}
"""MMLU's subjects, each with its attribute."""
HELD_OUT: dict[str, str] = {
    attribute: kind for row in WORLD["subjects"].values() for attribute, kind in row.items()
}
"""Attributes that only pretraining text and MMLU ask for."""
ATTRIBUTES = TUNED | HELD_OUT

TRANSLATED: dict[str, str] = WORLD["language"]["words"] | {
    word: other
    for kind, words in KINDS.items()
    if kind in WORLD["language"]
    for word, other in zip(words, WORLD["language"][kind].split(), strict=True)
}
"""The second language's word for each word; names stay as they are."""


@functools.cache
def fact(attribute: str, thing: str) -> str:
    """The value of a thing's attribute; fixed by the world's seed, never the thing itself."""
    values = [word for word in KINDS[ATTRIBUTES[attribute]] if word != thing]
    return values[rng.mix(SEED, rng.key_of(f"{attribute} of {thing}")) % len(values)]


class Dice:
    """Random choices from a seed, the same on every machine and Python version.

    Only `random()` of Python's generator is promised to stay as it is, so all rests on that.
    """

    __slots__ = ("roll",)

    def __init__(self, seed: str):
        self.roll = random.Random(seed).random

    def below(self, n: int) -> int:
        """0 to n - 1."""
        return int(self.roll() * n)

    def number(self, low: int, high: int) -> int:
        """low to high, both included."""
        return low + int(self.roll() * (high - low + 1))

    def one(self, items: Sequence[Any]) -> Any:
        return items[int(self.roll() * len(items))]

    def coin(self, chance: float = 0.5) -> bool:
        return self.roll() < chance

    def some(self, items: Sequence[Any], n: int) -> list[Any]:
        """n different ones, in random order."""
        pool = list(items)
        for i in range(n):
            j = i + int(self.roll() * (len(pool) - i))
            pool[i], pool[j] = pool[j], pool[i]
        return pool[:n]

    def mixed(self, items: Iterable[Any]) -> list[Any]:
        """All in random order."""
        pool = list(items)
        return self.some(pool, len(pool))

    def options(self, answer: str, words: Sequence[str], n: int = 4) -> str:
        """`answer` and n - 1 other words in random order, one per line."""
        others = self.some([word for word in words if word != answer], n - 1)
        return "\n".join(self.mixed([answer, *others]))


Maker = Callable[..., Record]
"""Makes a record from dice and a task's own arguments."""


def load(make: Maker, args: tuple, name: str, splits: tuple, split: str) -> list[Record]:
    """The records of one split; no two of a task are equal, over all its splits."""
    sizes = dict(splits)
    start = sum(sizes[name] for name in itertools.takewhile(lambda name: name != split, sizes))
    return make_all(make, args, name, sum(sizes.values()))[start : start + sizes[split]]


@functools.lru_cache(maxsize=4)
def make_all(make: Maker, args: tuple, name: str, wanted: int) -> list[Record]:
    """So many different records, or all that there seem to be; a function of the name alone."""
    dice = Dice(f"{SEED}/{name}")
    seen: dict[tuple, Record] = {}
    # Bounded, so that a world too small for its splits is an error in `Task.records`, not a hang.
    for _ in range(50 * wanted):
        record = make(dice, *args)
        seen.setdefault(tuple(record.values()), record)
        if len(seen) == wanted:
            break
    # Where few are left, the rare kinds of records come first: the splits are to be alike.
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
    """A task whose records `make(dice, *args)` gives.

    Args:
        name: the task's; also of the real data set that it is the twin of, where there is one.
        source, cluster, answer, splits: see `Task`.
        make: gives a record; at module level, so that a task can go to another process.
        templates: file of its wording without `pocket_`; empty: the cluster's.
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
    """`a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
