"""Figure 3: scores over the share of few-shot training data (section 3.2)."""

import matplotlib.pyplot as plt
import pandas as pd

from flanrepro.report.panels import SETTINGS, SUITES, draw_lines
from flanrepro.report.statistics import over_seeds


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """One row per point of the figure.

    Args:
        scores: `flanrepro.experiments.results.scores` of `few_shot_sweep`.

    Returns:
        setting (of the evaluation), suite, few_shot_fraction, value (mean over seeds, in per cent),
        low and high (95 % t-interval over seeds; empty for one seed), chance, n items, seeds, runs.
    """
    keys = ["setting", "suite", "few_shot_fraction"]
    return over_seeds(scores, keys).sort_values(keys, ignore_index=True)


def draw(table: pd.DataFrame) -> plt.Figure:
    """The figure from `table`: a panel per evaluation setting, a line per suite."""
    percent = table.assign(share=100 * table["few_shot_fraction"])
    fig = draw_lines(percent, "share", ("setting", SETTINGS), ("suite", SUITES), sharey=True)
    for ax in fig.axes:
        ax.set(xlabel="few-shot prompts in training (%)", xticks=range(0, 101, 25))
    fig.axes[0].set_ylabel("score (%)")
    return fig
