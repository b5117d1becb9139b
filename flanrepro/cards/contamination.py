"""Contamination: which evaluation items have text that occurs in training records.

An item is hit if one of its 13-grams of words occurs in a training record, as in GPT-3 (Brown et
al., 2020, appendix C; 13 is the most used there) and FLAN (Wei et al., 2021, appendix C). An item
of 8 to 12 words is hit if it occurs as a whole; a shorter one is counted as too short, since chance
would decide (8 is GPT-3's least). Words are runs of letters and digits in lower case.

A record is compared field by field: no n-gram spans two fields. A question and options that are all
short are found in a copy that keeps them together, not in one with a field for each.

Shared text may be a copied item, a quotation, or the wording that all items of a synthetic task
share. The example in each row tells which.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import repeat

import numpy as np

from flanrepro.collection.task import Record, Suite, Task

N = 13
"""Length of an n-gram, in words."""

SHORTEST = 8
"""Length of the shortest item that is looked for, in words."""

CHUNK = 1 << 18
"""Number of training words looked up at a time; it bounds memory and changes no result."""

_WORD = re.compile(r"[^\W_]+")  # letters and digits of any script
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no word of an n-gram is multiplied away
_UNKNOWN = 0  # a word of no item, and the end of a text: in no n-gram of an item


@dataclass(frozen=True)
class Overlap:
    """What the training records of a task share with the items of a suite.

    Attributes:
        suite: name of the suite.
        records, records_hit: numbers of training records, and of those sharing text with an item.
        items, items_hit: numbers of items, and of those that share text with a training record.
        items_short: number of items of fewer than 8 words, which cannot be hit.
        longest_example: the shared n-gram with the most characters.
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
        n: length in words.
        hashes: [n-gram] 64-bit hashes, ascending; two n-grams may have the same.
        words: [n-gram, n] word ids.
        gram_of, items: [place] the n-gram that stands there, and its item.
        in_suite: [n-gram, suite] True where an item of the suite has the n-gram.
        seen: [first bits of a hash] True where an n-gram's hash begins so. One look at this table,
            which fits in the processor's cache, rules out nearly all training text.
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
        # `seen` has 2^b entries, so its bit length is b + 1; a shift by 64 - b leaves b bits.
        return np.uint64(65 - len(self.seen).bit_length())


@dataclass(frozen=True)
class Index:
    """The items of all suites; made by `suite_index`.

    Attributes:
        suites: names of the suites.
        vocabulary: ids of the items' words, from 1.
        suite_of: [item] position of its suite.
        short: [item] True where it has too few words.
        grams: n-grams to look for, by length.
    """

    suites: tuple[str, ...]
    vocabulary: Mapping[str, int]
    suite_of: np.ndarray
    short: np.ndarray
    grams: Mapping[int, _Grams]


def words_of(text: str) -> list[str]:
    """Returns the words of a text: runs of letters and digits, in lower case."""
    # One text may be encoded in several ways ("é" as one character or two, full-width digits).
    return _WORD.findall((text if text.isascii() else unicodedata.normalize("NFKC", text)).lower())


def suite_index(suites: Mapping[str, Iterable[str]]) -> Index:
    """Builds the index of suites' items, given as texts by the suite's name."""
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
        # A long item has all its 13-grams; a shorter one is an n-gram of its own length, itself.
        chosen = np.flatnonzero(lengths >= n if n == N else lengths == n)
        if chosen.size:
            counts = lengths[chosen] - n + 1
            places = np.concatenate([np.arange(c) for c in counts]) + starts[chosen].repeat(counts)
            grams[n] = _grams(n, ids, hashes, places, chosen.repeat(counts), suite_of, len(suites))
    return Index(tuple(suites), vocabulary, suite_of, lengths < SHORTEST, grams)


def _rolling_hashes(ids: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yields (n, [position]) for n from 8 to 13: the hash of the n words from each position on."""
    # Word ids are small and close to each other, so they are spread over all 64 bits first.
    spread = ids.astype(np.uint64) * _BASE
    spread ^= spread >> np.uint64(29)
    hashes = np.zeros(len(ids) + 1, np.uint64)
    for n in range(1, min(N, len(ids)) + 1):
        # A polynomial in _BASE modulo 2^64; the hash of n words follows from that of n - 1.
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
    """Collects the n-grams at `places` of `ids`; place i belongs to item `items[i]`."""
    order = np.argsort(hashes[places], kind="stable")
    places, items = places[order], items[order]
    windows = np.lib.stride_tricks.sliding_window_view(ids, n)[places]
    # Equal n-grams follow each other, unless another one with their hash comes between: then one is
    # listed twice, each time with a part of its items, and `_find` finds both.
    new = np.ones(len(places), bool)
    new[1:] = (windows[1:] != windows[:-1]).any(axis=1)
    first, gram_of = np.flatnonzero(new), new.cumsum() - 1
    in_suite = np.zeros((len(first), suites), bool)
    in_suite[gram_of, suite_of[items]] = True
    # At least 32 entries per n-gram, so that at most 3 % of other text is looked at twice.
    bits = max(8, int(32 * len(first)).bit_length())
    seen = np.zeros(1 << bits, bool)
    seen[hashes[places] >> np.uint64(64 - bits)] = True
    return _Grams(n, hashes[places[first]], windows[first], gram_of, items, in_suite, seen)


def overlap(
    index: Index, records: Iterable[Iterable[str]], chunk: int = CHUNK
) -> tuple[Overlap, ...]:
    """Counts what training records share with the items: a row per suite, in the index's order.

    Args:
        index: items of the suites, from `suite_index`.
        records: texts of the fields, per record.
        chunk: number of words looked up at a time.
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
                # With `|=`, only the last place found in a record would count.
                in_record = np.searchsorted(ends, places, side="right")
                np.logical_or.at(touched, in_record, index.grams[n].in_suite[found])
                hit[n][found] = True
        records_hit += touched.sum(axis=0)
    return _overlaps(index, total, records_hit, hit)


def _chunks(
    index: Index, records: Iterable[Iterable[str]], size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields [word] ids of whole records, some `size` words at a time, and [record] their ends."""

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
    """Returns where `ids` has which of the n-grams: [find] positions and [find] n-grams."""
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
        low = low + 1  # the next n-gram with the same hash
    empty = np.zeros(0, np.int64)  # `concatenate` needs one array at least
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
    """Returns the one of a suite's n-grams hit that has the most characters."""
    names = ["", *index.vocabulary]
    characters = np.array([len(name) + 1 for name in names])
    texts = []
    for n, grams in index.grams.items():
        words = grams.words[hit[n] & grams.in_suite[:, suite]]
        lengths = characters[words].sum(axis=1)
        longest = words[lengths == lengths.max(initial=0)]
        texts += [" ".join(names[word] for word in gram) for gram in longest]
    return max(texts, key=lambda text: (len(text), text))  # ties by text: no order matters


def item_text(record: Record) -> str:
    """Returns the text of an evaluation item: its question and its options.

    The answer is no part of it, nor is a field that all items of a task share (`description`).
    """
    return "\n".join(record[name] for name in ("question", "options") if name in record)


def table(tasks: Iterable[Task], suites: Sequence[Suite]):
    """Compares the training records of `tasks` with the items that `suites` are scored on.

    Returns:
        A `pandas.DataFrame` with a row per task and suite: `task` and the fields of `Overlap`.
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
