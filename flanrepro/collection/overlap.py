"""Shared text: which evaluation items have text that occurs in training records.

An item is hit if one of its 13-grams of words occurs in a training record, as in GPT-3 (Brown et
al., 2020, appendix C; 13 is the most used there) and FLAN (Wei et al., 2021, appendix C). A text of
8 to 12 words is found where it occurs as a whole; an item that has only shorter ones is counted as
too short, since chance would decide (8 is GPT-3's least). Words are runs of letters and digits in
lower case; a label of a part or an option, such as `Question:` or `(A)`, is none, and `two` is `2`.
`flanrepro.collection.asked` says which texts an item has, and which a record.

Shared text may be a copied item, a quotation, or the wording that all items of a synthetic task
share. The example in each row tells which.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

import numpy as np

N = 13
"""Length of an n-gram, in words."""

SHORTEST = 8
"""Length of the shortest text that is looked for, in words."""

ALL = "all"
"""Stands for a suite's available tasks together."""

CHUNK = 1 << 18
"""Number of training words looked up at a time; it bounds memory and changes no result."""

# A word, in a group: letters and digits of any script. Before it, what is none: labels of parts,
# `question 2:`, and of options, `(b)` and `b.`, since a copy may have others, or none.
_WORD = re.compile(
    r"(?:question|context|passage|paragraph|problem|premise|hypothesis|sentence|statement|options|"
    r"choices|answer|q|a) ?\d? ?:|[a-z](?:\.(?!\S)|\))|([^\W_]+)"
)
# A copy of a sum may have its numbers in digits.
_DIGITS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen twenty".split()
    )
}
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no word of an n-gram is multiplied away
_UNKNOWN = 0  # a word of no item, and the end of a text: in no n-gram of an item


@dataclass(frozen=True)
class Overlap:
    """What the training records of a task share with the items of a suite, or of one of its tasks.

    Attributes:
        suite: name of the suite.
        evaluated: name of its task, or `ALL`.
        records, records_hit: numbers of training records, and of those sharing text with an item.
        items, items_hit: numbers of items, and of those that share text with a training record.
        items_short: number of items with no text of 8 words, which cannot be hit.
        longest_example: the shared n-gram with the most characters.
    """

    suite: str
    evaluated: str
    records: int
    records_hit: int
    items: int
    items_hit: int
    items_short: int
    longest_example: str


@dataclass(frozen=True)
class _Grams:
    """The n-grams of one length in the items, each once, sorted by hash.

    Attributes:
        n: length in words.
        hashes: [n-gram] 64-bit hashes, ascending; two n-grams may have the same.
        words: [n-gram, n] word ids.
        gram_of, items: [place] the n-gram that stands there, and its item.
        in_group: [n-gram, group] True where an item of the group has the n-gram.
        seen: [first bits of a hash] True where an n-gram's hash begins so. One look at this table,
            which fits in the processor's cache, rules out nearly all training text.
    """

    n: int
    hashes: np.ndarray
    words: np.ndarray
    gram_of: np.ndarray
    items: np.ndarray
    in_group: np.ndarray
    seen: np.ndarray

    @property
    def shift(self) -> np.uint64:
        # `seen` has 2^b entries, so its bit length is b + 1; a shift by 64 - b leaves b bits.
        return np.uint64(65 - len(self.seen).bit_length())


@dataclass(frozen=True)
class Index:
    """The items of all suites; made by `index_of`.

    Attributes:
        groups: suite and task of each group of items.
        vocabulary: ids of the items' words, from 1.
        group_of: [item] its group.
        short: [item] True where none of its texts has enough words.
        grams: n-grams to look for, by length.
    """

    groups: tuple[tuple[str, str], ...]
    vocabulary: Mapping[str, int]
    group_of: np.ndarray
    short: np.ndarray
    grams: Mapping[int, _Grams]


def words_of(text: str) -> list[str]:
    """Returns the words of a text: runs of letters and digits, in lower case, without labels.

    Numbers up to twenty are in digits.
    """
    # One text may be encoded in several ways ("é" as one character or two, full-width digits).
    text = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return [_DIGITS.get(word, word) for word in _WORD.findall(text.lower()) if word]


def index_of(groups: Mapping[tuple[str, str], Iterable[Iterable[str]]]) -> Index:
    """Builds the index of evaluation items: by suite and task, the texts of each item."""
    items = {name: [list(texts) for texts in found] for name, found in groups.items()}
    every = list(chain.from_iterable(items.values()))
    vocabulary: dict[str, int] = {}
    ids, starts, lengths = [], [], []
    for text in chain.from_iterable(every):
        words = words_of(text)
        starts.append(len(ids))
        lengths.append(len(words))
        ids += [vocabulary.setdefault(word, len(vocabulary) + 1) for word in words]
        ids.append(_UNKNOWN)
    group_of = np.repeat(np.arange(len(items)), [len(found) for found in items.values()])
    item_of = np.repeat(np.arange(len(every)), [len(texts) for texts in every])
    starts, lengths = np.array(starts, np.int64), np.array(lengths, np.int64)
    short = np.ones(len(every), bool)
    short[item_of[lengths >= SHORTEST]] = False
    ids = np.array([*ids, *[_UNKNOWN] * N], np.int32)
    grams = {}
    for n, hashes in _rolling_hashes(ids):
        # A long text has all its 13-grams; a shorter one is an n-gram of its own length, itself.
        chosen = np.flatnonzero(lengths >= n if n == N else lengths == n)
        if chosen.size:
            counts = lengths[chosen] - n + 1
            places = np.concatenate([np.arange(c) for c in counts]) + starts[chosen].repeat(counts)
            owners = item_of[chosen].repeat(counts)
            grams[n] = _grams(n, ids, hashes, places, owners, group_of[owners], len(items))
    return Index(tuple(items), vocabulary, group_of, short, grams)


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
    groups: np.ndarray,
    number: int,
) -> _Grams:
    """Collects the n-grams at `places` of `ids`; place i belongs to `items[i]`, in `groups[i]`."""
    order = np.argsort(hashes[places], kind="stable")
    places, items, groups = places[order], items[order], groups[order]
    windows = np.lib.stride_tricks.sliding_window_view(ids, n)[places]
    # Equal n-grams follow each other, unless another one with their hash comes between: then one is
    # listed twice, each time with a part of its items, and `_find` finds both.
    new = np.ones(len(places), bool)
    new[1:] = (windows[1:] != windows[:-1]).any(axis=1)
    first, gram_of = np.flatnonzero(new), new.cumsum() - 1
    in_group = np.zeros((len(first), number), bool)
    in_group[gram_of, groups] = True
    # At least 32 entries per n-gram, so that at most 3 % of other text is looked at twice.
    bits = max(8, int(32 * len(first)).bit_length())
    seen = np.zeros(1 << bits, bool)
    seen[hashes[places] >> np.uint64(64 - bits)] = True
    return _Grams(n, hashes[places[first]], windows[first], gram_of, items, in_group, seen)


Texts = Iterable[Iterable[str]]
"""Texts of training records, per record."""


def positions_hit(index: Index, records: Texts, chunk: int = CHUNK) -> list[int]:
    """Positions, ascending, of the records that share text with an item of any suite."""
    found = [touched.any(axis=1) for touched, _ in _looked_up(index, records, chunk)]
    return np.flatnonzero(np.concatenate([*found, np.zeros(0, bool)])).tolist()


def overlap(index: Index, records: Texts, chunk: int = CHUNK) -> tuple[Overlap, ...]:
    """Counts what training records share with the items.

    Args:
        index: items of the suites, from `index_of`.
        records: texts of the records.
        chunk: number of words looked up at a time.

    Returns:
        A row per suite, in the index's order, followed by those of its tasks that are hit.
    """
    total, suites = 0, list(dict.fromkeys(suite for suite, _ in index.groups))
    columns = [(ALL, suite, [s == suite for s, _ in index.groups]) for suite in suites]
    columns += [(task, s, [g == (s, task) for g in index.groups]) for s, task in index.groups]
    columns.sort(key=lambda column: suites.index(column[1]))
    chosen = [np.flatnonzero(which) for _, _, which in columns]
    records_hit = np.zeros(len(columns), np.int64)
    hit = {n: np.zeros(len(grams.hashes), bool) for n, grams in index.grams.items()}
    for touched, found in _looked_up(index, records, chunk):
        total += len(touched)
        counts = [touched[:, groups].any(axis=1).sum() for groups in chosen]
        records_hit += np.array(counts, np.int64)
        for n, which in found.items():
            hit[n][which] = True
    items_hit = np.zeros(len(index.group_of), bool)
    for n, grams in index.grams.items():
        items_hit[grams.items[hit[n][grams.gram_of]]] = True
    rows = []
    for (name, suite, _), groups, number in zip(columns, chosen, records_hit, strict=True):
        if number or name == ALL:
            own = np.isin(index.group_of, groups)
            counts = (own.sum(), (items_hit & own).sum(), (index.short & own).sum())
            example = _longest(index, hit, groups) if number else ""
            rows.append(Overlap(suite, name, total, int(number), *map(int, counts), example))
    return tuple(rows)


def _looked_up(
    index: Index, records: Texts, size: int
) -> Iterator[tuple[np.ndarray, dict[int, np.ndarray]]]:
    """Yields, for some records at a time, [record, group] hits and [find] n-grams by length."""
    for ids, ends in _chunks(index, records, size):
        touched, every = np.zeros((len(ends), len(index.groups)), bool), {}
        for n, hashes in _rolling_hashes(ids):
            if n in index.grams:
                places, found = _find(index.grams[n], ids, hashes)
                # With `|=`, only the last place found in a record would count.
                in_record = np.searchsorted(ends, places, side="right")
                np.logical_or.at(touched, in_record, index.grams[n].in_group[found])
                every[n] = found
        yield touched, every


def _chunks(index: Index, records: Texts, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
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


def _longest(index: Index, hit: Mapping[int, np.ndarray], groups: Sequence[int]) -> str:
    """Returns the one of some groups' n-grams hit that has the most characters."""
    names = ["", *index.vocabulary]
    characters = np.array([len(name) + 1 for name in names])
    texts = []
    for n, grams in index.grams.items():
        words = grams.words[hit[n] & grams.in_group[:, groups].any(axis=1)]
        lengths = characters[words].sum(axis=1)
        longest = words[lengths == lengths.max(initial=0)]
        texts += [" ".join(names[word] for word in gram) for gram in longest]
    return max(texts, key=lambda text: (len(text), text))  # ties by text: no order matters
