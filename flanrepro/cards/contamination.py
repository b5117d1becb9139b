"""Contamination: evaluation items whose text occurs in training records.

An item counts as hit if one of its 13-grams of words occurs in a training record. 13 is the most
that GPT-3 (Brown et al., 2020, appendix C) uses; FLAN (Wei et al., 2021, appendix C) follows it.
Words are runs of letters and digits in lower case: case, punctuation and spacing do not count. An
item of fewer than 13 words is hit if it occurs as a whole. Below 8 words, the least that GPT-3
uses, chance would decide, and the item is counted as too short.

A record is compared field by field: no n-gram spans two of them. So a question and options that are
all short are found in a copy that keeps them together, and not in one with a field for each.

What is counted is shared text. It may be a copied item; it may as well be a quotation, or the
wording that all items of a synthetic task share. The example in each row tells which.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import repeat

import numpy as np

from flanrepro.collection.task import Record, Suite, Task

N = 13
"""Words of an n-gram."""

SHORTEST = 8
"""Words of the shortest item that is looked for."""

CHUNK = 1 << 18
"""Training words that are looked up at a time; a bound on memory without effect on the result."""

_WORD = re.compile(r"[^\W_]+")
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no word of an n-gram is multiplied away
_UNKNOWN = 0  # a word of no item, and the end of a text: in no n-gram of an item


@dataclass(frozen=True)
class Overlap:
    """What the training records of a task share with the items of a suite.

    Attributes:
        suite: its name.
        records, records_hit: all training records, and those that share text with any item.
        items, items_hit: all items, and those that share text with any training record.
        items_short: items of fewer than 8 words, which cannot be hit.
        longest_example: of the n-grams that are shared the one with the most characters.
    """

    suite: str
    records: int
    records_hit: int
    items: int
    items_hit: int
    items_short: int
    longest_example: str


@dataclass(frozen=True)
class _Grams:
    """The n-grams of one length in the suites, each once, sorted by hash.

    Attributes:
        n: words of each.
        hashes: of the n-grams; two n-grams may have the same.
        words: [n-gram, n] their word ids.
        gram_of, items: [place] which n-gram stands there, and in which item.
        in_suite: [n-gram, suite] whether any of these is the suite's.
        seen: by the first bits of a hash, whether any n-gram's begins with them: nearly all
            training text is ruled out by one look at a table that fits in the processor's cache.
    """

    n: int
    hashes: np.ndarray
    words: np.ndarray
    gram_of: np.ndarray
    items: np.ndarray
    in_suite: np.ndarray
    seen: np.ndarray

    @property
    def shift(self) -> np.uint64:
        return np.uint64(65 - len(self.seen).bit_length())


@dataclass(frozen=True)
class Index:
    """The items of all suites; made by `suite_index`.

    Attributes:
        suites: their names.
        vocabulary: the items' words, with their ids from 1.
        suite_of: [item] the position of its suite.
        short: [item] whether it has too few words.
        grams: the n-grams to look for, by length.
    """

    suites: tuple[str, ...]
    vocabulary: Mapping[str, int]
    suite_of: np.ndarray
    short: np.ndarray
    grams: Mapping[int, _Grams]


def words_of(text: str) -> list[str]:
    """The words of a text: runs of letters and digits in lower case."""
    # One text may be encoded in several ways ("é" as one character or two, full-width digits).
    return _WORD.findall((text if text.isascii() else unicodedata.normalize("NFKC", text)).lower())


def suite_index(suites: Mapping[str, Iterable[str]]) -> Index:
    """The index of suites' items: a suite's name to the texts of its items."""
    suites = {name: list(texts) for name, texts in suites.items()}
    vocabulary: dict[str, int] = {}
    ids, starts, lengths = [], [], []
    for text in (text for texts in suites.values() for text in texts):
        words = words_of(text)
        starts.append(len(ids))
        lengths.append(len(words))
        ids += [vocabulary.setdefault(word, len(vocabulary) + 1) for word in words]
        ids.append(_UNKNOWN)
    suite_of = np.repeat(np.arange(len(suites)), [len(texts) for texts in suites.values()])
    starts, lengths = np.array(starts, np.int64), np.array(lengths, np.int64)
    ids = np.array([*ids, *[_UNKNOWN] * N], np.int32)
    grams = {}
    for n, hashes in _rolling_hashes(ids):
        chosen = np.flatnonzero(lengths >= n if n == N else lengths == n)
        if chosen.size:
            counts = lengths[chosen] - n + 1
            places = np.concatenate([np.arange(c) for c in counts]) + starts[chosen].repeat(counts)
            grams[n] = _grams(n, ids, hashes, places, chosen.repeat(counts), suite_of, len(suites))
    return Index(tuple(suites), vocabulary, suite_of, lengths < SHORTEST, grams)


def _rolling_hashes(ids: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """For each n from 8 to 13, the hash of the n words from every position, as (n, [position])."""
    # Word ids are small and close to each other: spread over all 64 bits first.
    spread = ids.astype(np.uint64) * _BASE
    spread ^= spread >> np.uint64(29)
    hashes = np.zeros(len(ids) + 1, np.uint64)
    for n in range(1, min(N, len(ids)) + 1):
        hashes = hashes[:-1] * _BASE + spread[n - 1 :]
        if n >= SHORTEST:
            yield n, hashes


def _grams(
    n: int,
    ids: np.ndarray,
    hashes: np.ndarray,
    places: np.ndarray,
    items: np.ndarray,
    suite_of: np.ndarray,
    suites: int,
) -> _Grams:
    """The n-grams at `places` of `ids`; place i belongs to item `items[i]`."""
    order = np.argsort(hashes[places], kind="stable")
    places, items = places[order], items[order]
    windows = np.lib.stride_tricks.sliding_window_view(ids, n)[places]
    # Equal ones follow each other, unless another one with their hash comes between: then an n-gram
    # is listed twice with a part of its items each, and `_find` finds both.
    new = np.ones(len(places), bool)
    new[1:] = (windows[1:] != windows[:-1]).any(axis=1)
    first, gram_of = np.flatnonzero(new), new.cumsum() - 1
    in_suite = np.zeros((len(first), suites), bool)
    in_suite[gram_of, suite_of[items]] = True
    bits = max(8, int(32 * len(first)).bit_length())
    seen = np.zeros(1 << bits, bool)
    seen[hashes[places] >> np.uint64(64 - bits)] = True
    return _Grams(n, hashes[places[first]], windows[first], gram_of, items, in_suite, seen)


def overlap(
    index: Index, records: Iterable[Iterable[str]], chunk: int = CHUNK
) -> tuple[Overlap, ...]:
    """What training records share with the items of each suite.

    Args:
        index: the suites.
        records: each as the texts of its fields.
        chunk: words that are looked up at a time.
    """
    total = 0
    records_hit = np.zeros(len(index.suites), np.int64)
    hit = {n: np.zeros(len(grams.hashes), bool) for n, grams in index.grams.items()}
    for ids, ends in _chunks(index, records, chunk):
        total += len(ends)
        touched = np.zeros((len(ends), len(index.suites)), bool)
        for n, hashes in _rolling_hashes(ids):
            if n in index.grams:
                places, found = _find(index.grams[n], ids, hashes)
                in_record = np.searchsorted(ends, places, side="right")
                np.logical_or.at(touched, in_record, index.grams[n].in_suite[found])
                hit[n][found] = True
        records_hit += touched.sum(axis=0)
    return _overlaps(index, total, records_hit, hit)


def _chunks(
    index: Index, records: Iterable[Iterable[str]], size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Word ids of whole records, some `size` words at a time, and where each record ends."""

    def made() -> tuple[np.ndarray, np.ndarray]:
        ids = map(index.vocabulary.get, words, repeat(_UNKNOWN))
        return np.fromiter(ids, np.int32, len(words)), np.array(ends)

    words, ends = [], []
    for record in records:
        for text in record:
            words += words_of(text)
            words.append("")  # no word: the n-grams end here
        ends.append(len(words))
        if len(words) >= size:
            yield made()
            words, ends = [], []
    if ends:
        yield made()


def _find(grams: _Grams, ids: np.ndarray, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where `ids` has which of the n-grams: positions and n-grams, one of each per find."""
    places = np.flatnonzero(grams.seen[hashes >> grams.shift])
    low = np.searchsorted(grams.hashes, hashes[places], side="left")
    high = np.searchsorted(grams.hashes, hashes[places], side="right")
    windows = np.lib.stride_tricks.sliding_window_view(ids, grams.n)
    found_places, found = [], []
    # Ids stand for words one to one, so equal ids are equal text; a hash alone decides nothing.
    while (low < high).any():
        left = low < high
        places, low, high = places[left], low[left], high[left]
        same = (windows[places] == grams.words[low]).all(axis=1)
        found_places.append(places[same])
        found.append(low[same])
        low = low + 1
    empty = np.zeros(0, np.int64)
    return np.concatenate([*found_places, empty]), np.concatenate([*found, empty])


def _overlaps(
    index: Index, records: int, records_hit: np.ndarray, hit: Mapping[int, np.ndarray]
) -> tuple[Overlap, ...]:
    items_hit = np.zeros(len(index.suite_of), bool)
    for n, grams in index.grams.items():
        if hit[n].any():
            items_hit[grams.items[hit[n][grams.gram_of]]] = True
    return tuple(
        Overlap(
            suite=name,
            records=records,
            records_hit=int(records_hit[i]),
            items=int((index.suite_of == i).sum()),
            items_hit=int((items_hit & (index.suite_of == i)).sum()),
            items_short=int((index.short & (index.suite_of == i)).sum()),
            longest_example=_longest(index, hit, i) if records_hit[i] else "",
        )
        for i, name in enumerate(index.suites)
    )


def _longest(index: Index, hit: Mapping[int, np.ndarray], suite: int) -> str:
    """Of a suite's n-grams that are hit the one with the most characters."""
    names = ["", *index.vocabulary]
    characters = np.array([len(name) + 1 for name in names])
    texts = []
    for n, grams in index.grams.items():
        words = grams.words[hit[n] & grams.in_suite[:, suite]]
        lengths = characters[words].sum(axis=1)
        longest = words[lengths == lengths.max(initial=0)]
        texts += [" ".join(names[word] for word in gram) for gram in longest]
    return max(texts, key=lambda text: (len(text), text))


def item_text(record: Record) -> str:
    """The text of an evaluation item: its question and its options.

    Its answer is no part of it, and no field that all items of a task have (`description`).
    """
    return "\n".join(record[name] for name in ("question", "options") if name in record)


def table(tasks: Iterable[Task], suites: Sequence[Suite]):
    """A `pandas.DataFrame` with a row per task and suite: `task` and the fields of `Overlap`.

    The training records of `tasks` are compared with the items that `suites` are scored on.
    """
    import pandas as pd

    index = suite_index(
        {
            suite.name: [item_text(r) for task in suite.tasks for r in task.records(suite.split)]
            for suite in suites
        }
    )
    rows = [
        {"task": task.name, **asdict(row)}
        for task in tasks
        for row in overlap(index, (record.values() for record in task.records("train")))
    ]
    return pd.DataFrame(rows, columns=["task", *Overlap.__dataclass_fields__])
