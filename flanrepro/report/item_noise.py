"""The items' noise of a contrast at one seed: its standard error over other items of the suites.

A contrast is any function of scores, so its error is measured: the scores are drawn anew around
their values, each with its own standard error. Where the answers to each item are kept, a contrast
that is linear in the scores is computed per item instead, since runs that are right on the same
items differ by less than their errors say.
"""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from flanrepro.evaluation.uncertainty import CONFIDENCE, standard_error, weights
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.scores import read_items

Answers = Callable[[Mapping[str, Any]], list[dict] | None]
"""A function from a row of scores to its items' rows, or None where they are not kept."""

Contrast = Callable[[Mapping[str, Any], pd.DataFrame], tuple[list[float], list[str]]]
"""A function of `flanrepro.report.contrasts`."""

DRAWS = 100
SCORES = ("value", "validation", "test")
"""The columns of a suite's scores, or of a finetuning run's, that have noise."""

AGREES, DISAGREES, WITHIN, UNKNOWN = SIGNS = (
    "agrees in sign",
    "disagrees in sign",
    "within item noise",
    "item noise unknown",
)
"""What one seed says of a part of a claim; none of them is a verdict."""


def sign(ours: float, direction: int, smallest: float, noise: float) -> str:
    """One of `SIGNS`: if a contrast at one seed has the paper's sign beyond the items' noise.

    Args:
        ours: the contrast.
        direction: the paper's sign, 1 or -1; 0: an equivalence, which agrees where the interval
            lies within the smallest effect, and disagrees where it lies beyond.
        smallest: smallest effect that counts.
        noise: standard error over items; NaN: unknown.
    """
    from scipy.special import ndtri

    if math.isnan(noise):
        return UNKNOWN
    # How far ours is on the side of the paper.
    ahead = direction * ours if direction else smallest - abs(ours)
    if abs(ahead) <= ndtri((1 + CONFIDENCE) / 2) * noise:
        return WITHIN
    return AGREES if ahead > 0 else DISAGREES


def noise(
    contrast: Contrast,
    claim: Mapping[str, Any],
    cell: pd.DataFrame,
    answers: Answers | None = None,
) -> float:
    """The standard error over items of a contrast that has one seed, in its own unit.

    Args:
        contrast: function of `flanrepro.report.contrasts`.
        claim: entry of `claims.yaml`.
        cell: rows of scores of one suite and setting, or the curves of one target.
        answers: see `Answers`; None: no answers are kept, so the runs' errors count as independent.

    Returns:
        the error; NaN where a score has neither a standard error nor a number of items that are
        right or wrong.
    """
    rows = cell
    if cell["seed"].nunique() > 1:  # some runs have further seeds, which the others lack
        seeds = (own for _, own in cell.groupby("seed") if contrast(claim, own)[0])
        rows = next(seeds, cell)
    columns = [name for name in SCORES if name in rows]
    errors = np.array([_errors(rows, name) for name in columns])  # [columns, rows]
    if np.isnan(errors).any():
        return math.nan
    drawn = _drawn(errors.size)
    values, _ = contrast(claim, _redrawn(rows, columns, errors, drawn))
    if len(values) < len(drawn) or np.isnan(values).any():
        return math.nan
    deviations = np.asarray(values) - np.mean(values)
    # The draws are orthonormal, so that these are the coefficients of least squares.
    slopes = drawn.T @ deviations / (len(drawn) - 1)
    if answers and np.allclose(drawn @ slopes, deviations, atol=1e-6):
        paired = _paired(rows, slopes / errors.ravel(), answers)
        if paired is not None:
            return paired
    return float(np.std(values, ddof=1))


def _errors(rows: pd.DataFrame, column: str) -> np.ndarray:
    """The standard error of each score, else the binomial one of its value and number of items."""
    counts = [rows[name].to_numpy(float) for name in ("n", "items") if name in rows]
    n = counts[0] if counts else np.full(len(rows), math.nan)
    # One item of each kind is added: items that are all right have an error, too.
    share = (rows[column].to_numpy(float) / 100 * n + 1) / (n + 2)
    with np.errstate(invalid="ignore"):
        binomial = 100 * np.sqrt(share * (1 - share) / n)
    if column != "value" or "standard_error" not in rows:
        return binomial
    own = rows["standard_error"].to_numpy(float)
    return np.where(own > 0, own, binomial)


@functools.cache
def _drawn(scores: int) -> np.ndarray:
    """Standard normal draws, float [draws, scores], of which each column is a score's deviations.

    Where there are more draws than scores, their means are exactly 0 and their covariance is
    exactly the identity: the error of a linear contrast is then exact, too.
    """
    draws = np.random.default_rng(0).normal(size=(DRAWS, scores))
    if scores >= DRAWS:
        return draws
    orthonormal, _ = np.linalg.qr(draws - draws.mean(axis=0))
    return orthonormal * math.sqrt(DRAWS - 1)


def _redrawn(
    rows: pd.DataFrame, columns: list[str], errors: np.ndarray, drawn: np.ndarray
) -> pd.DataFrame:
    """The rows once per draw, with scores drawn anew; the draw takes the place of the seed."""
    again = rows.iloc[np.tile(np.arange(len(rows)), len(drawn))].reset_index(drop=True)
    again["seed"] = np.repeat(np.arange(len(drawn)), len(rows))
    # A contrast tells runs apart by their ids.
    again["run"] = again["run"] + "-" + again["seed"].astype(str)
    shifts = drawn.reshape(len(drawn), *errors.shape) * errors  # [draws, columns, rows]
    for i, name in enumerate(columns):
        again[name] = again[name] + shifts[:, i].ravel()
    return again


def _paired(rows: pd.DataFrame, slopes: np.ndarray, answers: Answers) -> float | None:
    """The error of sum(slope * score) over items that all scores share; None without them."""
    if "value" not in rows:  # a validation's answers are not kept
        return None
    total, labels = 0.0, None
    for row, slope in zip(rows.to_dict("records"), slopes, strict=True):
        if abs(slope) < 1e-9:  # a rival that was not the best
            continue
        found = answers(row)
        if found is None:
            return None
        own = [(item["task"], item["split"], item["record"], item["unit"]) for item in found]
        if labels is not None and own != labels:
            return None
        labels, groups = own, [item["group"] for item in found]
        total = total + slope * np.array([float(item["correct"]) for item in found])
    if labels is None:
        return None
    error = standard_error(total, groups, [unit for *_, unit in labels])
    return None if math.isnan(error) else error


def answers_in(job: Job) -> Answers | None:
    """The answers that a job's store keeps; None for shipped scores, which have none."""
    if job.engine == "shipped":
        return None

    @functools.cache
    def read(run: str, name: str) -> list[list[dict]]:
        folder = job.store.root / run
        # A suite of which tasks were missing has another file beside that of all tasks.
        names = [f"{name}.jsonl", f"{name}_*tasks.jsonl"]
        paths = [path for each in names for path in sorted((folder / "predictions").glob(each))]
        return [read_items(folder, path.name) for path in paths]

    def answers(row: Mapping[str, Any]) -> list[dict] | None:
        items = "all" if pd.isna(row["items"]) else int(row["items"])
        name = f"{row['suite']}_{int(row['shots'])}shot_{items}"
        kept = read(row["run"], "_".join(filter(None, (name, row.get("asking", "")))))
        return next((found for found in kept if _is_mean(row, found)), None)

    return answers


def _is_mean(row: Mapping[str, Any], items: list[dict]) -> bool:
    """True if a row's value is the mean of these items' right answers, tasks weighing the same."""
    correct = np.array([float(item["correct"]) for item in items])
    mean = 100 * float(correct @ weights([item["unit"] for item in items]))
    return row["metric"] == "accuracy" and abs(mean - row["value"]) < 1e-3
