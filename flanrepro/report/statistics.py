"""Uncertainty over seeds: intervals of means and of differences paired by seed, tests, Holm."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy import special

from flanrepro.evaluation.uncertainty import CONFIDENCE


def interval(values: Iterable[float]) -> tuple[float, float]:
    """The 95 % t-interval of the mean, one value per seed; NaN for fewer than two."""
    array = np.asarray(list(values), float)
    if len(array) < 2:
        return float("nan"), float("nan")
    half = special.stdtrit(len(array) - 1, (1 + CONFIDENCE) / 2) * _standard_error(array)
    return float(array.mean() - half), float(array.mean() + half)


def over_seeds(scores: pd.DataFrame, keys: Sequence[str], value: str = "value") -> pd.DataFrame:
    """A row per group of `keys`, in the order in which they come first.

    Args:
        scores: a row per run and whatever the keys tell apart, with `run` and the column `value`.
        keys: columns.
        value: the column that is averaged.

    Returns:
        the keys, value (mean over seeds), low and high (95 % t-interval, NaN for one seed), chance
        and n where the scores have them, seeds, runs (ids with spaces between).
    """
    rows = []
    for key, group in scores.groupby(list(keys), sort=False, dropna=False):
        low, high = interval(group[value])
        row = dict(zip(keys, key, strict=True))
        row |= {"value": group[value].mean(), "low": low, "high": high}
        row |= {name: group[name].iloc[0] for name in ("chance", "n") if name in group}
        rows.append(row | {"seeds": len(group), "runs": " ".join(group["run"])})
    return pd.DataFrame(rows)


def p_value(values: Iterable[float], center: float = 0.0) -> float:
    """Two-sided p of Student's t that the mean over seeds is `center`; 1 for fewer than two.

    Seeds that agree to the last digit have no spread: 0 away from the center, else 1.
    """
    array = np.asarray(list(values), float) - center
    if len(array) < 2:
        return 1.0
    if np.ptp(array) == 0:
        return float(array[0] == 0)
    t = array.mean() / _standard_error(array)
    return float(2 * special.stdtr(len(array) - 1, -abs(t)))


def _standard_error(array: np.ndarray) -> float:
    return array.std(ddof=1) / np.sqrt(len(array))


def equivalence_p(values: Iterable[float], margin: float) -> float:
    """p that the mean is not within the margins: two one-sided tests (Schuirmann, 1987).

    The larger of two two-sided ones: below 5 % where the 95 % interval lies within.
    """
    array = np.asarray(list(values), float)
    if not -margin < array.mean() < margin:
        return 1.0
    return max(p_value(array, -margin), p_value(array, margin))


def holm(p: Sequence[float]) -> list[float]:
    """Adjusted p values (Holm, 1979), in the same order; at most 1."""
    order = np.argsort(p, kind="stable")
    adjusted, highest = np.empty(len(p)), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = highest
    return adjusted.tolist()
