"""What the predictors without a model score, against what they must."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, chisquare

from flanrepro.errors import InputError
from flanrepro.evaluation.baselines import BASELINES, predict

OPTIONS = ("yes", "no", "maybe")


def labelled(labels, task="nli"):
    """Items with the same options each."""
    return [(task, i, OPTIONS, OPTIONS.index(label), label) for i, label in enumerate(labels)]


def exam(places, sizes, task="exam"):
    """Items with options of their own, the right one at a place."""
    return [
        (task, i, [f"{i}{letter}" for letter in "abcde"[:size]], place, f"{i}{'abcde'[place]}")
        for i, (place, size) in enumerate(zip(places, sizes, strict=True))
    ]


def hits(name, items):
    answers = predict(name, items)
    return sum(text == item[-1] for text, item in zip(answers, items, strict=True))


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_random_is_right_once_in_as_many_times_as_there_are_options(size):
    items = exam([i % size for i in range(10_000)], [size] * 10_000)
    assert binomtest(hits("random", items), 10_000, 1 / size).pvalue > 1e-3


def test_random_takes_every_option_equally_often():
    answers = predict("random", labelled(["yes"] * 9_000))
    assert chisquare([answers.count(option) for option in OPTIONS]).pvalue > 1e-3


def test_random_depends_on_the_task_and_the_record_alone():
    items = labelled(["yes"] * 300) + exam([0] * 300, [4] * 300)
    answers = dict(zip(map(repr, items), predict("random", items), strict=True))
    shuffled = random.Random(0).sample(items, 200)
    assert predict("random", shuffled) == [answers[repr(item)] for item in shuffled]
    assert predict("random", labelled(["yes"] * 300, "rte")) != predict("random", items[:300])


def test_random_says_nothing_where_there_are_no_options():
    assert predict("random", [("gsm8k", 0, (), None, "72")]) == [""]


@given(st.lists(st.sampled_from(OPTIONS), min_size=1, max_size=40))
@settings(max_examples=100, deadline=None)
def test_majority_is_right_as_often_as_the_most_frequent_label(labels):
    assert hits("majority", labelled(labels)) == max(Counter(labels).values())


@given(st.lists(st.integers(0, 3), min_size=2, max_size=40))
@settings(max_examples=100, deadline=None)
def test_majority_of_an_exam_is_the_most_frequent_position(places):
    items = exam(places, [4] * len(places))
    assert hits("majority", items) == max(Counter(places).values())


def test_majority_takes_the_next_position_where_a_question_has_none_there():
    items = exam([3, 3, 3, 1, 1, 0], [4, 4, 4, 4, 4, 3])
    assert predict("majority", items) == ["0d", "1d", "2d", "3d", "4d", "5b"]


def test_majority_without_options_is_the_most_frequent_reference():
    items = [("gsm8k", i, (), None, text) for i, text in enumerate(["7", "5", "7", "3"])]
    assert predict("majority", items) == ["7"] * 4


def test_majority_votes_by_options_where_references_reason():
    items = [
        ("qa", i, ("so it is no", "so it is yes"), right, f"reason {i}, so it is {answer}")
        for i, (right, answer) in enumerate([(1, "yes"), (0, "no"), (1, "yes")])
    ]
    assert predict("majority", items) == ["so it is yes"] * 3


def test_majority_is_of_each_task_and_not_of_the_order():
    items = labelled(["no", "yes"]) + labelled(["maybe"] * 2, "rte")
    assert predict("majority", items) == ["no", "no", "maybe", "maybe"]
    assert predict("majority", items[::-1]) == ["maybe", "maybe", "no", "no"]


@pytest.mark.parametrize("name", BASELINES)
def test_no_items_have_no_answers(name):
    assert predict(name, []) == []


def test_an_unknown_baseline_is_named():
    with pytest.raises(InputError, match="'oracle': choose one of random, majority"):
        predict("oracle", [])
