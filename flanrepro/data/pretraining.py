"""Pretraining's two objectives: texts as examples, pure functions of (seed, index).

Span corruption (Raffel et al., 2020, section 3.3.4) hides spans of a text, which the targets
repeat; prefix language modelling, to which T5 is adapted afterwards (Lester et al., 2021), asks for
the rest of a text. A text is one example, since the texts of the pocket collection are short.
"""

import functools
import warnings
from dataclasses import dataclass

import numpy as np

from flanrepro.collection import rng
from flanrepro.data.examples import Example
from flanrepro.data.fates import DROPPED, KEPT, TRUNCATED
from flanrepro.data.vocabulary import EOS, Vocabulary
from flanrepro.errors import InputError
from flanrepro.sources import Documents


class DocumentTooLong(UserWarning):
    """A pretraining text had to be cut."""


@dataclass(frozen=True)
class SpanCorruption:
    """Texts with spans hidden behind sentinels; the targets say what each sentinel hides.

    With "in the" and "red" hidden in "the ball in the box is red .", the inputs are
    "the ball <0> box is <1> ." and the targets "<0> in the <1> red", each with EOS. A text that is
    too long is cut before spans are hidden, so that no sentinel is without its span.

    Attributes:
        documents: texts by index.
        vocabulary: vocabulary that gives the ids.
        seed: number that decides which spans are hidden.
        inputs_length, targets_length: number of tokens at most, EOS included.
        density: share of tokens that are hidden.
        mean_span_length: number of tokens in a hidden span, on average.

    Raises:
        InputError: the lengths are too short for any text.
    """

    documents: Documents
    vocabulary: Vocabulary
    seed: int
    inputs_length: int
    targets_length: int
    density: float = 0.15
    mean_span_length: float = 3.0

    @functools.cached_property
    def longest(self) -> int:
        """Number of tokens of the longest text whose example fits both lengths."""
        # Counted up: the rounding of `noise_counts` has no inverse in closed form.
        length = 1
        while self._fits(length + 1):
            length += 1
        _check_lengths(length, self.inputs_length, self.targets_length, shortest=3)
        return length

    def _fits(self, length: int) -> bool:
        hidden, spans = noise_counts(length, self.density, self.mean_span_length)
        visible = length - hidden
        return (
            visible + spans < self.inputs_length
            and hidden + spans < self.targets_length
            and spans <= self.vocabulary.extra_ids  # a sentinel stands for one span
        )

    def __getitem__(self, i: int) -> Example:
        tokens, fate = _tokens(self.documents, i, self.vocabulary, self.longest)
        if fate == DROPPED:
            return _example(tokens[:0], tokens[:0], fate)
        # The index is part of the key: texts that come again hide other spans.
        key = rng.mix(self.seed, rng.key_of("span_corruption"), i)
        mask = noise_mask(len(tokens), self.density, self.mean_span_length, key)
        first = self.vocabulary.first_sentinel
        return _example(*corrupt(tokens, mask, first), fate)


@dataclass(frozen=True)
class PrefixLM:
    """Texts split in two at random: the inputs are the beginning, the targets are the rest.

    Neither part is empty. As in T5's `random_prefix_noise_mask`, every place to split is equally
    likely; in a text that is too long for one of the two lengths, every place that leaves both
    parts short enough. A text too long for both together is cut.

    Attributes:
        documents, vocabulary, inputs_length, targets_length: see `SpanCorruption`.
        seed: number that decides where texts are split.

    Raises:
        InputError: a length is below 2.
    """

    documents: Documents
    vocabulary: Vocabulary
    seed: int
    inputs_length: int
    targets_length: int

    @property
    def longest(self) -> int:
        """Number of tokens of the longest text that fits the two lengths together."""
        # Less an EOS in each part.
        length = self.inputs_length + self.targets_length - 2
        shorter = min(self.inputs_length, self.targets_length)
        _check_lengths(shorter, self.inputs_length, self.targets_length, shortest=2)
        return length

    def __getitem__(self, i: int) -> Example:
        tokens, fate = _tokens(self.documents, i, self.vocabulary, self.longest)
        if fate == DROPPED:
            return _example(tokens, tokens, fate)
        low = max(1, len(tokens) - (self.targets_length - 1))
        high = min(len(tokens) - 1, self.inputs_length - 1)
        key = rng.mix(self.seed, rng.key_of("prefix_lm"), i)
        split = low + key % (high - low + 1)
        return _example(tokens[:split], tokens[split:], fate)


@functools.cache
def noise_counts(length: int, density: float, mean_span_length: float) -> tuple[int, int]:
    """Counts the hidden tokens and the spans of a text of `length` tokens (at least 2), as T5 does.

    Both numbers are rounded in float32 and to even, as TensorFlow does.
    """
    hidden = int(np.round(np.float32(length) * np.float32(density)))
    # At least one token is hidden and one visible; spans are parted by visible tokens.
    hidden = min(max(hidden, 1), length - 1)
    spans = int(np.round(np.float32(hidden) / np.float32(mean_span_length)))
    return hidden, min(max(spans, 1), length - hidden)


def noise_mask(length: int, density: float, mean_span_length: float, key: int) -> np.ndarray:
    """Draws which tokens are hidden, bool [length]; all masks with the same counts are as likely.

    T5's `random_spans_noise_mask` has the same counts, but its masks begin with a visible token and
    end with a hidden one. That matters little in its rows of 512 tokens; in a text of one sentence,
    which has one span, it would always hide the end of the text. Here the visible spans at both
    ends may be empty.
    """
    hidden, spans = noise_counts(length, density, mean_span_length)
    hidden_lengths = _segments(hidden, spans, rng.mix(key, rng.HIDDEN_SPANS))
    # With one token more at each end no segment is empty, as `_segments` wants it.
    visible_lengths = _segments(length - hidden + 2, spans + 1, rng.mix(key, rng.VISIBLE_SPANS))
    visible_lengths[[0, -1]] -= 1
    lengths = np.empty(2 * spans + 1, np.int64)
    lengths[::2], lengths[1::2] = visible_lengths, hidden_lengths
    return np.repeat(np.arange(2 * spans + 1) % 2 == 1, lengths)


def _segments(items: int, segments: int, key: int) -> np.ndarray:
    """Cuts `items` in a row at random into segments, none empty; int lengths [segments]."""
    ends = np.empty(segments, np.int64)
    if segments > 1:  # most texts have one span, and no choice of its length
        ends[:-1] = np.sort(rng.shuffled(items - 1, key)[: segments - 1]) + 1
    ends[-1] = items
    lengths = ends.copy()
    lengths[1:] -= ends[:-1]
    return lengths


def corrupt(
    tokens: np.ndarray, mask: np.ndarray, first_sentinel: int
) -> tuple[np.ndarray, np.ndarray]:
    """Gives inputs with a sentinel for each hidden span, and targets: each sentinel, then its span.

    Args:
        tokens: int [length], ids of a text.
        mask: bool [length], true where a token is hidden.
        first_sentinel: id of the first span's sentinel; the next ones count down from it.
    """
    starts = mask.copy()
    starts[1:] &= ~mask[:-1]
    # At each token, the sentinel of the last span that has begun.
    sentinels = first_sentinel + 1 - np.cumsum(starts)
    inputs = np.where(starts, sentinels, tokens)[~mask | starts]
    first = np.flatnonzero(starts[mask])
    # A span's first token twice, and then a sentinel in the place of the first of the two.
    targets = np.repeat(tokens[mask], 1 + starts[mask])
    targets[first + np.arange(len(first))] = sentinels[starts]
    return inputs, targets


OBJECTIVES = {"span_corruption": SpanCorruption, "prefix_lm": PrefixLM}


def _tokens(
    documents: Documents, i: int, vocabulary: Vocabulary, longest: int
) -> tuple[np.ndarray, int]:
    """Gives text i's ids, cut to `longest`, and its fate: dropped if it has fewer than 2 tokens."""
    tokens = np.array(vocabulary.encode(documents[i]), np.int32)
    if len(tokens) < 2:
        return tokens[:0], DROPPED
    if len(tokens) <= longest:
        return tokens, KEPT
    # Without the text's number, so that Python says it once.
    warnings.warn(
        f"there are pretraining texts of more than the {longest} tokens that fit: they are cut, "
        "and counted with the run; raise inputs_length or targets_length if the count is too high",
        DocumentTooLong,
        stacklevel=3,
    )
    return tokens[:longest], TRUNCATED


def _example(inputs: np.ndarray, targets: np.ndarray, fate: int) -> Example:
    both = (inputs, targets) if fate == DROPPED else (_ended(inputs), _ended(targets))
    inputs, targets = (np.asarray(ids, np.int32) for ids in both)
    return {"inputs": inputs, "targets": targets, "fate": np.array([fate], np.int32)}


def _ended(ids: np.ndarray) -> np.ndarray:
    """Adds EOS."""
    return np.append(ids, np.int32(EOS))


def _check_lengths(length: int, inputs_length: int, targets_length: int, shortest: int) -> None:
    if length < 2:
        raise InputError(
            f"inputs_length is {inputs_length} and targets_length {targets_length}: expected at "
            f"least {shortest} each, or no text fits; raise them"
        )
