"""The picture of the roofline, from its CSV alone: `python -m ci.bench.roofline_picture`."""

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from ci.bench.common import OUT
from ci.bench.costs import rented
from flanrepro.report.figures import COLORS, MARKERS, STYLE, new_figure, write_figure
from flanrepro.report.panels import add_legend

DEVICE = "h100"
OTHERS = ("a100", "v5e")
WIDTH = (0.5, 3000)
"""FLOPs per byte from left to right."""


def draw(folder: Path) -> list[Path]:
    """Draws `roofline.csv` of the folder as roofline.png and roofline.svg; gives their paths."""
    fig = figure(pd.read_csv(folder / "roofline.csv"))
    paths = write_figure(fig, folder, "roofline")
    plt.close(fig)
    return paths


def figure(table: pd.DataFrame) -> plt.Figure:
    """A panel per number of rows: roofs of three devices, and each size on the H100's.

    A size's line begins where no operation is fused, its mark is where all is fused into the
    products, and its end where attention's pairs stay on the chip.
    """
    fig, axes = new_figure(2, size=(7.4, 3.6), sharey=True)
    devices = rented()
    with mpl.rc_context(STYLE):
        for ax, rows in zip(axes, sorted(table["rows"].unique(), reverse=True), strict=True):
            for name, style in zip((DEVICE, *OTHERS), ("-", "--", ":"), strict=True):
                x = np.geomspace(*WIDTH, 200)
                ax.plot(x, _roof(devices.loc[name], x), style, color="black", lw=1, label=name)
            own = table[(table["rows"] == rows) & (table["device"] == DEVICE)]
            for i, row in enumerate(own.itertuples()):
                _size(ax, row, devices.loc[DEVICE], COLORS[i % len(COLORS)], MARKERS[i % 5], i)
            name = "a row per device" if rows == 1 else f"{rows} rows on one device"
            ax.set(xscale="log", yscale="log", title=name, xlabel="FLOPs per byte", xlim=WIDTH)
        axes[0].set(ylabel="TFLOP/s at most")
        add_legend(fig, axes, columns=5)
    return fig


def _roof(device: pd.Series, intensity: np.ndarray | float) -> np.ndarray | float:
    """TFLOP/s at most."""
    return np.minimum(device["flops"], device["bandwidth"] * intensity) / 1e12


def _size(ax: plt.Axes, row, device: pd.Series, color: str, marker: str, place: int) -> None:
    # Lines lie a little below the roof, one under the other, since all are on it.
    ends = np.array([row.intensity_unfused, row.intensity_on_chip])
    below = 0.82 * 0.8**place
    x = np.geomspace(*ends, 50)
    ax.plot(x, below * _roof(device, x), color=color, lw=1)
    middle = row.intensity_fused
    style = {"color": color, "marker": marker, "label": row.model, "linestyle": "none"}
    ax.plot(middle, below * _roof(device, middle), **style)


if __name__ == "__main__":
    print(*draw(OUT), sep="\n")
