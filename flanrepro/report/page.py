"""What a notebook shows on its page: tables with full, wrapped text and a colour per verdict.

pandas' own tables cut long text, and its Styler needs another package and a style sheet, which
some viewers of notebooks leave out. So styles stand in the elements themselves. A table takes its
colours from the page, and marks bring their own, so that both can be read on light and dark ones.
"""

import html
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.colors import to_hex, to_rgb

LEFT = "text-align:left;vertical-align:top;padding:2px 8px"
WRAP = "white-space:pre-line;overflow-wrap:break-word"
SOFT = "white-space:pre-wrap;word-break:normal;overflow-wrap:break-word;margin:0;padding:0"


@dataclass(frozen=True, repr=False)
class Page:
    """A cell's value: HTML for a notebook's page, and plain text where there is none."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def mark(text: str, color: str) -> str:
    """HTML of a word on a colour of its own, in black or white, whichever is easier to read."""
    return (
        f'<span style="background:{to_hex(color)};color:{_ink(color)};font-weight:bold;'
        f'padding:1px 6px;border-radius:4px;white-space:nowrap">{html.escape(text)}</span>'
    )


def _ink(color: str) -> str:
    """`black` or `white`: the one with the higher contrast (WCAG 2's ratio)."""
    parts = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color))
    luminance = sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), parts, strict=True))
    return "black" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "white"


def marked(text: str, colors: Mapping[str, str]) -> str:
    """HTML of a text; it is a mark if it has a colour."""
    return mark(text, colors[text]) if text in colors else escaped(text)


def escaped(text: str) -> str:
    """HTML of a text, in which a long name may be broken behind its underscores."""
    return html.escape(text).replace("_", "_<wbr>")


def unbroken(text: str) -> str:
    """HTML of a text that stays in one line."""
    return f'<span style="white-space:nowrap">{html.escape(text)}</span>'


def cell(inside: str, tag: str = "td", span: int = 1) -> str:
    """HTML of one cell, from the HTML inside; its text is wrapped, and its line breaks stay."""
    of = f' colspan="{span}"' if span > 1 else ""
    return f'<{tag}{of} style="{LEFT};{WRAP}">{inside}</{tag}>'


def whole(head: Sequence[str], rows: Sequence[str]) -> str:
    """HTML of a table, from the titles of its columns and the HTML of the cells of each row."""
    titles = "".join(cell(html.escape(title), "th") for title in head)
    lines = [f"<thead><tr>{titles}</tr></thead>"] if head else []
    lines += ["<tbody>", *(f"<tr>{row}</tr>" for row in rows), "</tbody>"]
    return "\n".join(['<table style="max-width:100%">', *lines, "</table>"])


def table(rows: pd.DataFrame, colors: Mapping[str, str] | None = None) -> Page:
    """A table of texts, each of them whole; the index is left out.

    Args:
        rows: DataFrame of texts and numbers; a missing value is an empty cell.
        colors: colours by text; a cell that holds one of these texts alone is drawn as a mark.
    """
    texts = rows.astype(object).where(rows.notna(), "").astype(str)
    lines = [
        "".join(cell(marked(text, colors or {})) for text in row)
        for row in texts.itertuples(index=False)
    ]
    # The plain text has a line per row, however long: nothing is cut there, either.
    said = [" | ".join(row) for row in (list(texts.columns), *texts.itertuples(index=False))]
    return Page(whole(list(texts.columns), lines), "\n".join(said))


def listed(sentences: Sequence[str]) -> Page:
    """Sentences as a list."""
    items = [f"<li>{html.escape(one)}</li>" for one in sentences]
    return Page("\n".join(["<ul>", *items, "</ul>"]), "\n".join(f"- {one}" for one in sentences))


def print_text(*texts: str) -> None:
    """Prints texts; on a notebook's page, a long line is broken between words.

    JupyterLab breaks what `print` prints within words. A line's own end stays one, and no other is
    added, since a model reads both.
    """
    from IPython.display import display

    text = "\n".join(texts)
    display(Page(f'<pre style="{SOFT}">{html.escape(text)}</pre>', text))


def print_paths(paths: Sequence[Path]) -> None:
    """Prints where files lie, seen from the current folder, with their kinds."""
    for path in paths:
        print(f"{path.suffix[1:]}: {os.path.relpath(path)}")
