"""Uncertainty over seeds: t-intervals, means per group, tests, their power, Holm's adjustment."""

import bisect
import functools
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy import special

from flanrepro.evaluation.uncertainty import CONFIDENCE, POWER
from flanrepro.report import coverage


def interval(values: Iterable[float]) -> tuple[float, float]:
    """The 95 % t-interval (low, high) of the mean; one value per seed, NaN for fewer than two."""
    array = np.asarray(list(values), float)
    if len(array) < 2:
        return float("nan"), float("nan")
    half = special.stdtrit(len(array) - 1, (1 + CONFIDENCE) / 2) * _standard_error(array)
    return float(array.mean() - half), float(array.mean() + half)


def over_seeds(scores: pd.DataFrame, keys: Sequence[str], value: str = "value") -> pd.DataFrame:
    """Means over seeds: a row per group of `keys`, in the order of first appearance.

    Args:
        scores: DataFrame with `run`, the keys and `value`; one row per seed in each group.
        keys: names of the columns that tell groups apart.
        value: name of the column to average.

    Returns:
        the keys, value (mean over seeds), low and high (95 % t-interval; NaN for one seed), chance,
        n and `flanrepro.report.coverage.COVERAGE` if the scores have them, seeds (their number),
        runs (run ids separated by spaces).
    """
    rows = []
    # By default pandas drops rows with NaN in a key, such as `subset` where it means all tasks.
    for key, group in scores.groupby(list(keys), sort=False, dropna=False):
        low, high = interval(group[value])
        row = dict(zip(keys, key, strict=True))
        row |= {"value": group[value].mean(), "low": low, "high": high}
        row |= {name: group[name].iloc[0] for name in ("chance", "n") if name in group}
        row |= coverage.of_rows(group)
        rows.append(row | {"seeds": len(group), "runs": " ".join(group["run"])})
    return pd.DataFrame(rows)


def p_value(values: Iterable[float], center: float = 0.0) -> float:
    """Two-sided p value of Student's t-test that the mean is `center`; 1 for fewer than two."""
    array = np.asarray(list(values), float) - center
    if len(array) < 2:
        return 1.0
    # Equal values have no spread, and t would be infinite (p is 0) or 0 / 0 (p is 1).
    if np.ptp(array) == 0:
        return float(array[0] == 0)
    t = array.mean() / _standard_error(array)
    return float(2 * special.stdtr(len(array) - 1, -abs(t)))


def _standard_error(array: np.ndarray) -> float:
    return array.std(ddof=1) / np.sqrt(len(array))  # n - 1: the mean is estimated, too


def equivalence_p(values: Iterable[float], margin: float) -> float:
    """The p value of equivalence, |mean| < margin, by two one-sided tests (Schuirmann, 1987)."""
    array = np.asarray(list(values), float)
    if not -margin < array.mean() < margin:
        return 1.0
    # Two-sided p values, so that p is below 5 % exactly where the 95 % interval lies within.
    return max(p_value(array, -margin), p_value(array, margin))


def detectable(values: Iterable[float], seeds: int = 0, equivalence: bool = False) -> float:
    """The smallest true difference that a number of seeds finds: two-sided 5 %, 80 % power.

    Exact for normal differences of the measured spread, by the noncentral t distribution; the
    spread of few seeds is itself uncertain, by half for three of them.

    Args:
        values: the differences, one per seed.
        seeds: number of seeds; 0: as many as there are values.
        equivalence: true: the smallest margin within which a true difference of 0 is shown to lie.

    Returns:
        a number in the values' unit; NaN for fewer than two values, which have no spread.
    """
    array = np.asarray(list(values), float)
    if len(array) < 2:
        return float("nan")
    return float(array.std(ddof=1)) * _in_deviations(seeds or len(array), equivalence)


def seeds_needed(values: Iterable[float], smallest: float, equivalence: bool = False) -> int | None:
    """The smallest number of seeds, two or more, whose `detectable` is at most `smallest`.

    None for fewer than two values, which have no spread.
    """
    array = np.asarray(list(values), float)
    if len(array) < 2:
        return None
    deviation = float(array.std(ddof=1))

    def enough(seeds: int) -> bool:
        return deviation * _in_deviations(seeds, equivalence) <= smallest

    most = 2
    while not enough(most):
        most *= 2
    # By bisection between the last number that was too small and the first that was enough.
    return 2 + bisect.bisect_left(range(2, most), True, key=enough)


@functools.cache
def _in_deviations(seeds: int, equivalence: bool) -> float:
    """What `detectable` is in standard deviations of the differences."""
    # Two one-sided tests fail at either margin: half of the failures is left for each of them.
    power = (1 + POWER) / 2 if equivalence else POWER
    critical = special.stdtrit(seeds - 1, (1 + CONFIDENCE) / 2)
    # The other tail is left out: where the power is 80 %, it has less than a millionth.
    return float(special.nctdtrinc(seeds - 1, 1 - power, critical)) / seeds**0.5


def holm(p: Sequence[float]) -> list[float]:
    """The p values adjusted for their number (Holm, 1979), in the same order; at most 1."""
    order = np.argsort(p, kind="stable")
    adjusted, highest = np.empty(len(p)), 0.0
    for rank, i in enumerate(order):
        # An adjusted value never falls below that of a smaller p.
        highest = max(highest, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = highest
    return adjusted.tolist()
