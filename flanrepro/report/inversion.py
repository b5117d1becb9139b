"""Scores over the rate of input inversion (section 3.4; the paper has one rate and none)."""

import matplotlib.pyplot as plt
import pandas as pd

from flanrepro.experiments.sweep import OWN_RATE
from flanrepro.report.coverage import caption
from flanrepro.report.panels import SETTINGS, SUITES, draw_lines
from flanrepro.report.statistics import over_seeds


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per point of the figure.

    Args:
        scores: DataFrame of `flanrepro.experiments.results.scores` for `inversion`.

    Returns:
        setting (of evaluation), suite, inversion_rate (inverted prompts per regular one, in the
        sources with a rate of their own), and the other columns of
        `flanrepro.report.statistics.over_seeds`, in per cent.
    """
    keys = ["setting", "suite", "inversion_rate"]
    # A spec without a rate has the mixture's own: it is a point of the figure like the others.
    stated = scores.assign(inversion_rate=scores["inversion_rate"].astype(float).fillna(OWN_RATE))
    return over_seeds(stated, keys).sort_values(keys, ignore_index=True)


def draw(table: pd.DataFrame) -> plt.Figure:
    """Draws a panel per evaluation setting with a line per suite."""
    panels, lines = ("setting", SETTINGS), ("suite", SUITES)
    fig = draw_lines(table, "inversion_rate", panels, lines, sharey=True)
    for ax in fig.axes:
        ax.set(
            xlabel="inverted prompts per regular one", xticks=sorted(set(table["inversion_rate"]))
        )
    fig.axes[0].set_ylabel("score (%)")
    return caption(fig, table)
