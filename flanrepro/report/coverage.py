"""Which tasks a number is a mean of, where some are not here: in tables, CSVs and captions."""

import textwrap

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

from flanrepro.experiments.scores import COVERAGE
from flanrepro.report.figures import CHARACTERS, LINE, POINTS, STYLE
from flanrepro.report.panels import GROUPS, SETTINGS, SUITES

NAMES = SUITES | {"single_task": "Single tasks"}


def columns(table: pd.DataFrame) -> list[str]:
    """The columns `COVERAGE` that a table has: all of them, or none if no task is missing."""
    return [name for name in COVERAGE if name in table]


def of_rows(rows: pd.DataFrame) -> dict[str, str]:
    """The columns `COVERAGE` of a mean over rows: each different text once."""
    return {
        name: "; ".join(dict.fromkeys(text for text in rows[name] if _said(text)))
        for name in columns(rows)
    }


def _said(text: object) -> bool:
    return isinstance(text, str) and bool(text)  # NaN: a row without a score of ours


def notes(table: pd.DataFrame) -> list[str]:
    """A sentence per suite and setting, or group of targets, that is not whole.

    Args:
        table: DataFrame of a figure or table, with `suite` and `setting`, or `group`.
    """
    said: dict[str, dict[str, None]] = {}
    for row in table.to_dict("records"):
        if _said(row.get("left_out")):
            what, setting = _named(row)
            text = ": ".join(row[name] for name in COVERAGE if _said(row.get(name)))
            said.setdefault(f"{what}\n{text}", {})[setting] = None
    return [_sentence(*key.split("\n"), [s for s in of if s]) for key, of in said.items()]


def said(table: pd.DataFrame, every: str = "Every task of every suite was evaluated.") -> str:
    """The sentences of `notes`, a line each; `every` if there are none."""
    return "\n".join(notes(table) or [every])


def _named(row: dict) -> tuple[str, str]:
    if "suite" not in row:
        return GROUPS.get(row["group"], row["group"]), ""
    setting = SETTINGS[row["setting"]].split()[0].lower() if "setting" in row else ""
    return NAMES.get(row["suite"], row["suite"]), setting


def _sentence(what: str, text: str, settings: list[str]) -> str:
    both = len(settings) == len(SETTINGS)
    return f"{' '.join([what, *([] if both else settings)])}, {text}."


def caption(fig: plt.Figure, table: pd.DataFrame) -> plt.Figure:
    """Writes the notes below a figure; one whose suites are whole stays as it is."""
    if said := notes(table):
        width = int(CHARACTERS * fig.get_size_inches()[0])
        lines = [line for note in said for line in textwrap.wrap(note, width)]
        high = LINE * (len(lines) + 1)
        fig.set_size_inches(fig.get_figwidth(), fig.get_figheight() + high)
        # From bottom to top: notes, legend, axes. The layout would draw the first two in one place,
        # and keeps no room for a legend that is moved.
        below = high / fig.get_figheight()
        for legend in fig.legends:
            tall = legend.get_window_extent().height / fig.bbox.height
            legend.set_bbox_to_anchor((0, below, 1, 1 - below))
            below += tall + LINE / fig.get_figheight()
        fig.get_layout_engine().set(rect=(0, below, 1, 1 - below))
        with mpl.rc_context(STYLE):
            fig.text(0.01, LINE / 2 / fig.get_figheight(), "\n".join(lines), fontsize=POINTS)
    return fig
