import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flanrepro.data.fates import DROPPED, KEPT, TRUNCATED, count_fates
from flanrepro.data.packing import pack
from flanrepro.data.pretraining import (
    DocumentTooLong,
    PrefixLM,
    SpanCorruption,
    corrupt,
    noise_counts,
    noise_mask,
)
from flanrepro.data.vocabulary import EOS
from flanrepro.errors import InputError
from flanrepro.sources import documents

FIRST = 1000
"""The first sentinel of `Numbers`."""


class Numbers:
    """A vocabulary whose pieces are numbers: "10 11" is [10, 11]."""

    extra_ids, first_sentinel = 100, FIRST

    def encode(self, text: str) -> list[int]:
        return [int(word) for word in text.split()]


class Counting:
    """Texts by index: `2 + i % lengths` numbers each, which tell i."""

    def __init__(self, lengths: int = 40):
        self.lengths = lengths

    def __getitem__(self, i: int) -> str:
        return " ".join(str(10 + (i * 7 + k) % 800) for k in range(2 + i % self.lengths))


TEN = " ".join(map(str, range(10, 20)))


def restored(inputs: np.ndarray, targets: np.ndarray) -> list[int]:
    """The text again: each sentinel of the inputs replaced by what follows it in the targets."""
    assert inputs[-1] == targets[-1] == EOS
    spans: dict[int, list[int]] = {}
    for token in targets[:-1].tolist():
        if token > FIRST - 100:
            last = spans.setdefault(token, [])
        else:
            last.append(token)
    sentinels = [token for token in inputs.tolist() if token > FIRST - 100]
    assert sentinels == list(spans) == list(range(FIRST, FIRST - len(spans), -1))
    return [t for token in inputs[:-1].tolist() for t in spans.get(token, [token])]


# --- span corruption ---


def test_hidden_spans_become_sentinels_counting_down_and_targets_say_what_they_hide():
    tokens = np.arange(10, 20)
    mask = np.array([0, 0, 1, 1, 0, 0, 0, 1, 0, 0], bool)
    inputs, targets = corrupt(tokens, mask, FIRST)
    assert inputs.tolist() == [10, 11, 1000, 14, 15, 16, 999, 18, 19]
    assert targets.tolist() == [1000, 12, 13, 999, 17]


def test_a_span_at_either_end_has_its_sentinel_too():
    inputs, targets = corrupt(np.arange(10, 15), np.array([1, 1, 0, 0, 1], bool), FIRST)
    assert inputs.tolist() == [1000, 12, 13, 999]
    assert targets.tolist() == [1000, 10, 11, 999, 14]


def test_the_example_of_a_text_is_this_one():
    # A golden draw: where another one is wanted, every pretraining run needs another name too.
    text = " ".join(map(str, range(10, 60)))
    example = SpanCorruption([text] * 3, Numbers(), seed=3, inputs_length=64, targets_length=32)[2]
    inputs = [*range(10, 15), 1000, *range(16, 23), 999, *range(28, 52), 998, *range(54, 60), EOS]
    assert example["inputs"].tolist() == inputs
    assert example["targets"].tolist() == [1000, 15, 999, *range(23, 28), 998, 52, 53, EOS]
    assert example["fate"].tolist() == [KEPT]
    assert {array.dtype for array in example.values()} == {np.dtype(np.int32)}


def t5_counts(length: int) -> tuple[int, int]:
    """As `random_spans_noise_mask` of T5's preprocessors has them, in its float32."""
    noise = np.float32(length) * np.float32(0.15)
    noise = min(max(int(np.rint(noise)), 1), length - 1)
    return noise, max(int(np.rint(np.float32(noise) / np.float32(3.0))), 1)


def test_as_much_is_hidden_in_as_many_spans_as_in_t5():
    assert [noise_counts(n, 0.15, 3.0) for n in (2, 6, 10, 30, 70, 512)] == [
        (1, 1), (1, 1), (2, 1), (4, 1), (10, 3), (77, 26),
    ]  # fmt: skip
    for length in range(2, 600):
        assert noise_counts(length, 0.15, 3.0) == t5_counts(length)


def spans_of(mask: np.ndarray) -> int:
    return int(np.diff(mask.astype(int), prepend=0).clip(0).sum())


@given(st.integers(2, 600), st.integers(0, 2**64 - 1))
def test_a_mask_has_exactly_those_counts(length, key):
    mask = noise_mask(length, 0.15, 3.0, key)
    assert (len(mask), mask.dtype) == (length, bool)
    assert (int(mask.sum()), spans_of(mask)) == t5_counts(length)


def test_over_long_texts_15_percent_are_hidden_in_spans_of_3_tokens_everywhere():
    masks = np.stack([noise_mask(512, 0.15, 3.0, key) for key in range(2000)])
    assert masks.mean() == pytest.approx(0.15, abs=0.001)
    assert masks.sum() / sum(map(spans_of, masks)) == pytest.approx(3.0, abs=0.05)
    by_place = masks.mean(axis=0)  # standard error 0.008
    assert abs(by_place[16:-16] - 0.15).max() < 0.04
    # At an end a span has no place to begin before it: 26 spans among 435 visible tokens.
    assert by_place[[0, -1]] == pytest.approx([26 / 436] * 2, abs=0.02)


def test_all_masks_of_a_short_text_are_equally_likely():
    # 8 tokens: one hidden, in any of 8 places; 14: two in one span, in any of 13.
    for length, places in ((8, 8), (14, 13)):
        drawn = Counter(noise_mask(length, 0.15, 3.0, key * 977).tobytes() for key in range(13_000))
        assert len(drawn) == places
        assert max(drawn.values()) < 1.15 * 13_000 / places
        assert min(drawn.values()) > 0.85 * 13_000 / places


def test_two_spans_fall_into_all_their_places_equally_often():
    # Density 0.5, spans of 2: 4 of 8 tokens in 2 spans: 3 ways to cut 4, times C(5, 2) places.
    drawn = Counter(noise_mask(8, 0.5, 2.0, key * 977).tobytes() for key in range(30_000))
    assert len(drawn) == 30
    assert 850 < min(drawn.values()) <= max(drawn.values()) < 1150


@given(st.integers(0, 10**6), st.integers(0, 50), st.integers(8, 64), st.integers(6, 40))
@settings(deadline=None)
def test_inputs_and_targets_hold_the_text_exactly_and_fit(i, seed, inputs_length, targets_length):
    vocabulary, texts = Numbers(), Counting(80)
    made = SpanCorruption(texts, vocabulary, seed, inputs_length, targets_length)
    tokens = vocabulary.encode(texts[i])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DocumentTooLong)
        example = made[i]
    assert len(example["inputs"]) <= inputs_length
    assert len(example["targets"]) <= targets_length
    fits = len(tokens) <= made.longest
    assert example["fate"].tolist() == [KEPT if fits else TRUNCATED]
    whole = restored(example["inputs"], example["targets"])
    assert whole == tokens[: made.longest]


def test_a_text_of_the_longest_length_fits_and_a_longer_one_would_not():
    for lengths in ((64, 32), (64, 8), (9, 32)):
        longest = SpanCorruption([], Numbers(), 0, *lengths).longest
        sizes = []
        for length in (longest, longest + 1):
            hidden, spans = noise_counts(length, 0.15, 3.0)
            sizes.append((length - hidden + spans + 1, hidden + spans + 1))
        assert all(size <= limit for size, limit in zip(sizes[0], lengths, strict=True))
        assert any(size > limit for size, limit in zip(sizes[1], lengths, strict=True))


# --- prefix language modelling ---


@given(st.integers(0, 10**6), st.integers(0, 50), st.integers(2, 60), st.integers(2, 60))
@settings(deadline=None)
def test_a_prefix_and_its_rest_are_the_text(i, seed, inputs_length, targets_length):
    vocabulary, texts = Numbers(), Counting(80)
    made = PrefixLM(texts, vocabulary, seed, inputs_length, targets_length)
    tokens = vocabulary.encode(texts[i])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DocumentTooLong)
        example = made[i]
    assert 2 <= len(example["inputs"]) <= inputs_length
    assert 2 <= len(example["targets"]) <= targets_length
    assert example["inputs"][-1] == example["targets"][-1] == EOS
    whole = [*example["inputs"][:-1].tolist(), *example["targets"][:-1].tolist()]
    assert whole == tokens[: inputs_length + targets_length - 2]
    assert example["fate"].tolist() == [KEPT if whole == tokens else TRUNCATED]


def test_every_place_to_split_is_as_likely():
    made = PrefixLM([TEN] * 6000, Numbers(), 0, 64, 64)
    drawn = Counter(len(made[i]["inputs"]) - 1 for i in range(6000))
    assert sorted(drawn) == list(range(1, 10))
    assert max(drawn.values()) < 1.15 * 6000 / 9
    assert min(drawn.values()) > 0.85 * 6000 / 9


# --- both ---


@pytest.mark.parametrize("objective", [SpanCorruption, PrefixLM])
def test_an_example_follows_from_seed_and_index_alone(objective):
    make = lambda seed: objective([TEN] * 20, Numbers(), seed, 64, 32)  # noqa: E731
    there, back = make(1), make(1)
    forwards = [there[i] for i in range(20)]
    backwards = [back[i] for i in reversed(range(20))][::-1]
    for one, other in zip(forwards, backwards, strict=True):
        for name in ("inputs", "targets", "fate"):
            np.testing.assert_array_equal(one[name], other[name])
    inputs = lambda examples: {tuple(example["inputs"].tolist()) for example in examples}  # noqa: E731
    assert len(inputs(forwards)) > 3  # equal texts are hidden differently
    others = make(2)
    assert inputs(forwards) != inputs([others[i] for i in range(20)])


@pytest.mark.parametrize("objective", [SpanCorruption, PrefixLM])
def test_a_text_with_nothing_to_predict_is_dropped_and_a_long_one_cut_and_said(objective):
    made = objective(["", "10", f"{TEN} {TEN} {TEN} {TEN}"], Numbers(), 0, 20, 12)
    for i in (0, 1):
        example = made[i]
        assert (example["inputs"].size, example["targets"].size) == (0, 0)
        assert example["fate"].tolist() == [DROPPED]
    with pytest.warns(DocumentTooLong, match=f"more than the {made.longest} tokens that fit: they"):
        assert made[2]["fate"].tolist() == [TRUNCATED]


@pytest.mark.parametrize(
    ("objective", "shortest", "lengths"),
    [(SpanCorruption, 3, (2, 9)), (SpanCorruption, 3, (9, 2)), (PrefixLM, 2, (1, 9))],
)
def test_lengths_that_no_text_fits_are_one_sentence(objective, shortest, lengths):
    with pytest.raises(InputError, match=f"expected at least {shortest} each, or no text fits"):
        objective(Counting(), Numbers(), 0, *lengths)[0]


def test_packed_rows_hold_the_texts_and_go_on_where_they_were():
    texts = Counting()
    texts_and_empty = type("T", (), {"__getitem__": lambda _, i: "" if i % 10 == 0 else texts[i]})()
    examples = SpanCorruption(texts_and_empty, Numbers(), 0, 64, 32)
    shape = {"batch_size": 2, "inputs_length": 64, "targets_length": 32, "prefetch": 0}
    stream = pack(examples, **shape)
    first = next(stream)
    assert first["encoder_input_tokens"].shape == (2, 64)
    assert first["decoder_target_tokens"].shape == (2, 32)
    counts = [count_fates(first["fate"])]
    state = stream.get_state()
    rest = [next(stream) for _ in range(7)]
    counts += [count_fates(batch["fate"]) for batch in rest]
    n = sum(count["examples"] for count in counts)
    assert sum(count["dropped"] for count in counts) == pytest.approx(n / 10, abs=1)
    again = pack(examples, **shape)
    again.set_state(state)
    for batch in rest:
        for name, array in next(again).items():
            np.testing.assert_array_equal(array, batch[name])


def test_only_pocket_has_texts():
    with pytest.raises(InputError, match="'flan2022' has no pretraining text: choose pocket, or"):
        documents("flan2022", 0)
