"""Makes and saves figures: PNG, SVG and the CSV behind them, the same bytes every time."""

import functools
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

from flanrepro.experiments.profiles import Job
from flanrepro.whole import write_whole

# Okabe and Ito's palette, which colour-blind readers can tell apart; markers differ too, for print.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v")

STYLE = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "font.size": 9,
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "svg.hashsalt": "flanrepro",  # ids in an SVG are random without it
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
    with mpl.rc_context(STYLE):
        fig, axes = plt.subplots(
            1, columns, figsize=size, layout="constrained", squeeze=False, **kwargs
        )
    return fig, list(axes[0])


def save_figure(fig: plt.Figure, table: pd.DataFrame, job: Job, name: str) -> list[Path]:
    """Writes a figure of a job as PNG, SVG and CSV into its folder of figures.

    Args:
        fig: figure that is drawn from `table`.
        table: DataFrame behind the figure.
        job: notebook parameters; they name the folder and, with `name`, the files.
        name: name of the files without the collection, e.g. `figure_3`.

    Returns:
        paths of `<name>_<collection>`.png, .svg and .csv; each file is whole.
    """
    return [*write_figure(fig, job.figures, _file(job, name)), save_table(table, job, name)]


def save_table(table: pd.DataFrame, job: Job, name: str) -> Path:
    """Writes `<name>_<collection>`.csv into a job's folder of figures and returns its path."""
    path = job.figures / f"{_file(job, name)}.csv"
    write_whole(path, table.to_csv(index=False, float_format="%.4f"))
    return path


def _file(job: Job, name: str) -> str:
    return f"{name}_{job.collection}"


def write_figure(fig: plt.Figure, folder: Path, name: str) -> list[Path]:
    """Writes `name`.png and .svg into `folder` and returns their paths; a file is whole."""
    drawn = []
    with mpl.rc_context(STYLE):
        _settle(fig)
        # Without version and date in their metadata, equal figures are equal files.
        for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
            drawn.append(folder / f"{name}.{kind}")
            write_whole(drawn[-1], functools.partial(fig.savefig, format=kind, metadata=metadata))
    return drawn


def _settle(fig: plt.Figure) -> None:
    """Fixes the layout of a figure, rounded."""
    # The last digits of the layout solver vary, and an SVG derives the ids of its parts from them.
    fig.draw_without_rendering()
    fig.set_layout_engine("none")
    for ax in fig.axes:
        ax.set_position([round(edge, 6) for edge in ax.get_position().bounds])
