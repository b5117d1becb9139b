"""Uncertainty of scores: standard errors over items, over tasks, and of a difference.

Items of one group (questions on one passage) are not independent, so deviations are summed within
groups before they are squared (Liang & Zeger, 1986; Miller, 2024, 'Adding Error Bars to Evals').
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from flanrepro.errors import InputError

CONFIDENCE, POWER = 0.95, 0.8
"""Confidence of every interval and test, and the power that `detectable` asks for."""


def weights(units: Sequence[Hashable]) -> np.ndarray:
    """Gives each item's weight in the mean over units of their means, float [items], in sum 1."""
    unit = _codes(units)
    sizes = np.bincount(unit)
    return 1 / (sizes[unit] * len(sizes)) if len(unit) else np.zeros(0)


def standard_error(
    values: Sequence[float],
    groups: Sequence[Hashable],
    units: Sequence[Hashable] | None = None,
) -> float:
    """Computes the standard error of a mean of items, clustered by group, in per cent points.

    Args:
        values: number per item, such as 0 or 1, [items].
        groups: label per item of what it was drawn with, [items]; units may share a group.
        units: task per item, [items], for the mean over tasks of their means, each weighing the
            same (A.3); None: the mean of the items.

    Returns:
        sqrt(sum over groups of (sum over its items of weight * deviation)^2), the deviation being
        from the unit's mean and a unit of G groups corrected by G / (G - 1). For one unit of n
        items that is sqrt(G / (G - 1) * sum over groups of (sum of deviations)^2) / n. NaN if a
        unit has fewer than two groups.
    """
    return 100 * _standard_error(np.asarray(values, float), groups, units)


def _standard_error(values: np.ndarray, groups: Sequence, units: Sequence | None) -> float:
    unit = np.zeros(len(values), int) if units is None else _codes(units)
    group, n_groups = _codes(groups), len(set(groups))
    # A pair of unit and group is one number, so that `unique` finds each unit's groups.
    sizes = np.bincount(unit)
    pairs = np.unique(unit * n_groups + group)
    groups_of = np.bincount(pairs // n_groups) if n_groups else np.zeros(0)
    if not len(values) or groups_of.min() < 2:
        return float("nan")
    means = np.bincount(unit, values) / sizes
    corrected = np.sqrt(groups_of / (groups_of - 1)) / (sizes * len(sizes))
    sums = np.bincount(group, (values - means[unit]) * corrected[unit])
    return float(np.sqrt(sums @ sums))


def standard_error_over_units(values: Sequence[float], units: Sequence[Hashable]) -> float:
    """Computes the standard error of a mean over sampled tasks, in per cent points.

    Args:
        values: number per item, such as 0 or 1, [items].
        units: task (or subject) per item, [items].

    Returns:
        the standard deviation of the tasks' means over the square root of their number; NaN with
        fewer than two.
    """
    unit = _codes(units)
    means = np.bincount(unit, values) / np.bincount(unit)
    # Each task's mean is an item in a group of its own.
    return 100 * _standard_error(means, range(len(means)), None)


def bootstrap_standard_error(
    statistic: Callable[[Sequence[Mapping[str, Any]]], float],
    rows: Sequence[Mapping[str, Any]],
    draws: int = 200,
) -> float:
    """Computes the standard error of any statistic by the bootstrap over groups of items.

    Args:
        statistic: function of rows, such as a metric of `flanrepro.evaluation.metrics`.
        rows: rows with a `group`.
        draws: number of samples, each of as many groups as there are; their seed is fixed.

    Returns:
        the error in the statistic's unit; NaN with fewer than two groups, or with fewer than two
        samples for which the statistic is defined.
    """
    members: dict[Hashable, list] = {}
    for row in rows:
        members.setdefault(row["group"], []).append(row)
    groups, rng = list(members.values()), np.random.default_rng(0)
    if len(groups) < 2:
        return float("nan")
    drawn = rng.integers(len(groups), size=(draws, len(groups)))
    values = np.array([statistic([row for i in one for row in groups[i]]) for one in drawn])
    # A sample may lack a class, for which an AUC is not defined.
    values = values[~np.isnan(values)]
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def detectable(standard_error: float) -> float:
    """Computes the smallest difference that a two-sided test at 5 % finds with a power of 80 %.

    Args:
        standard_error: standard error of the difference, sqrt(2) * s for two independent runs with
            a standard error of s each.

    Returns:
        2.80 times the standard error, in its unit.
    """
    from scipy.stats import norm

    return float(norm.ppf((1 + CONFIDENCE) / 2) + norm.ppf(POWER)) * standard_error


def paired_difference(
    rows_a: Sequence[Mapping[str, Any]],
    rows_b: Sequence[Mapping[str, Any]],
    units: Sequence[Hashable] | None = None,
) -> dict[str, float]:
    """Compares two runs on the same items: first accuracy less second, in per cent points.

    Args:
        rows_a, rows_b: rows of `flanrepro.evaluation.answers.answer_suite`, in any order; task,
            split and record name an item, which was drawn together with its `group`.
        units: label per row of `rows_a` of what weighs the same; None: its task (A.3).

    Returns:
        difference, standard_error, low and high (the 95 % interval, Student's t with clusters less
        units degrees of freedom), n items, clusters (number of groups), and `detectable`.

    Raises:
        InputError: the runs are not of the same items, or a run has an item twice.
    """
    from scipy.stats import t

    other = _by_item(rows_b, "second")
    _check_same(_by_item(rows_a, "first"), other)
    units = [row["task"] for row in rows_a] if units is None else units
    groups = [row["group"] for row in rows_a]
    values = np.array([float(row["correct"]) - other[_item(row)]["correct"] for row in rows_a])
    clusters = len(set(groups))
    difference = 100 * float(values @ weights(units)) if len(values) else float("nan")
    error = standard_error(values, groups, units)
    # A suite in which all tasks share their few groups has more units than it loses freedom by.
    margin = float(t.ppf((1 + CONFIDENCE) / 2, max(1, clusters - len(set(units))))) * error
    return {
        "difference": difference,
        "standard_error": error,
        "low": difference - margin,
        "high": difference + margin,
        "n": len(rows_a),
        "clusters": clusters,
        "detectable": detectable(error),
    }


def _codes(labels: Sequence[Hashable]) -> np.ndarray:
    """Numbers labels in the order of their first occurrence, int [labels]."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels], int)


def _item(row: Mapping[str, Any]) -> tuple:
    return row["task"], row["split"], row["record"]


def _by_item(rows: Sequence[Mapping[str, Any]], which: str) -> dict[tuple, Mapping[str, Any]]:
    found = {_item(row): row for row in rows}
    if len(found) < len(rows):
        raise InputError(
            f"the {which} of two runs to compare has {len(rows)} rows of {len(found)} items: give "
            "the rows of one setting, with every item once"
        )
    return found


def _check_same(first: Mapping[tuple, Any], second: Mapping[tuple, Any]) -> None:
    missing = [item for item in first if item not in second]
    extra = [item for item in second if item not in first]
    if missing or extra:
        task, split, record = (missing or extra)[0]
        raise InputError(
            f"two runs to compare are not of the same items: {len(missing)} only in the first and "
            f"{len(extra)} only in the second, such as record {record} of task '{task}', split "
            f"'{split}'; evaluate both on the same suite with the same number of items"
        )
