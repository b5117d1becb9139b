"""Table 1: methods left out of Flan 2022, and other collections (section 3.1)."""

import numpy as np
import pandas as pd

from flanrepro.experiments.sweep import COLLECTIONS_OF_TABLE_1
from flanrepro.report import coverage, tables
from flanrepro.report.contrasts import difference
from flanrepro.report.page import Page
from flanrepro.report.paper import published
from flanrepro.report.statistics import interval

NEXT_BEST = "Flan 2022 - Next Best"


def paper() -> pd.DataFrame:
    """`published("table_1")` with rows named without the model, as ours is another one."""
    stated = published("table_1")
    # "T5-XL Flan 2022" becomes "Flan 2022"; names of other papers' models stay.
    return stated.assign(row=stated["row"].str.replace("T5-XL", "").str.strip())


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """Table 1 with a row per printed row, evaluated suite and setting.

    Args:
        scores: DataFrame of `flanrepro.experiments.results.scores` for `ablations`.

    Returns:
        the paper's group and the columns of `flanrepro.report.tables.beside_paper`. Models reported
        elsewhere, and collections without data here, have no value of ours. The last rows, `Flan
        2022 - Next Best`, are differences in points to the other collection with the highest mean,
        per suite and setting; their interval is of differences paired by seed.
    """
    stated = paper()
    stated = stated[stated["suite"].isin(scores["suite"])]
    # Another collection without data here has no run: its row says so by having none of our scores.
    absent = (stated["group"] == "other collection") & ~stated["mixture"].isin(scores["mixture"])
    without = stated.rename(columns={"value": "paper"}).assign(seeds=0, runs="")
    ours = tables.beside_paper(scores, stated)
    elsewhere, absent = (
        without[rows].reindex(columns=ours.columns)
        for rows in (stated["group"] == "reported elsewhere", absent)
    )
    if len(absent):
        places = {row: place for place, row in enumerate(stated["row"].drop_duplicates())}
        ours = pd.concat([ours.astype({"seeds": int}), absent])
        ours = ours.sort_values("row", key=lambda rows: rows.map(places), kind="stable")
    parts = [ours, elsewhere, _next_best(scores, stated)]
    found = pd.concat([part.astype({"seeds": int}) for part in parts if len(part)])
    groups = stated.drop_duplicates("row").set_index("row")["group"]
    found.insert(0, "group", found["row"].map(groups))
    return found.reset_index(drop=True)


def _next_best(scores: pd.DataFrame, stated: pd.DataFrame) -> pd.DataFrame:
    claim = {"of": {"mixture": "flan2022"}, "to": {"mixture": list(COLLECTIONS_OF_TABLE_1)}}
    known = stated[stated["row"] == NEXT_BEST].set_index(["suite", "setting"])["value"]
    rows = []
    for (suite, setting), cell in scores.groupby(["suite", "setting"], sort=False):
        gains, runs = difference(claim, cell)  # the scorecard's contrast, so the numbers agree
        if not gains:
            continue
        low, high = interval(gains)
        rows.append(
            {"row": NEXT_BEST, "mixture": "", "suite": suite, "setting": setting}
            | {"value": float(np.mean(gains)), "low": low, "high": high, "seeds": len(gains)}
            | {"runs": " ".join(runs), "paper": known.get((suite, setting))}
            | coverage.of_rows(cell)
        )
    return pd.DataFrame(rows)


def printed(table: pd.DataFrame) -> pd.DataFrame:
    """The table in the paper's form, see `flanrepro.report.tables.printed`."""
    return tables.printed(table, differences=(NEXT_BEST,))


def page(table: pd.DataFrame) -> Page:
    """The same for a notebook's page, ours above the paper's in each cell."""
    return tables.stacked(printed(table))
