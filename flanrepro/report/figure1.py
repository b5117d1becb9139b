"""Figure 1: collections compared on every suite (section 3.1)."""

from collections.abc import Iterable

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from flanrepro.report.coverage import caption
from flanrepro.report.figures import COLORS, POINTS, STYLE, new_figure
from flanrepro.report.panels import PAPER, SUITES, add_legend, draw_bars, there
from flanrepro.report.table1 import NEXT_BEST

ROWS = {
    "Flan 2021": "Flan 2021",
    "P3++": "P3++",
    "Super-Natural Inst.": "Super-Nat.\nInst.",
    "OPT-IML-Max 175B": "OPT-IML\n175B",
    "Flan 2022": "Flan 2022",
}
"""Names on the axis by row of Table 1, in the figure's order."""

BARS = {
    "zero_shot": ("zero-shot", {"color": COLORS[0]}),
    "few_shot": ("few-shot", {"color": COLORS[4], "hatch": "///"}),
}
GREEN = COLORS[2]
NUMBER = 30
"""Room for a number below a bar, in points."""


def table(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `flanrepro.report.table1.table` that the figure shows."""
    return table[table["row"].isin([*ROWS, NEXT_BEST])].reset_index(drop=True)


def draw(table: pd.DataFrame) -> plt.Figure:
    """Draws a panel per suite with two bars per collection.

    Bars are ours, with their numbers below and 95 % intervals over seeds, dotted lines chance.
    Diamonds are the paper's
    T5-XL (3 B parameters), or OPT-IML-Max, which is not trained here. Above a panel stands Flan
    2022's lead over the next best collection, zero-shot / few-shot, in green if positive.
    """
    suites, rows = there(SUITES, table["suite"]), there(ROWS, table["row"])
    # One scale for all panels, from 0: bars are compared by their length.
    fig, axes = new_figure(len(suites), size=(2.5 * len(suites), 3.8), sharey=True)
    with mpl.rc_context(STYLE):
        for ax, (suite, title) in zip(axes, suites.items(), strict=True):
            panel = table[table["suite"] == suite]
            ax.set_title(title, pad=18)
            for setting, x in draw_bars(ax, panel, ("row", rows), ("setting", BARS)).items():
                stated = panel[panel["setting"] == setting].set_index("row")["paper"].reindex(rows)
                ax.plot(x, stated, label="the paper's: T5-XL 3B, OPT-IML 175B", **PAPER)
                _write_numbers(ax, x, panel[panel["setting"] == setting].set_index("row"), rows)
            ax.tick_params(axis="x", length=0, pad=NUMBER)
            ax.axhline(panel["chance"].mean(), color="gray", linestyle=":", linewidth=1)
            _write_gains(ax, panel[panel["row"] == NEXT_BEST].set_index("setting")["value"])
        axes[0].set(ylabel="score (%)", ylim=(0, None))
        add_legend(fig, axes)
    return caption(fig, table)


def _write_numbers(ax: plt.Axes, x: np.ndarray, cells: pd.DataFrame, rows: Iterable[str]) -> None:
    """Writes each bar's number below it, where neither interval nor diamond can meet it."""
    style = {"textcoords": "offset points", "ha": "center", "va": "top", "rotation": 90}
    for place, value in zip(x, cells["value"].reindex(rows), strict=True):
        if value == value:  # NaN: no run
            ax.annotate(f"{value:.1f}", (place, 0), xytext=(0, -3), fontsize=POINTS, **style)


def _write_gains(ax: plt.Axes, gains: pd.Series) -> None:
    """Writes both gains above a panel, on both sides of its middle, so that each has its colour."""
    for setting, side in (("zero_shot", "right"), ("few_shot", "left")):
        if setting in gains:
            text = f"{gains[setting]:+.1f}"
            text = f"{text} / " if side == "right" else text
            color = GREEN if gains[setting] > 0 else "black"
            ax.text(0.5, 1.02, text, color=color, ha=side, transform=ax.transAxes)
