"""Standard errors against closed forms, a bootstrap, and what they promise in simulations."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from flanrepro.errors import InputError
from flanrepro.evaluation.uncertainty import (
    bootstrap_standard_error,
    detectable,
    paired_difference,
    standard_error,
    standard_error_over_units,
    weights,
)

VALUES = st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=2, max_size=30)


def rows(correct, groups=None, task="t"):
    """Rows of a run, one item each; `groups`: each its own."""
    groups = range(len(correct)) if groups is None else groups
    return [
        {"task": task, "split": "test", "record": i, "group": f"{task}/{group}", "correct": bool(c)}
        for i, (c, group) in enumerate(zip(correct, groups, strict=True))
    ]


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_without_clusters_it_is_the_standard_error_of_a_mean(values):
    expected = 100 * np.std(values, ddof=1) / math.sqrt(len(values))
    assert standard_error(values, range(len(values))) == pytest.approx(expected, abs=1e-9)


@given(VALUES, st.integers(2, 4))
@settings(max_examples=100, deadline=None)
def test_repeating_every_item_in_its_cluster_adds_no_knowledge(values, copies):
    groups = [i // 2 for i in range(len(values) + 1)][1:]
    once = standard_error(values, groups)
    assert standard_error(values * copies, groups * copies) == pytest.approx(once, abs=1e-9)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4)), min_size=2, max_size=20))
@settings(max_examples=100, deadline=None)
def test_it_is_the_sum_over_pairs_of_items_in_one_cluster(items):
    values, groups = zip(*items, strict=True)
    n, clusters, mean = len(items), len(set(groups)), sum(values) / len(items)
    if clusters < 2:
        assert math.isnan(standard_error(values, groups))
        return
    pairs = sum((x - mean) * (y - mean) for x, g in items for y, h in items if g == h)
    expected = 100 * math.sqrt(clusters / (clusters - 1) * max(pairs, 0)) / n
    assert standard_error(values, groups) == pytest.approx(expected, abs=1e-6)


def test_tasks_of_any_size_weigh_the_same():
    values, units = [1, 0, 1, 1, 0, 1], ["a", "a", "b", "b", "b", "b"]
    assert weights(units) == pytest.approx([1 / 4] * 2 + [1 / 8] * 4)
    assert values @ weights(units) == pytest.approx((1 / 2 + 3 / 4) / 2)
    apart = [standard_error(values[:2], range(2)), standard_error(values[2:], range(4))]
    together = standard_error(values, range(6), units)
    assert together == pytest.approx(math.hypot(*apart) / 2)


def test_tasks_that_ask_about_the_same_passages_do_not_add_up():
    values, groups = [1, 0, 1, 1, 0, 0, 1], list("aabbccd")
    alone = standard_error(values, groups)
    twice = standard_error(values * 2, groups * 2, ["x"] * 7 + ["y"] * 7)
    assert twice == pytest.approx(alone)
    other = standard_error(values * 2, groups + list("AABBCCD"), ["x"] * 7 + ["y"] * 7)
    assert other == pytest.approx(alone / math.sqrt(2))


def made_suite(rng, clusters):
    """Correlated items of two tasks, the second with larger clusters: values, groups, units."""
    values, groups, units = [], [], []
    for unit, largest in enumerate((4, 9)):
        for cluster in range(clusters):
            size = rng.integers(1, largest + 1)
            values += list(rng.random(size) < rng.choice([0.2, 0.9]))
            groups += [f"{unit}/{cluster}"] * size
            units += [unit] * size
    return np.array(values, float), groups, units


def test_it_is_the_spread_over_resampled_clusters():
    rng = np.random.default_rng(0)
    clusters, resamples = 300, 4000
    values, groups, units = made_suite(rng, clusters)
    order = {group: i for i, group in enumerate(dict.fromkeys(groups))}
    codes = np.array([order[group] for group in groups])
    sums = np.bincount(codes, values).reshape(2, clusters)
    sizes = np.bincount(codes).reshape(2, clusters)
    drawn = rng.integers(0, clusters, (resamples, 2, clusters))
    at = np.arange(2)[None, :, None], drawn
    means = (sums[at].sum(2) / sizes[at].sum(2)).mean(1)
    # A standard deviation of N draws has a relative error of 1 / sqrt(2 N), here 1.1 %.
    expected = 100 * means.std() * math.sqrt(clusters / (clusters - 1))
    assert standard_error(values, groups, units) == pytest.approx(expected, rel=0.035)
    assert standard_error(values, range(len(values)), units) < 0.7 * expected


def test_over_tasks_it_is_the_spread_of_their_means():
    units = ["a"] * 2 + ["b"] * 3 + ["c"]
    values = [1, 0, 1, 1, 0, 0]
    expected = 100 * np.std([1 / 2, 2 / 3, 0], ddof=1) / math.sqrt(3)
    assert standard_error_over_units(values, units) == pytest.approx(expected)


def test_one_cluster_or_none_says_nothing():
    assert math.isnan(standard_error([1, 0, 1], ["a"] * 3))
    assert math.isnan(standard_error([], []))
    assert math.isnan(standard_error([1, 0, 1], ["a", "b", "c"], ["x", "x", "y"]))
    assert math.isnan(standard_error_over_units([1, 0], ["a", "a"]))
    assert math.isnan(standard_error_over_units([], []))
    one = paired_difference(rows([1, 1]), rows([0, 1]), units=["x", "y"])
    assert one["difference"] == 50
    assert all(math.isnan(one[key]) for key in ("standard_error", "low", "high", "detectable"))
    assert math.isnan(paired_difference([], [])["difference"])


def test_without_clusters_a_paired_difference_is_a_paired_t_test():
    rng = np.random.default_rng(1)
    a, b = rng.random((2, 60)) < [[0.7], [0.5]]
    found = paired_difference(rows(a), rows(b)[::-1])
    expected = ttest_rel(a.astype(float), b.astype(float))
    interval = expected.confidence_interval(0.95)
    assert found["difference"] == pytest.approx(100 * (a.mean() - b.mean()))
    assert found["difference"] / found["standard_error"] == pytest.approx(expected.statistic)
    assert (found["low"], found["high"]) == pytest.approx((100 * interval.low, 100 * interval.high))
    assert (found["n"], found["clusters"]) == (60, 60)
    assert found["detectable"] == pytest.approx(2.8016 * found["standard_error"], rel=1e-4)


def test_a_paired_difference_weighs_tasks_and_not_items():
    a = rows([1, 1, 0, 0], task="x") + rows([1] * 8, task="y")
    b = rows([0, 0, 0, 0], task="x") + rows([1] * 8, task="y")
    assert paired_difference(a, b)["difference"] == pytest.approx((50 + 0) / 2)
    assert paired_difference(a, b, units=[0] * 12)["difference"] == pytest.approx(100 * 2 / 12)
    assert paired_difference(b, a)["difference"] == pytest.approx(-25)


def test_two_equal_runs_do_not_differ():
    a = rows([1, 0, 1, 1])
    assert paired_difference(a, a) == {
        **dict.fromkeys(("difference", "standard_error", "low", "high", "detectable"), 0),
        "n": 4,
        "clusters": 4,
    }


def test_other_items_and_repeated_ones_are_refused_in_a_sentence():
    with pytest.raises(InputError, match=r"2 only in the first and 0 only in the second, .* 2 of"):
        paired_difference(rows([1, 0, 1, 1]), rows([1, 0]))
    with pytest.raises(InputError, match=r"0 only .* 1 only .* record 1 of task 't', split 'te"):
        paired_difference(rows([1]), rows([1, 0]))
    with pytest.raises(InputError, match="the second of two runs to compare has 4 rows of 2 items"):
        paired_difference(rows([1, 0]), rows([1, 0]) * 2)


def two_runs(rng):
    """Items of two tasks in clusters; the first run is better by 10 points, by task and cluster."""
    a, b = [], []
    for task in "xy":
        sizes = rng.integers(1, 8, 25)
        groups = np.repeat(np.arange(25), sizes)
        chance = rng.uniform(0.2, 0.6, 25)[groups]
        better = chance + 0.1 + rng.choice([-0.3, 0.3], 25)[groups]
        a += rows(rng.random(len(groups)) < better, groups, task)
        b += rows(rng.random(len(groups)) < chance, groups, task)
    return a, b


def test_the_interval_covers_the_true_difference_95_times_in_100():
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(1500):
        a, b = two_runs(rng)
        alone = [{**row, "group": row["task"] + str(row["record"])} for row in a]
        found = [paired_difference(first, b) for first in (a, alone)]
        covered.append([each["low"] < 10 < each["high"] for each in found])
    clustered, unclustered = np.mean(covered, 0)
    assert 0.93 < clustered < 0.97
    # What it is for: items of one passage taken as independent promise too much.
    assert unclustered < 0.92


def test_a_detectable_difference_is_seen_four_times_in_five():
    rng = np.random.default_rng(3)
    n, repeats = 500, 3000
    expected = 100 * math.sqrt(0.25 / n)
    effect = detectable(math.sqrt(2) * expected) / 100
    assert effect == pytest.approx(2.8016 * math.sqrt(2 * 0.25 / n), rel=1e-4)
    seen = 0
    for _ in range(repeats):
        a, b = rng.random((2, n)) < [[0.5 + effect / 2], [0.5 - effect / 2]]
        error = math.hypot(standard_error(a, range(n)), standard_error(b, range(n)))
        seen += abs(100 * (a.mean() - b.mean())) > 1.96 * error
    # Three standard errors of a share of 0.8 in 3000 simulations are 0.022.
    assert seen / repeats == pytest.approx(0.8, abs=0.022)


def test_the_bootstrap_of_a_mean_is_its_standard_error():
    rng = np.random.default_rng(3)
    rows = [{"group": i // 2, "value": float(rng.random() < 0.4)} for i in range(600)]

    def mean(drawn) -> float:
        return float(np.mean([row["value"] for row in drawn]))

    exact = standard_error([row["value"] for row in rows], [row["group"] for row in rows])
    # 400 draws give a standard deviation to 1 / sqrt(800) of it
    assert 100 * bootstrap_standard_error(mean, rows, 400) == pytest.approx(exact, rel=0.12)
    assert math.isnan(bootstrap_standard_error(mean, rows[:2]))
