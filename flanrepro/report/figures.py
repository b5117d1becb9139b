"""Makes and saves figures: PNG, SVG and the CSV behind them, the same bytes every time."""

import functools
import io
import sys
import textwrap
import weakref
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from PIL import Image

from flanrepro.experiments.profiles import Job
from flanrepro.report.provenance import SMOKE, provenance
from flanrepro.whole import write_whole

# Okabe and Ito's palette, which colour-blind readers can tell apart; markers differ too, for print.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v")

POINTS = 9
"""Size of the smallest text, which a projector still shows."""

LINE = 1.3 * POINTS / 72
"""Height of a line of such text in inches."""

CHARACTERS = 14
"""Characters of such text per inch."""

DPI = 200
SHADES = 128
"""Number of colours of a PNG: its file is a third of one with all of them."""

_MADE: weakref.WeakSet = weakref.WeakSet()
"""The figures of `new_figure` that are still there."""

SAID = "said"
"""The id of the line that says what a figure shows."""

STYLE = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "font.size": POINTS,
    "figure.dpi": 100,
    "savefig.dpi": DPI,
    "svg.hashsalt": "flanrepro",  # ids in an SVG are random without it
    # Text stays text: it can be searched and read aloud, and the file is a quarter of one with
    # outlines. Verdana is as wide as DejaVu Sans, the font that the layout is made for.
    "svg.fonttype": "none",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
}


def new_figure(
    columns: int, size: tuple[float, float] | None = None, **kwargs
) -> tuple[plt.Figure, list[plt.Axes]]:
    """A figure of `columns` panels side by side, of 3.4 x 3 inches each, or of `size` in all."""
    size = size or (3.4 * columns, 3.0)
    if not plt.get_fignums():
        # On loading, a notebook's backend turns on the display of figures. If the first figure
        # loaded it inside `rc_context`, the context's end would turn the display off again.
        plt.switch_backend(mpl.get_backend())
        _show_as_saved()
    with mpl.rc_context(STYLE):
        fig, axes = plt.subplots(
            1, columns, figsize=size, layout="constrained", squeeze=False, **kwargs
        )
    _MADE.add(fig)
    return fig, list(axes[0])


def save_figure(
    fig: plt.Figure, table: pd.DataFrame, job: Job, name: str, folder: Path | None = None
) -> list[Path]:
    """Writes a figure of a job as PNG, SVG and CSV.

    The figure gets a line below that says what it shows, see `flanrepro.report.provenance`, and at
    profile `smoke` a watermark.

    Args:
        fig: figure that is drawn from `table`.
        table: DataFrame behind the figure. Intervals are written as computed, also where the
            drawing ends them at what a score can be.
        job: notebook parameters; they name the folder and, with `name`, the files.
        name: name of the files without the collection, e.g. `figure_3`.
        folder: folder to write to; None: the job's folder of figures.

    Returns:
        paths of `<name>_<collection>`.png, .svg and .csv; each file is whole.
    """
    with mpl.rc_context(STYLE):
        _settle(fig)
        if not any(text.get_gid() == SAID for text in fig.texts):  # it was not saved before
            _write_below(fig, provenance(table, job, name))
            if job.profile == "smoke":
                _mark_across(fig, SMOKE)
    written = write_figure(fig, folder or job.figures, _file(job, name))
    return [*written, save_table(table, job, name, folder)]


def save_table(table: pd.DataFrame, job: Job, name: str, folder: Path | None = None) -> Path:
    """Writes `<name>_<collection>`.csv into a job's folder of figures, or another one."""
    path = (folder or job.figures) / f"{_file(job, name)}.csv"
    write_whole(path, table.to_csv(index=False, float_format="%.4f"))
    return path


def _file(job: Job, name: str) -> str:
    return f"{name}_{job.collection}"


def write_figure(fig: plt.Figure, folder: Path, name: str) -> list[Path]:
    """Writes `name`.png and .svg into `folder` and returns their paths; a file is whole."""
    paths = [folder / f"{name}.{kind}" for kind in ("png", "svg")]
    with mpl.rc_context(STYLE):
        _settle(fig)
        write_whole(paths[0], png(fig))
        # Without version and date in their metadata, equal figures are equal files.
        write = functools.partial(fig.savefig, format="svg", metadata={"Date": None})
        write_whole(paths[1], write)
    return paths


def png(fig: plt.Figure) -> bytes:
    """A figure as PNG of `DPI` dots per inch and at most `SHADES` colours."""
    drawn, small = io.BytesIO(), io.BytesIO()
    with mpl.rc_context(STYLE):
        fig.savefig(drawn, format="png", pil_kwargs={"compress_level": 0})
    # Dots between two shades of a smooth edge are no picture's content, and cost a third more.
    image = Image.open(drawn).convert("RGB").quantize(SHADES, dither=Image.Dither.NONE)
    image.save(small, format="png", optimize=True, dpi=(DPI, DPI))
    return small.getvalue()


def _show_as_saved() -> None:
    """Lets a notebook show our figures with all dots of their files, at 100 to the inch."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None and shell.display_formatter is not None:
        formatter = shell.display_formatter.formatters["image/png"]
        formatter.for_type(mpl.figure.Figure, _shown)


def _shown(fig: plt.Figure) -> bytes | tuple[bytes, dict[str, int]]:
    if fig not in _MADE:  # the user's own keep the way of their notebook
        from IPython.core.pylabtools import print_figure

        return print_figure(fig)
    width, height = (int(100 * inches) for inches in fig.get_size_inches())
    return png(fig), {"width": width, "height": height}


def _settle(fig: plt.Figure) -> None:
    """Fixes the layout of a figure, rounded."""
    # The last digits of the layout solver vary, and an SVG derives the ids of its parts from them.
    # Where an engine was, and has done its work, there is a placeholder.
    if not isinstance(fig.get_layout_engine(), PlaceHolderLayoutEngine):
        fig.draw_without_rendering()
        fig.set_layout_engine("none")
    for ax in fig.axes:
        ax.set_position([round(edge, 6) for edge in ax.get_position().bounds])


def _write_below(fig: plt.Figure, said: str) -> None:
    """Adds a text below all that a settled figure has; the figure grows by its height."""
    # Lines end between parts: inside one, a space does not break.
    parts = "; ".join(part.replace(" ", "\xa0") for part in said.split("; "))
    width = int(CHARACTERS * fig.get_figwidth())
    lines = textwrap.wrap(parts, width, break_on_hyphens=False)
    text = "\n".join(lines).replace("\xa0", " ")
    old, grown = fig.get_figheight(), LINE * (len(lines) + 0.5)
    anchors = [
        legend.get_bbox_to_anchor().transformed(fig.transFigure.inverted())
        for legend in fig.legends
    ]
    fig.set_figheight(old + grown)

    def raised(y: float) -> float:
        return round((y * old + grown) / (old + grown), 6)

    for ax in fig.axes:
        left, bottom, width, height = ax.get_position().bounds
        ax.set_position([left, raised(bottom), width, round(height * old / (old + grown), 6)])
    for legend, box in zip(fig.legends, anchors, strict=True):
        high = raised(box.y1) - raised(box.y0)
        legend.set_bbox_to_anchor((box.x0, raised(box.y0), box.width, high), fig.transFigure)
    for other in fig.texts:
        other.set_y(raised(other.get_position()[1]))
    place = (0.1 / fig.get_figwidth(), LINE / 3 / fig.get_figheight())
    fig.text(*place, text, fontsize=POINTS, color="0.3", va="bottom", parse_math=False, gid=SAID)


def _mark_across(fig: plt.Figure, said: str) -> None:
    """Writes across a figure, so that no copy of it is taken for a result."""
    width, height = fig.get_size_inches()
    size = min(36, 72 * width / (0.6 * len(said)))  # as wide as the figure at most
    style = {"fontsize": size, "color": "0.2", "alpha": 0.25, "zorder": 10, "weight": "bold"}
    fig.text(
        0.5, 0.5, said, ha="center", va="center", rotation=min(12, 60 * height / width), **style
    )
