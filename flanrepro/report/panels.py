"""Parts that figures share: titles of suites and settings, lines with bands and stars, bars."""

from collections.abc import Mapping

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from flanrepro.report.figures import COLORS, MARKERS, STYLE, new_figure

SETTINGS = {"zero_shot": "Zero-shot evaluation", "few_shot": "Few-shot evaluation"}
SUITES = {
    "held_in": "Held-In",
    "cot": "CoT",
    "mmlu": "MMLU",
    "bbh": "BBH",
    "bbh_cot": "BBH-CoT",
}
"""The suites' names in Table 1, in its order."""

GROUPS = {"held_in": "Held-In", "held_out": "Held-Out", "little": "Little data"}
"""The names of the groups of finetuning targets."""

SHORT = 7
"""Number of characters of a name below bars up to which it is written level."""


def there(names: Mapping[str, str], values: pd.Series) -> dict[str, str]:
    """The entries of `names` whose keys are among the values, in the order of `names`."""
    found = set(values)
    return {key: name for key, name in names.items() if key in found}


PAPER = {
    "marker": "D",
    "linestyle": "none",
    "markersize": 4.5,
    "markerfacecolor": "white",
    "markeredgecolor": "black",
    "zorder": 3,
}
"""How the paper's numbers are drawn, on bars of any colour."""


def drawn_interval(table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """The ends of intervals as they are drawn: not beyond what a score in per cent can be.

    A t-interval of few seeds may go further. Statistics and CSVs keep it as computed.

    Args:
        table: DataFrame with low and high. With a column `metric`, what can be negative, a
            correlation or a difference of scores, begins at -100.
    """
    signed = (
        table["metric"].isin(["spearman", "difference"])
        if "metric" in table
        else np.zeros(len(table), bool)
    )
    floor = np.where(signed, -100.0, 0.0)
    return table["low"].clip(floor, 100.0), table["high"].clip(floor, 100.0)


def add_chance(ax: plt.Axes, place: float, value: float) -> None:
    """Adds a dashed line at chance, in per cent, across the bars or points at `place` on x."""
    ax.hlines(value, place - 0.4, place + 0.4, color="gray", linestyle="--", linewidth=1)


def draw_lines(
    table: pd.DataFrame,
    x: str,
    panels: tuple[str, Mapping[str, str]],
    lines: tuple[str, Mapping[str, str]],
    **figure,
) -> plt.Figure:
    """Draws a panel per key of one column, with a line per key of another over the column `x`.

    Bands are 95 % intervals over seeds if there are several. A star marks each line's peak, if it
    is not flat. Dotted lines are chance, in grey if all lines share it.

    Args:
        table: DataFrame with a row per point: `x`, value, low, high, and chance if known.
        x: name of a numeric column.
        panels, lines: name of a column, and titles by its keys; missing keys are not drawn.
        figure: keyword arguments of `flanrepro.report.figures.new_figure`.
    """
    (of_panel, titles), (of_line, labels) = panels, lines
    titles, labels = there(titles, table[of_panel]), there(labels, table[of_line])
    fig, axes = new_figure(len(titles), **figure)
    with mpl.rc_context(STYLE):
        for ax, (key, title) in zip(axes, titles.items(), strict=True):
            panel = table[table[of_panel] == key].sort_values(x)
            # The colour goes by the place among all keys, so it is the same if others are missing.
            for place, name in enumerate(lines[1]):
                line = panel[panel[of_line] == name]
                if len(line):
                    _draw_line(ax, line, x, place % len(COLORS), labels[name])
            if "chance" in table:
                _draw_chance(ax, panel, of_line, list(lines[1]))
            ax.set(title=title)
        add_legend(fig, axes)
    return fig


def draw_bars(
    ax: plt.Axes,
    table: pd.DataFrame,
    groups: tuple[str, Mapping[str, str]],
    bars: tuple[str, Mapping[str, tuple[str, dict]]],
) -> dict[str, np.ndarray]:
    """Draws groups of bars with 95 % intervals over seeds.

    Args:
        ax: axes to draw on.
        table: DataFrame with a row per group and bar: value, low, high; a missing row is no bar.
        groups: name of a column, and names for the axis by its keys.
        bars: name of a column, and labels and styles by its keys.

    Returns:
        positions on the x axis by bar's key; groups are 1 apart.
    """
    (of_group, names), (of_bar, styles) = groups, bars
    width, places = 0.8 / len(styles), {}  # 0.2 is left between groups
    for i, (key, (label, style)) in enumerate(styles.items()):
        shown = table[table[of_bar] == key].set_index(of_group).reindex(names)
        places[key] = np.arange(len(shown)) + (i - (len(styles) - 1) / 2) * width
        low, high = drawn_interval(shown)
        error = np.array([shown["value"] - low, high - shown["value"]], float)
        edge = {"edgecolor": "black", "linewidth": 0.5}
        ax.bar(places[key], shown["value"], width, label=label, **edge, **style)
        ax.errorbar(places[key], shown["value"], error, fmt="none", color="black", lw=1, capsize=2)
    slanted = {"rotation": 60, "ha": "right", "va": "top", "rotation_mode": "anchor"}
    # Short names have room side by side.
    style = slanted if max(map(len, names.values()), default=0) > SHORT else {}
    ax.set_xticks(range(len(names)), names.values(), **style)
    ax.grid(axis="x", visible=False)
    ax.set_axisbelow(True)  # grid lines behind the bars
    return places


def add_legend(fig: plt.Figure, axes: list[plt.Axes], columns: int = 5) -> None:
    """Adds one legend below all panels, with every label once."""
    found = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    fig.legend(found.values(), found, loc="outside lower center", ncols=columns)


def add_band(ax: plt.Axes, line: pd.DataFrame, x: str, color: str) -> None:
    """Adds the 95 % interval around a line; none where the line has one seed."""
    low, high = drawn_interval(line)
    ax.fill_between(line[x], low, high, color=color, alpha=0.15, linewidth=0)


def _draw_line(ax: plt.Axes, line: pd.DataFrame, x: str, style: int, label: str) -> None:
    color, marker = COLORS[style], MARKERS[style]
    ax.plot(line[x], line["value"], color=color, marker=marker, markersize=4, label=label)
    add_band(ax, line, x, color)
    if line["value"].nunique() > 1:  # on a flat line, the first point would look like a peak
        peak = line.loc[line["value"].idxmax()]
        star = {"marker": "*", "markersize": 13, "color": "gold", "mec": color, "mew": 1.2}
        ax.plot(peak[x], peak["value"], linestyle="none", zorder=4, **star)


def _draw_chance(ax: plt.Axes, panel: pd.DataFrame, of_line: str, names: list[str]) -> None:
    chance = panel.groupby(of_line, sort=False)["chance"].mean()
    shared = chance.nunique() == 1
    for name, value in (chance.iloc[:1] if shared else chance).items():
        color = "gray" if shared else COLORS[names.index(name) % len(COLORS)]
        ax.axhline(value, color=color, linestyle=":", linewidth=1)
