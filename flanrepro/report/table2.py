"""Table 2: each source left out of an equally weighted mixture in turn (section 3.5)."""

import pandas as pd

from flanrepro.report import tables
from flanrepro.report.page import Page
from flanrepro.report.paper import published


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """Table 2 with a row per printed row, evaluated suite and setting.

    Args:
        scores: DataFrame of `flanrepro.experiments.results.scores` for `leave_one_out`.

    Returns:
        the columns of `flanrepro.report.tables.beside_paper`. The paper gives one number per suite
        and does not say for which setting; it stands beside both of ours.
    """
    return tables.beside_paper(scores, published("table_2"))


def printed(table: pd.DataFrame) -> pd.DataFrame:
    """The table in the paper's form, see `flanrepro.report.tables.printed`."""
    return tables.printed(table, settings_in_paper=False)


def page(table: pd.DataFrame) -> Page:
    """The same for a notebook's page, ours above the paper's in each cell."""
    return tables.stacked(printed(table))
