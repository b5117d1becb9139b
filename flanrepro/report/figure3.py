"""Figure 3: scores over the share of few-shot training data (section 3.2)."""

import matplotlib.pyplot as plt
import pandas as pd

from flanrepro.report.coverage import caption
from flanrepro.report.figures import COLORS
from flanrepro.report.panels import SETTINGS, SUITES, draw_lines
from flanrepro.report.paper import published
from flanrepro.report.peaks import draw_stated
from flanrepro.report.statistics import over_seeds


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per point of the figure.

    Args:
        scores: DataFrame of `flanrepro.experiments.results.scores` for `few_shot`.

    Returns:
        setting (of evaluation), suite, few_shot_fraction, and the other columns of
        `flanrepro.report.statistics.over_seeds`, in per cent.
    """
    keys = ["setting", "suite", "few_shot_fraction"]
    return over_seeds(scores, keys).sort_values(keys, ignore_index=True)


def draw(table: pd.DataFrame) -> plt.Figure:
    """Draws a panel per evaluation setting with a line per suite.

    The paper's points are printed nowhere: its range of peaks and the bound of its MMLU score are
    drawn instead, see `flanrepro.report.paper.published`.
    """
    percent = table.assign(share=100 * table["few_shot_fraction"])
    fig = draw_lines(percent, "share", ("setting", SETTINGS), ("suite", SUITES), sharey=True)
    rows = published("figure_3")
    rows = rows[rows["suite"].isin(table["suite"])]
    draw_stated(fig, [rows] * len(fig.axes), COLORS[list(SUITES).index("mmlu")])
    for ax in fig.axes:
        ax.set(xlabel="few-shot prompts in training (%)", xticks=range(0, 101, 25))
    fig.axes[0].set_ylabel("score (%)")
    return caption(fig, table)
