import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from flanrepro.report.statistics import (
    detectable,
    equivalence_p,
    holm,
    interval,
    over_seeds,
    p_value,
    seeds_needed,
)

T_2 = 4.302653
"""0.975 quantile of Student's t with two degrees of freedom, from a printed table."""


def test_the_interval_is_students_t_over_seeds():
    half = T_2 / math.sqrt(3)
    assert interval([50.0, 51.0, 49.0]) == pytest.approx((50 - half, 50 + half), rel=1e-6)
    assert interval([4.0, 4.0]) == (4, 4)


def test_one_seed_has_no_interval_and_proves_nothing():
    assert all(math.isnan(end) for end in interval([50.0]))
    assert p_value([50.0]) == 1


def test_p_is_five_per_cent_where_the_interval_ends_at_the_center():
    values = [1.0, 2.0, 4.0]
    low, high = interval(values)
    assert p_value(values, low) == pytest.approx(0.05)
    assert p_value(values, high) == pytest.approx(0.05)
    assert p_value(values) == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


def test_seeds_that_agree_to_the_last_digit_are_certain():
    assert p_value([2.0, 2.0, 2.0]) == 0
    assert p_value([0.0, 0.0, 0.0]) == 1


def test_an_equivalence_holds_where_the_interval_is_within_the_margins():
    values = [0.1, -0.1, 0.2]
    assert interval(values)[1] < 1
    assert equivalence_p(values, 1.0) < 0.05
    assert equivalence_p(values, interval(values)[1]) == pytest.approx(0.05)
    assert equivalence_p(values, 0.05) == 1  # the mean itself is beyond
    assert equivalence_p([3.0, -3.0, 0.0], 1.0) > 0.05


def test_holm_adjusts_in_steps():
    # Holm (1979): the smallest times 4, the next times 3, ..., never falling, at most 1.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


def test_scores_are_averaged_over_seeds_and_lead_to_their_runs():
    rows = [
        {"run": f"{m}{s}", "mixture": m, "seed": s, "value": v, "chance": 25.0, "n": 40}
        for m, values in (("b", (50.0, 51.0, 49.0)), ("a", (10.0, 20.0, 30.0)))
        for s, v in enumerate(values)
    ]
    table = over_seeds(pd.DataFrame(rows), ["mixture"])
    assert list(table["mixture"]) == ["b", "a"]  # in their order
    assert list(table["value"]) == [50, 20]
    assert table["high"].iloc[0] == pytest.approx(50 + T_2 / math.sqrt(3))
    assert list(table["runs"]) == ["b0 b1 b2", "a0 a1 a2"]
    assert list(table[["seeds", "chance", "n"]].iloc[1]) == [3, 25, 40]


@pytest.mark.parametrize("seeds", [3, 5])
def test_paired_intervals_cover_the_truth_in_19_of_20_whatever_a_seed_does_to_all_runs(seeds):
    rng = np.random.default_rng(seeds)
    truth, trials = 2.0, 4000
    shared = rng.normal(0, 8, (trials, seeds))  # a seed that is good or bad for both
    first = 50 + truth + shared + rng.normal(0, 2, (trials, seeds))
    second = 50 + shared + rng.normal(0, 2, (trials, seeds))
    ends = np.array([interval(a - b) for a, b in zip(first, second, strict=True)])
    covered = ((ends[:, 0] <= truth) & (truth <= ends[:, 1])).mean()
    assert 0.93 < covered < 0.97
    # What pairing is for: unpaired intervals of the same runs are several times as wide.
    width = np.median(ends[:, 1] - ends[:, 0])
    assert np.median([np.ptp(interval(a)) for a in first]) > 2 * width


def spread(deviation: float) -> list[float]:
    """Two values with this standard deviation."""
    return [-deviation / math.sqrt(2), deviation / math.sqrt(2)]


@pytest.mark.parametrize(
    ("effect", "seeds"), [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10), (1.5, 6), (2.0, 5)]
)
def test_the_number_of_seeds_is_that_of_printed_tables_of_the_t_test(effect, seeds):
    # One sample, two-sided 5 %, power 80 %, effects in standard deviations: Cohen (1988), G*Power.
    assert seeds_needed(spread(1.0), effect) == seeds
    assert seeds_needed(spread(4.0), 4 * effect) == seeds
    assert detectable(spread(1.0), seeds) <= effect < detectable(spread(1.0), seeds - 1)


@pytest.mark.parametrize("seeds", [2, 3, 5, 10, 40])
def test_the_detectable_difference_has_a_power_of_80_per_cent(seeds):
    found = detectable(spread(3.0), seeds)
    noncentrality = found / (3 / math.sqrt(seeds))
    power = stats.nct.sf(stats.t.ppf(0.975, seeds - 1), seeds - 1, noncentrality)
    assert power == pytest.approx(0.8, abs=1e-5)


@pytest.mark.parametrize("seeds", [3, 8])
def test_a_detectable_difference_is_detected_in_four_of_five_simulated_tests(seeds):
    rng, trials = np.random.default_rng(seeds), 4000
    truth = detectable(spread(2.0), seeds)
    drawn = truth + rng.normal(0, 2.0, (trials, seeds))
    assert np.mean([p_value(values) <= 0.05 for values in drawn]) == pytest.approx(0.8, abs=0.02)


def test_an_equivalence_that_seeds_can_show_is_shown_in_four_of_five_simulated_tests():
    rng, trials, seeds = np.random.default_rng(1), 4000, 6
    margin = detectable(spread(2.0), seeds, equivalence=True)
    assert seeds_needed(spread(2.0), margin, equivalence=True) == seeds
    drawn = rng.normal(0, 2.0, (trials, seeds))
    shown = np.mean([equivalence_p(values, margin) <= 0.05 for values in drawn])
    assert shown == pytest.approx(0.8, abs=0.02)


def test_one_seed_has_no_power_that_is_known_and_equal_values_see_everything():
    assert math.isnan(detectable([5.0])) and seeds_needed([5.0], 1.0) is None
    assert detectable([2.0, 2.0, 2.0]) == 0 and seeds_needed([2.0, 2.0, 2.0], 1.0) == 2
