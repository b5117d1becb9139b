import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flanrepro.collection.task import Task
from flanrepro.errors import InputError
from flanrepro.evaluation.extraction import read_answer
from flanrepro.evaluation.metrics import auc_roc, macro_f1, spearman


def task(answer: str = "text", options: tuple[str, ...] = ()) -> Task:
    records = [{"options": block} if block else {} for block in options]
    return Task(
        name="made",
        source="evaluation",
        cluster="made",
        load=lambda split: records,
        splits={"test": len(records)},
        templates="cot/gsm8k",
        answer=answer,
    )


def decoded(expected, answer, choices=(), right=None):
    """A row as an evaluation gives it for a generated answer."""
    return {
        "targets": expected,
        "references": [expected],
        **dict(zip(("answer", "correct"), read_answer(answer, [expected], "text"), strict=True)),
        "choices": list(choices),
        "right": right,
        "log_likelihoods": [],
    }


def ranked(right, log_likelihoods, choices=("yes", "no")):
    """A row as an evaluation gives it for ranked options."""
    chosen = max(range(len(choices)), key=log_likelihoods.__getitem__)
    row = decoded(choices[right], choices[chosen], choices, right)
    return row | {"log_likelihoods": list(log_likelihoods), "correct": chosen == right}


def f1_by_hand(pairs, labels):
    """From the counts of (expected, given): the mean of 2 TP / (2 TP + FP + FN), in per cent."""
    values = []
    for label in labels:
        hits = sum(e == label == g for e, g in pairs)
        misses = sum(e == label != g for e, g in pairs)
        alarms = sum(e != label == g for e, g in pairs)
        if hits + misses + alarms:
            values.append(2 * hits / (2 * hits + misses + alarms))
    return 100 * sum(values) / len(values)


CLASSES = ("yes", "it is not possible to tell", "no")
PAIRS = st.tuples(st.sampled_from(CLASSES), st.sampled_from((*CLASSES, "perhaps", "")))


@given(st.lists(PAIRS, min_size=1, max_size=30))
@settings(max_examples=150, deadline=None)
def test_f1_of_labels_is_that_of_the_confusion_matrix(pairs):
    rows = [decoded(e, g, CLASSES, CLASSES.index(e)) for e, g in pairs]
    assert macro_f1(task(), rows) == pytest.approx(f1_by_hand(pairs, CLASSES))
    without = [decoded(e, g) for e, g in pairs]
    labels = {e for e, _ in pairs}
    assert macro_f1(task(), without) == pytest.approx(f1_by_hand(pairs, labels))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 3)), min_size=2, max_size=30))
@settings(max_examples=150, deadline=None)
def test_f1_of_an_exam_is_over_the_places_of_its_options(pairs):
    rows = []
    for i, (right, chosen) in enumerate(pairs):
        choices = [f"{i} {letter}" for letter in "abcd"]
        rows.append(
            decoded(choices[right], choices[chosen] if chosen >= 0 else "x", choices, right)
        )
    assert macro_f1(task(), rows) == pytest.approx(f1_by_hand(pairs, range(4)))


def test_f1_counts_an_option_that_reads_like_the_right_one_as_right():
    rows = [
        decoded("a cat", "a cat", ("A cat.", "a cat", "x"), 1),
        decoded("y", "y", ("x", "y"), 1),
    ]
    assert macro_f1(task(), rows) == 100


def test_f1_counts_an_answer_that_is_no_class_against_recall_alone():
    rows = [decoded("yes", "yes", CLASSES, 0), decoded("no", "perhaps", CLASSES, 2)]
    assert macro_f1(task(), rows) == pytest.approx(100 * (1 + 0) / 2)


def auc_by_pairs(positive, negative):
    """The share of pairs in which the positive item scores higher, ties being halves, in %."""
    won = [(p > n) + (p == n) / 2 for p in positive for n in negative]
    return 100 * sum(won) / len(won)


# Whole numbers tie, and differ by more than where a probability rounds to 0 or 1.
LIKELIHOODS = st.lists(
    st.tuples(st.integers(0, 1), st.tuples(st.integers(-90, 0), st.integers(-90, 0))),
    min_size=2,
    max_size=30,
).filter(lambda items: len({right for right, _ in items}) == 2)


@given(LIKELIHOODS)
@settings(max_examples=150, deadline=None)
def test_auc_of_ranked_options_is_the_share_of_ordered_pairs(items):
    positive = [yes - no for right, (yes, no) in items if right == 0]
    negative = [yes - no for right, (yes, no) in items if right == 1]
    expected = auc_by_pairs(positive, negative)
    rows = [ranked(right, pair) for right, pair in items]
    assert auc_roc(task(), rows) == pytest.approx(expected)
    # Neither the options' order, also from item to item, nor which class is called positive counts.
    turned = [ranked(1 - right, pair[::-1], ("no", "yes")) for right, pair in items]
    assert auc_roc(task(), turned) == pytest.approx(expected)
    assert auc_roc(task(), rows[::2] + turned[1::2]) == pytest.approx(expected)
    swapped = [ranked(right, pair, ("false", "true")) for right, pair in items]
    assert auc_roc(task(), swapped) == pytest.approx(expected)


@given(LIKELIHOODS)
@settings(max_examples=50, deadline=None)
def test_auc_of_options_that_differ_is_over_their_places(items):
    texts = [(f"{i} a", f"{i} b") for i in range(len(items))]
    rows = [ranked(right, pair, own) for (right, pair), own in zip(items, texts, strict=True)]
    same = [ranked(right, pair) for right, pair in items]
    assert auc_roc(task(), rows) == pytest.approx(auc_roc(task(), same))


@given(
    st.lists(
        st.tuples(st.sampled_from(["yes", "no"]), st.sampled_from(["yes", "no", "maybe", ""])),
        max_size=30,
    )
)
@settings(max_examples=100, deadline=None)
def test_auc_of_decoded_answers_takes_them_as_certain_and_others_as_a_draw(items):
    items = [("yes", "yes"), ("no", "yes"), *items]
    certainty = {"yes": 1, "no": 0}
    scores = {label: [certainty.get(g, 0.5) for e, g in items if e == label] for label in certainty}
    rows = [decoded(e, g, ("yes", "no"), ("yes", "no").index(e)) for e, g in items]
    assert auc_roc(task(), rows) == pytest.approx(auc_by_pairs(scores["yes"], scores["no"]))
    assert auc_roc(task(), [decoded(e, g) for e, g in items]) == pytest.approx(
        auc_by_pairs(scores["yes"], scores["no"])
    )


def test_auc_of_one_class_or_of_a_model_that_diverged_is_no_number():
    assert math.isnan(auc_roc(task(), [ranked(0, (-1, -2)), ranked(0, (-2, -1))]))
    assert math.isnan(auc_roc(task(), [ranked(0, (math.nan, -2)), ranked(1, (-2, -1))]))
    assert math.isnan(auc_roc(task(), [decoded("yes", "no")]))


def test_auc_of_three_classes_is_refused():
    rows = [decoded("yes", "yes", CLASSES, 0), decoded("no", "perhaps", CLASSES, 2)]
    with pytest.raises(InputError, match=r"task 'made' has 3 classes in 2 predictions .* needs 2"):
        auc_roc(task(), rows)


def ranks(numbers):
    """1 for the smallest; equal numbers share the mean of their ranks."""
    return [
        sum(other < number for other in numbers) + (numbers.count(number) + 1) / 2
        for number in numbers
    ]


NUMBERS = st.sampled_from(["0", "1", "2", "3", "2.5", "4.", "1,200", "what?", ""])


@given(st.lists(st.tuples(st.integers(0, 4), NUMBERS), min_size=2, max_size=30))
@settings(max_examples=150, deadline=None)
def test_spearman_is_the_correlation_of_ranks(items):
    expected = [number for number, _ in items]
    worth = {"what?": -math.inf, "": -math.inf, "1,200": 1200}
    given_ = [worth[text] if text in worth else float(text) for _, text in items]
    value = spearman(task(), [decoded(str(number), text) for number, text in items])
    if len(set(expected)) == 1 or len(set(given_)) == 1:
        assert value == 0
    else:
        assert value == pytest.approx(100 * np.corrcoef(ranks(expected), ranks(given_))[0, 1])
