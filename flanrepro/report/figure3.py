"""Figure 3: scores over the share of few-shot training data (section 3.2)."""

import matplotlib.pyplot as plt
import pandas as pd

from flanrepro.report.coverage import caption
from flanrepro.report.panels import SETTINGS, SUITES, draw_lines
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
    """Draws a panel per evaluation setting with a line per suite."""
    percent = table.assign(share=100 * table["few_shot_fraction"])
    fig = draw_lines(percent, "share", ("setting", SETTINGS), ("suite", SUITES), sharey=True)
    for ax in fig.axes:
        ax.set(xlabel="few-shot prompts in training (%)", xticks=range(0, 101, 25))
    fig.axes[0].set_ylabel("score (%)")
    return caption(fig, table)
