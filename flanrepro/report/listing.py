"""Draws a table as a figure: wrapped text, and words as coloured marks."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

from flanrepro.report.figures import LINE, POINTS, STYLE, new_figure

CHARACTER = 0.57 * POINTS / 72
"""Width of a character in inches; a little above the mean, so that a wrapped line fits."""

PAD = 0.05
"""Distance between a cell's text and its edges, in inches."""


@dataclass(frozen=True)
class Column:
    """A column of the drawing.

    Attributes:
        field: name of the table's column.
        title: text of the heading.
        width: width in inches.
        colors: colours by word or phrase; these are drawn as marks, other words and signs as text.
    """

    field: str
    title: str
    width: float
    colors: Mapping[str, str] | None = None

    @property
    def characters(self) -> int:
        return int((self.width - 2 * PAD) / CHARACTER)

    def wrapped(self, text: str) -> list[str]:
        """The lines of a text, wrapped to the width; its own line breaks stay."""
        lines = [textwrap.wrap(line, self.characters) or [""] for line in text.split("\n")]
        return [part for line in lines for part in line]

    def marks(self, text: str) -> list[list[str]]:
        """The phrases, words and signs of a text, in lines that fit; its line breaks stay."""
        # Longer phrases first: a word may begin one.
        phrases = sorted(map(re.escape, self.colors or ()), key=len, reverse=True)
        pattern = "|".join([*(rf"\b{phrase}\b" for phrase in phrases), r"\w+", r"[^\w\s]"])
        found = (re.findall(pattern, line) for line in text.split("\n"))
        return [filled for words in found for filled in self._filled(words)]

    def _filled(self, words: Sequence[str]) -> list[list[str]]:
        lines: list[list[str]] = [[]]
        for word in words:
            # A mark is wider than its word, by about 1.3 characters of padding and space.
            if lines[-1] and sum(len(w) + 1.3 for w in [*lines[-1], word]) > self.characters:
                lines.append([])
            lines[-1].append(word)
        return lines


def draw_table(
    table: pd.DataFrame, columns: Sequence[Column], shaded: Sequence[bool] = ()
) -> plt.Figure:
    """A figure with one band per row of the table, as high as its longest cell.

    Args:
        table: DataFrame with text in every cell.
        columns: columns to draw, from left to right.
        shaded: one bool per row, true for a grey background; empty: none.
    """
    rows = [
        [_lines(column, row[column.field]) for column in columns]
        for row in table.to_dict("records")
    ]
    heights = [max(map(len, cells)) * LINE + 2 * PAD for cells in rows]
    titles = [column.wrapped(column.title) for column in columns]
    head = max(map(len, titles)) * LINE + 2 * PAD
    width, height = sum(column.width for column in columns), head + sum(heights)
    # Axes units are inches, and the y axis points down: text needs no layout of its own.
    fig, (ax,) = new_figure(1, size=(width, height))
    fig.get_layout_engine().set(w_pad=0, h_pad=0)
    with mpl.rc_context(STYLE):
        ax.set(xlim=(0, width), ylim=(height, 0))
        ax.axis("off")
        _draw_row(ax, titles, columns, 0.0, weight="bold")
        top = head
        for i, (cells, high) in enumerate(zip(rows, heights, strict=True)):
            if len(shaded) and shaded[i]:
                ax.axhspan(top, top + high, color="0.92", linewidth=0, zorder=0)
            ax.axhline(top, color="0.6", linewidth=0.5)
            _draw_row(ax, cells, columns, top)
            top += high
    return fig


def _lines(column: Column, text: str) -> list:
    return column.marks(text) if column.colors else column.wrapped(text)


def _draw_row(ax: plt.Axes, cells: list[list], columns: Sequence[Column], top: float, **style):
    left = 0.0
    for column, lines in zip(columns, cells, strict=True):
        for n, line in enumerate(lines):
            where = left + PAD, top + PAD + (n + 0.5) * LINE
            if isinstance(line, str):
                _text(ax, *where, line, **style)
            else:
                _draw_marks(ax, *where, line, column.colors)
        left += column.width


def _draw_marks(ax: plt.Axes, x: float, y: float, words: list[str], colors: Mapping[str, str]):
    for word in words:
        box = {"boxstyle": "round,pad=0.1", "facecolor": colors.get(word, "none"), "linewidth": 0}
        color = "white" if word in colors else "black"
        # The next mark starts where this one really ends: characters differ in width.
        drawn = _text(ax, x + CHARACTER / 3, y, word, color=color, weight="bold", bbox=box)
        x += drawn.get_window_extent().width / ax.figure.dpi + CHARACTER


def _text(ax: plt.Axes, x: float, y: float, text: str, **style) -> mpl.text.Text:
    # Prompts about money have dollar signs, which matplotlib would read as formulas.
    return ax.text(x, y, text, fontsize=POINTS, va="center_baseline", parse_math=False, **style)
