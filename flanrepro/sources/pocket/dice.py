"""Random choices from a seed, and lists of words, the same on every machine."""

import random
from collections.abc import Iterable, Sequence
from typing import Any


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


def several(words: Sequence[str], last: str = "and") -> str:
    """Writes `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
