"""What the paper says about its Figures 3 and 4, whose points are printed nowhere, as marks."""

from collections.abc import Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.markers import CARETDOWNBASE

from flanrepro.report.figures import STYLE

TOP = 0.9
"""Height of the marks of peaks, as a share of the panel's."""

SHIFT = 6
"""Distance of a mark's text in points."""


def draw_stated(fig: plt.Figure, stated: Sequence[pd.DataFrame], color: str = "black") -> None:
    """Draws where the paper's curves peak along the top, and a bound of their highest score.

    Args:
        fig: figure whose x axes have the unit of the peaks, increasing to the right.
        stated: per panel, rows of `flanrepro.report.paper.published` for `figure_3` or `figure_4`.
        color: colour of the bound.
    """
    with mpl.rc_context(STYLE):
        for ax, rows in zip(fig.axes, stated, strict=True):
            ends = rows.loc[rows["quantity"] == "peak", ["low", "high"]].astype(float)
            for bound in rows.loc[rows["quantity"] == "highest score", "high"].astype(float):
                side = "left" if ends.stack().nunique() == 1 else "center"
                _draw_bound(ax, ends.to_numpy().mean(), bound, side, color)
        shared = fig.axes[0].get_shared_y_axes()
        for ax in fig.axes:
            # Panels that share their y axis get room for the marks with the first of them.
            if ax is fig.axes[0] or not shared.joined(ax, fig.axes[0]):
                low, high = ax.get_ylim()
                ticks = [tick for tick in ax.get_yticks() if low <= tick <= 100]
                ax.set_yticks(ticks)  # before the limits, which they would widen
                ax.set_ylim(low, high + 0.2 * (high - low))
        for ax, rows in zip(fig.axes, stated, strict=True):
            ends = rows.loc[rows["quantity"] == "peak", ["low", "high"]].astype(float)
            for low, high in ends.drop_duplicates().to_numpy():
                _draw_peak(ax, low, high)


def _draw_bound(ax: plt.Axes, x: float, bound: float, side: str, color: str) -> None:
    style = {"marker": CARETDOWNBASE, "markersize": 9, "linestyle": "none", "color": color}
    ax.plot(x, bound, **style)
    up = -SHIFT if side == "left" else 2
    _write(ax, f"paper's MMLU: below {bound:g}", x, bound, ax.transData, side, up)


def _draw_peak(ax: plt.Axes, low: float, high: float) -> None:
    where = ax.get_xaxis_transform()
    style = {"color": "black", "transform": where, "markersize": 8}
    if low < high:
        ax.plot([low, high], [TOP, TOP], lw=2, marker="|", **style)
        _write(ax, "paper's curves peak here", (low + high) / 2, TOP, where, "center", SHIFT)
    else:
        ax.plot(low, TOP, marker="v", linestyle="none", **style)
        _write(ax, "paper's curves peak", low, TOP, where, "left", 0)


def _write(ax: plt.Axes, text: str, x: float, y: float, where, side: str, up: int) -> None:
    """Writes left of a mark, or above it if `side` is center."""
    style = {"xycoords": where, "textcoords": "offset points"}
    if side == "left":
        style |= {"xytext": (-SHIFT - 2, up), "ha": "right", "va": "center"}
    else:
        style |= {"xytext": (0, up), "ha": "center", "va": "bottom"}
    ax.annotate(text, (x, y), **style).set_in_layout(False)
