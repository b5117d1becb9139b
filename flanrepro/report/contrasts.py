"""The contrasts that `claims.yaml` names: one number per seed from a sweep's scores.

Each takes a claim and the rows of one suite and setting (or of one target). It returns one number
per seed that has all the runs it needs, and the run ids; both are empty if no seed has them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from flanrepro.model.sizes import MODELS

GROUPS = {
    "finetuned": ("held_in", "held_out"),
    "not_finetuned": ("little",),
    "fewer_steps": ("held_out",),
    "higher_peak": ("held_out",),
    "mean_saving": ("held_out",),
}
"""The groups of finetuning targets that a contrast is computed on."""

TOGETHER = {"mean_saving": "held-out targets"}
"""The contrasts on all targets together, with the name of their one part."""

SHARE = 0.95
"""Share of T5's best validation score that counts as converged."""

Contrast = tuple[list[float], list[str]]
NONE: Contrast = ([], [])


def difference(claim: Mapping[str, Any], cell: pd.DataFrame) -> Contrast:
    """The mean of the selection `of` minus the best of `to`, in points.

    A list of selections for `to` stands for the best of these.
    """
    cell = _main_size(cell)
    several = claim["to"] if isinstance(claim["to"], list) else [claim["to"]]
    of, rivals = _select(cell, claim["of"]), [_select(cell, where) for where in several]
    if of.empty or any(rows.empty for rows in rivals):
        return NONE
    first = _wide(of, claim["of"]).mean(axis=1)
    others = [_wide(rows, where) for rows, where in zip(rivals, several, strict=True)]
    others = [_of_every_seed(*one, first.index) for one in zip(others, rivals, strict=True)]
    both = pd.concat([first, *others], axis=1).dropna()
    if both.empty:
        return NONE
    # The best rival is chosen on the scores it is compared on. This favours the rival, so it is
    # conservative for a claim that `of` is better.
    compared = both.iloc[:, 1:]
    best = compared.iloc[:, compared.mean().argmax()]  # by place: two selections may have one name
    return list(both.iloc[:, 0] - best), _runs(of, *rivals)


def _of_every_seed(wide: pd.DataFrame, rows: pd.DataFrame, seeds: pd.Index) -> pd.DataFrame:
    """The values of one model that nothing has tuned as those of every seed; others as they are."""
    if "state" not in rows or set(rows["state"]) != {"untuned"} or rows["run"].nunique() > 1:
        return wide
    return pd.DataFrame({name: wide[name].iloc[0] for name in wide}, index=seeds)


def larger_gain(claim: Mapping[str, Any], cell: pd.DataFrame) -> Contrast:
    """How much more a larger size gains (see `difference`) than the next smaller one, in points."""
    gains, used = {}, []
    for size in (size for size in MODELS if size in set(cell["model"])):
        values, runs = difference(claim, cell[cell["model"] == size])
        if values:
            seeds = sorted(set(_select(cell[cell["model"] == size], claim["of"])["seed"]))
            gains[size], used = pd.Series(values, seeds), [*used, *runs]
    wide = pd.DataFrame(gains).dropna()
    if wide.shape[1] < 2 or wide.empty:
        return NONE
    # The successive differences add up to that of the last size and the first.
    return list((wide.iloc[:, -1] - wide.iloc[:, 0]) / (wide.shape[1] - 1)), used


def slope_of_clusters(claim: Mapping[str, Any], cell: pd.DataFrame) -> Contrast:
    """The slope in points per cluster that is added, by least squares."""
    cell = _main_size(cell)
    wide = cell.pivot_table(index="seed", columns="clusters", values="value").dropna()
    if wide.shape[1] < 2 or wide.empty:
        return NONE
    x = wide.columns.to_numpy(float)
    return [float(np.polyfit(x, row, 1)[0]) for row in wide.to_numpy()], _runs(cell)


def mean_difference(claim: Mapping[str, Any], cell: pd.DataFrame) -> Contrast:
    """The mean of the selection `of` minus the mean of `to`, in points, if all of both were run."""
    cell = _main_size(cell)
    sides = [(_select(cell, claim[side]), claim[side]) for side in ("of", "to")]
    # A mean over part of the alternatives would be another contrast.
    if any(rows["mixture"].nunique() < len(where["mixture"]) for rows, where in sides):
        return NONE
    first, second = (_wide(*side).dropna().mean(axis=1) for side in sides)
    return list((first - second).dropna()), _runs(*(rows for rows, _ in sides))


def best_difference(claim: Mapping[str, Any], cell: pd.DataFrame) -> Contrast:
    """The best of `of` minus the best of `to`, in points, each chosen on the other seeds."""
    cell = _main_size(cell)
    of, to = (_select(cell, claim[side]) for side in ("of", "to"))
    if of.empty or to.empty:
        return NONE
    return list(_best_minus_best(_wide(of, claim["of"]), _wide(to, claim["to"]))), _runs(of, to)


def _best_minus_best(*sides: pd.DataFrame) -> pd.Series:
    """The difference per seed of two sides' best alternatives, each chosen on the other seeds."""
    seeds = pd.concat(sides, axis=1).dropna().index
    values = {}
    # The maximum of noisy scores is biased upwards on those scores, and more so for the side with
    # more alternatives. Chosen on other seeds it is not. A single seed has no others.
    for seed in seeds:
        rest = seeds.drop(seed) if len(seeds) > 1 else seeds
        first, second = (side.loc[seed, side.loc[rest].mean().idxmax()] for side in sides)
        values[seed] = first - second
    return pd.Series(values, dtype=float)


def slope(claim: Mapping[str, Any], cell: pd.DataFrame) -> Contrast:
    """The slope in points per doubling of the number of tasks, by least squares."""
    cell = _main_size(cell)
    wide = cell.pivot_table(index="seed", columns="tasks", values="value").dropna()
    if wide.shape[1] < 2 or wide.empty:  # a slope needs two numbers of tasks
        return NONE
    x = np.log2(wide.columns.to_numpy(float))
    return [float(np.polyfit(x, row, 1)[0]) for row in wide.to_numpy()], _runs(cell)


def later_peak(claim: Mapping[str, Any], cell: pd.DataFrame) -> Contrast:
    """The mean distance from a size's peak to the next larger size's, in doublings of the tasks."""
    sizes, rows = _compared_sizes(cell)
    wide = rows.pivot_table(index="seed", columns=["model", "tasks"], values="value").dropna()
    if len(sizes) < 2 or rows["tasks"].nunique() < 2 or wide.empty:
        return NONE
    peaks = np.log2(np.array([wide[size].idxmax(axis=1).to_numpy(float) for size in sizes]))
    return list(np.diff(peaks, axis=0).mean(axis=0)), _runs(rows)


def _compared_sizes(cell: pd.DataFrame) -> tuple[list[str], pd.DataFrame]:
    """The sizes from the smallest, and the rows of the numbers of tasks that all of them have."""
    sizes = [size for size in MODELS if size in set(cell["model"])]
    # A size that ran on more numbers of tasks would have more places for a peak.
    common = set.intersection(*(set(cell[cell["model"] == size]["tasks"]) for size in sizes))
    return sizes, cell[cell["tasks"].isin(common)]


def smaller_fall(claim: Mapping[str, Any], cell: pd.DataFrame) -> Contrast:
    """How much less a larger size falls from its peak to all tasks than the next smaller one."""
    falls, runs = _falls(claim, cell)
    falls = falls.dropna()
    steps = falls.shape[1] - 1
    # The successive differences add up to that of the first size and the last.
    return (list((falls.iloc[:, 0] - falls.iloc[:, -1]) / steps), runs) if len(falls) else NONE


def smallest_falls(claim: Mapping[str, Any], cell: pd.DataFrame) -> Contrast:
    """The fall of the smallest size from its best number of tasks to all tasks, in points."""
    falls, runs = _falls(claim, cell)
    values = falls.iloc[:, :1].dropna()
    return (list(values.iloc[:, 0]), runs) if len(values) else NONE


def larger_rise(claim: Mapping[str, Any], cell: pd.DataFrame) -> Contrast:
    """The lead of all tasks over the best other number of them, in points: larger sizes' mean."""
    falls, runs = _falls(claim, cell)
    values = falls.iloc[:, 1:].dropna()
    return (list(-values.mean(axis=1)), runs) if len(values) else NONE


def _falls(claim: Mapping[str, Any], cell: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The best of `of` minus `to` in points, a row per seed, a column per size from the smallest.

    There is no column if fewer than two sizes have both.
    """
    falls, used = {}, []
    sizes, rows = _compared_sizes(cell)
    for size in sizes:
        own = rows[rows["model"] == size]
        of, to = (_select(own, claim[side]) for side in ("of", "to"))
        if len(of) and len(to):
            falls[size] = _best_minus_best(_wide(of, claim["of"]), _wide(to, claim["to"]))
            used += [of, to]
    return (pd.DataFrame(falls), _runs(*used)) if len(falls) > 1 else (pd.DataFrame(), [])


def largest_drop(claim: Mapping[str, Any], cell: pd.DataFrame) -> Contrast:
    """The loss without `source` minus the largest loss without another one, in points.

    The other source is chosen by its mean over seeds.
    """
    without = cell[cell["mixture"].str.startswith("equal_without_")]
    wide = without.pivot_table(index="seed", columns="mixture", values="value").dropna()
    own = f"equal_without_{claim['source']}"
    if own not in wide or wide.shape[1] < 2 or wide.empty:
        return NONE
    others = wide.drop(columns=own)
    return list(others[others.mean().idxmin()] - wide[own]), _runs(without)


def finetuned(claim: Mapping[str, Any], cell: pd.DataFrame) -> Contrast:
    """Test score at the best validation step, from the tuned minus from the untuned model."""
    best = cell.loc[cell.groupby("run")["validation"].idxmax()]
    return _paired(best, best, cell)


def not_finetuned(claim: Mapping[str, Any], cell: pd.DataFrame) -> Contrast:
    """Test score of the tuned model at step 0 minus that of the untuned model, finetuned."""
    best = cell.loc[cell.groupby("run")["validation"].idxmax()]
    return _paired(cell[cell["step"] == 0], best, cell)


def higher_peak(claim: Mapping[str, Any], cell: pd.DataFrame) -> Contrast:
    """Best validation score, from the tuned minus from the untuned model (Figure 6's peaks)."""
    best = cell.loc[cell.groupby("run")["validation"].idxmax()]
    return _paired(best, best, cell, "validation")


def _paired(
    tuned: pd.DataFrame, untuned: pd.DataFrame, cell: pd.DataFrame, score: str = "test"
) -> Contrast:
    # Paired by seed: both starts see a target's records in the same order.
    sides = (tuned[tuned["state"] == "tuned"], untuned[untuned["state"] == "untuned"])
    first, second = (side.set_index("seed")[score] for side in sides)
    values = (first - second).dropna()
    return (list(values), _runs(cell)) if len(values) else NONE


def fewer_steps(claim: Mapping[str, Any], cell: pd.DataFrame) -> Contrast:
    """Steps that the tuned model saves on the way to 95 % of the untuned one's best validation."""
    values = saved_steps(cell)
    return (list(values), _runs(cell)) if len(values) else NONE


def mean_saving(claim: Mapping[str, Any], cell: pd.DataFrame) -> Contrast:
    """Steps that the tuned model saves per target, see `fewer_steps`: the mean over all of them."""
    saved = {target: saved_steps(rows) for target, rows in cell.groupby("target", sort=False)}
    # A seed that lacks a target would have the mean of other ones.
    whole = pd.DataFrame(saved).dropna()
    return (list(whole.mean(axis=1)), _runs(cell)) if len(whole) else NONE


def saved_steps(cell: pd.DataFrame) -> pd.Series:
    """The steps that `fewer_steps` says, by seed, from the curves of one target."""
    values = {}
    for seed, own in cell.groupby("seed"):
        wide = own.pivot_table(index="step", columns="state", values="validation")
        if set(wide.columns) != {"tuned", "untuned"}:
            continue
        enough = SHARE * wide["untuned"].max()
        # A tuned model that never gets there counts one validation beyond the last.
        beyond = wide.index[-1] + (wide.index[-1] - wide.index[-2])
        steps = {state: wide.index[wide[state] >= enough].min() for state in wide}
        reached = beyond if np.isnan(steps["tuned"]) else steps["tuned"]
        values[seed] = float(steps["untuned"] - reached)
    return pd.Series(values, dtype=float)


def _main_size(cell: pd.DataFrame) -> pd.DataFrame:
    """The rows of the sweep's first size, for contrasts that compare no sizes."""
    return cell[cell["model"] == cell["model"].iloc[0]]  # specs come in the order of sizes


def _select(cell: pd.DataFrame, where: Mapping[str, Any]) -> pd.DataFrame:
    """The rows that a claim's `of` or `to` selects: a value, a list, a range, or `all` tasks."""
    for column, wanted in where.items():
        values = cell[column]
        if wanted == "all":  # of the tasks, the templates or the records
            cell = cell[cell["subset" if column == "tasks" else column].isna()]
        elif isinstance(wanted, Mapping):
            # All tasks are no subset, even where their number is within the range.
            within = values.between(wanted["from"], wanted["to"])
            cell = cell[within & cell["subset"].notna() if column == "tasks" else within]
        else:
            cell = cell[values.isin(wanted if isinstance(wanted, list) else [wanted])]
    return cell


def _wide(rows: pd.DataFrame, where: Mapping[str, Any]) -> pd.DataFrame:
    """Values with a row per seed and a column per alternative of the selection."""
    column = rows[next(iter(where))].astype(object)
    column = column.where(column.notna(), "all")  # groups leave out what is missing
    # As `pivot_table` makes it, in a third of the time.
    return rows["value"].groupby([rows["seed"], column]).mean().unstack()


def _runs(*tables: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(run for table in tables for run in table["run"]))
