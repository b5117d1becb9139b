"""Counter-based randomness: every choice is a pure function of integers.

A mixture gives its i-th prompt at random access, so no generator's state may have to be replayed,
and the same prompt on every platform and library version. The hash is therefore SplitMix64 (Steele
et al., 2014) and the permutation a Feistel network over it, in a few lines of plain Python.

Levanter's `data/_prp.py` is the same idea: a permutation whose i-th value is computed, not stored.
It permutes with a linear congruence or a Feistel network keyed by a JAX key; here the keys are
64-bit integers, so that no JAX is needed where prompts are made.
"""

import functools
import hashlib
import itertools
import math
from collections.abc import Iterator

import numpy as np

# Streams: numbers that tell independent choices under one key apart. A choice keeps its number for
# good, since another one would give other prompts for the same seed.
# Under a mixture's seed:
BLOCK, SUBSET, PERIOD = 0, 11, 12
# Under a block's key:
FEW_SHOT_SLOTS = 1
# Under a task's key:
RECORD, TEMPLATE, SHOTS, EXEMPLARS, CAP, INVERSION, LAYOUT, OPTION_STYLE = range(1, 9)
MIXED, BESIDE, TURNS = range(10, 13)
STREAMS = 13  # one more than the last of these
# Under the key of a text whose spans are hidden:
HIDDEN_SPANS, VISIBLE_SPANS = 1, 2

_MASK = (1 << 64) - 1
# SplitMix64's increment: 2^64 divided by the golden ratio, made odd.
_GOLDEN = 0x9E3779B97F4A7C15


def mix(*keys: int) -> int:
    """Hashes integers to a 64-bit integer; their order matters."""
    h = 0
    for key in keys:
        h = extend(h, key)
    return h


def extend(h: int, key: int) -> int:
    """Hashes one integer more: `mix(*keys, key)`, where h is `mix(*keys)`."""
    return _scramble((h ^ (key & _MASK)) + _GOLDEN)


def _scramble(h: int) -> int:
    """SplitMix64's bijection of 64-bit integers."""
    h &= _MASK
    h = ((h ^ (h >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    h = ((h ^ (h >> 27)) * 0x94D049BB133111EB) & _MASK
    return h ^ (h >> 31)


@functools.cache
def key_of(text: str) -> int:
    """Hashes a name to a 64-bit key that is the same in every process (unlike `hash`)."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def permute(i: int, n: int, key: int) -> int:
    """The image of i under a permutation of range(n) that `key` selects, in O(1) time and memory.

    A Feistel network permutes the smallest even number of bits that holds n - 1; it is applied
    again until the value falls below n (cycle walking, at most four steps on average).
    """
    half = max(1, ((n - 1).bit_length() + 1) // 2)
    low = (1 << half) - 1
    # Four rounds are enough for n > 64. On the few bits of a smaller n they send some indices to
    # some places a third too often or too seldom; eight do not.
    rounds = 8 if half <= 3 else 4
    while True:
        left, right = i >> half, i & low
        for level in range(rounds):
            # The key is a hash already: one more round scrambles level and half with it.
            left, right = right, left ^ (_scramble(key + (level << 48 | right) * _GOLDEN) & low)
        i = (left << half) | right
        if i < n:
            return i


def sample(n: int, k: int, key: int, exclude: int | None = None) -> tuple[int, ...]:
    """Draws k distinct indices of range(n) except `exclude`; all of them if there are fewer."""
    return tuple(itertools.islice(draws(n, key, exclude), k))


def draws(n: int, key: int, exclude: int | None = None) -> Iterator[int]:
    """Yields all of range(n) except `exclude` in a random order, lazily."""
    # Most callers take a few of many. A permuted index costs a dozen hashes, a plain draw one, and
    # among the first sqrt(n) plain draws few repeat.
    drawn, few = set(), math.isqrt(n)
    for j in range(few):
        i = _scramble(key + j * _GOLDEN) % n
        if i != exclude and i not in drawn:
            drawn.add(i)
            yield i
    for j in range(n):
        i = permute(j, n, key)
        if i != exclude and i not in drawn:
            yield i


def shuffled(n: int, key: int | np.ndarray) -> np.ndarray:
    """int64 [n]: a whole permutation of range(n), other than `permute`'s for the same key.

    Keys uint64 [k, 1] give [k, n].
    """
    # Every step below is a bijection of 64-bit integers, so no two sort keys are equal and the
    # order does not depend on the sorting algorithm.
    h = np.arange(n, dtype=np.uint64) + np.asarray(key, np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        h = (h ^ (h >> np.uint64(shift))) * np.uint64(factor)
    return np.argsort(h ^ (h >> np.uint64(31)))
