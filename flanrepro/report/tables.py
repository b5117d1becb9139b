"""The paper's tables with our scores beside its own: as tidy tables, and in the printed form."""

import pandas as pd

from flanrepro.report import coverage, page
from flanrepro.report.page import Page
from flanrepro.report.panels import SETTINGS, SUITES, there
from flanrepro.report.statistics import over_seeds

KEYS = ["mixture", "suite", "setting"]
COLUMNS = [*KEYS, "value", "low", "high", "chance", "seeds", "runs", "paper"]
HERE, PAPER = "here", "paper"


def beside_paper(scores: pd.DataFrame, paper: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds of the mixtures that a table of the paper names, in the table's order.

    Args:
        scores: DataFrame of `flanrepro.experiments.results.scores`.
        paper: DataFrame with row, mixture, suite and value, and setting if the paper states it.

    Returns:
        row (as printed), mixture, suite, setting, value (mean over seeds, in per cent), low and
        high (95 % t-interval over seeds; NaN for one seed), chance, seeds (their number), runs (run
        ids), paper (its value; NaN where it states none), and `flanrepro.report.coverage.COVERAGE`
        if the scores have them.
    """
    rows = paper.loc[paper["mixture"] != "", ["row", "mixture"]].drop_duplicates()
    table = rows.merge(over_seeds(scores, KEYS), on="mixture")
    # Without a setting, the paper's one number stands beside both of ours.
    on = [name for name in ("row", "suite", "setting") if name in paper]
    stated = paper[[*on, "value"]].rename(columns={"value": "paper"})
    columns = ["row", *COLUMNS, *coverage.columns(table)]
    return table.merge(stated, on=on, how="left")[columns]


def printed(
    table: pd.DataFrame, settings_in_paper: bool = True, differences: tuple[str, ...] = ()
) -> pd.DataFrame:
    """The paper's form: a row per model, per suite 'zero-shot / few-shot' of ours and the paper's.

    Args:
        table: DataFrame with row, suite, setting, value and paper.
        settings_in_paper: false if the paper states one number for both settings.
        differences: names of the rows whose numbers get a sign.

    Returns:
        text with columns (suite, `here` or `paper`); a dash for a missing number.
    """
    suites = there(SUITES, table["suite"])
    cells: dict[str, dict] = {row: {} for row in table["row"]}
    for (row, suite), cell in table.groupby(["row", "suite"], sort=False):
        numbers = cell.set_index("setting").reindex(SETTINGS)
        signed = row in differences
        stated = numbers["paper"] if settings_in_paper else numbers["paper"].dropna().iloc[:1]
        cells[row][suites[suite], HERE] = _text(numbers["value"], signed)
        cells[row][suites[suite], PAPER] = _text(stated, signed)
    columns = pd.MultiIndex.from_product([suites.values(), (HERE, PAPER)])
    return pd.DataFrame.from_dict(cells, orient="index").reindex(columns=columns).fillna("")


def stacked(made: pd.DataFrame) -> Page:
    """The table of `printed` for a notebook's page: in each cell ours, and below it the paper's."""
    suites = list(dict.fromkeys(suite for suite, _ in made.columns))
    rows = {suite: made[suite, HERE] + "\n" + made[suite, PAPER] for suite in suites}
    names = pd.DataFrame({"": made.index + "\nthe paper"}, index=made.index)
    return Page(page.table(names.join(pd.DataFrame(rows))).html, made.to_string())


def _text(values: pd.Series, signed: bool) -> str:
    if values.isna().all():
        return ""
    sign = "+" if signed else ""
    return " / ".join("-" if pd.isna(value) else f"{value:{sign}.1f}" for value in values)
