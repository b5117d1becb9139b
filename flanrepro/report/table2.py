"""Table 2: each source left out of an equally weighted mixture in turn (section 3.5)."""

import pandas as pd

from flanrepro.report import tables
from flanrepro.report.paper import published


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per row of the paper's table, suite that was evaluated, and setting.

    Args:
        scores: `flanrepro.experiments.results.scores` of `leave_one_out`.

    Returns:
        the columns of `flanrepro.report.tables.beside_paper`. The paper gives one number per suite
        without saying in which setting: it stands beside both of ours.
    """
    return tables.beside_paper(scores, published("table_2"))


def printed(table: pd.DataFrame) -> pd.DataFrame:
    """The paper's form of `table`, see `flanrepro.report.tables.printed`."""
    return tables.printed(table, settings_in_paper=False)
