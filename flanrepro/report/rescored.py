"""Table 1 from predictions that were scored again, each number beside the one that ships."""

import pandas as pd

from flanrepro.report import table1

KEYS = ["row", "suite", "setting"]


def table(found: pd.DataFrame) -> pd.DataFrame:
    """Table 1's numbers, and if each of them is the one that ships.

    Args:
        found: DataFrame of `flanrepro.experiments.predictions.beside_shipped`.

    Returns:
        row (as printed), suite, setting, seeds (their number), rescored and shipped (means over
        seeds; per cent, or points for differences) and equal: `yes` if every score behind the
        number is exactly the shipped one, `no`, or `not shipped`.
    """
    ours = table1.table(found).rename(columns={"value": "rescored"})
    ours = ours[ours["seeds"] > 0]  # the others are the paper's alone
    there = found.dropna(subset=["shipped"])
    if len(there):
        theirs = table1.table(there.assign(value=there["shipped"]))
        ours = ours.merge(
            theirs[[*KEYS, "value"]].rename(columns={"value": "shipped"}), on=KEYS, how="left"
        )
    else:
        ours = ours.assign(shipped=float("nan"))
    equal = [_equal(found, row) for row in ours.itertuples()]
    columns = [*KEYS, "seeds", "rescored", "shipped"]
    return ours[columns].assign(equal=equal).reset_index(drop=True)


def _equal(found: pd.DataFrame, number) -> str:
    """What a number of the table says of its scores."""
    behind = found[
        (found["suite"] == number.suite)
        & (found["setting"] == number.setting)
        & found["run"].isin(number.runs.split())
    ]
    if behind["shipped"].isna().any():
        return "not shipped"
    return "yes" if behind["same"].all() else "no"


def said(found: pd.DataFrame) -> str:
    """One sentence on all scores: how many there are, ship, and are the shipped ones."""
    ship, runs = found["shipped"].notna().sum(), found["run"].nunique()
    if not ship:
        return f"none of the {len(found)} scores of {runs} runs ship: there is nothing to compare"
    return f"{found['same'].sum()} of {ship} shipped scores are met exactly, of {runs} runs"
