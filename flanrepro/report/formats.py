"""Flan 2022 in one plain format and in varied ones (section 3.6; the paper shows no number)."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

from flanrepro.experiments.results import compared
from flanrepro.report.coverage import caption
from flanrepro.report.figures import COLORS, STYLE, new_figure
from flanrepro.report.panels import SETTINGS, SUITES, add_chance, add_legend, draw_bars, there
from flanrepro.report.statistics import over_seeds

NOT_RUN = "not run: there are no runs of both formats"

VARIED = {"color": COLORS[4], "hatch": "///"}
BARS = {
    "plain": ("one plain format", {"color": COLORS[0]}),
    "reference": ("varied formats, as in the reference", VARIED),
    "paper": ("varied formats, as in A.1 and 3.6", VARIED),
}
"""Label and style by way of writing prompts; a collection has one of the varied ways."""


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per bar of the figure; none if only one way of writing prompts was run.

    Args:
        scores: DataFrame of `flanrepro.experiments.results.scores` for `formats`.

    Returns:
        setting (of evaluation), suite, formats, and the other columns of
        `flanrepro.report.statistics.over_seeds`, in per cent.
    """
    keys = ["setting", "suite", "formats"]
    return over_seeds(scores if compared(scores) else scores.iloc[:0], keys)


def draw(table: pd.DataFrame) -> plt.Figure:
    """Draws a panel per evaluation setting with two bars per suite; dashes are chance."""
    settings, suites = there(SETTINGS, table["setting"]), there(SUITES, table["suite"])
    fig, axes = new_figure(len(settings), sharey=True)
    with mpl.rc_context(STYLE):
        for ax, (setting, title) in zip(axes, settings.items(), strict=True):
            panel = table[table["setting"] == setting]
            draw_bars(ax, panel, ("suite", suites), ("formats", there(BARS, table["formats"])))
            chance = panel.groupby("suite")["chance"].mean().reindex(suites)
            for place, value in enumerate(chance):
                add_chance(ax, place, value)
            ax.set_title(title)
        axes[0].set(ylabel="score (%)", ylim=(0, None))
        add_legend(fig, axes)
    return caption(fig, table)
