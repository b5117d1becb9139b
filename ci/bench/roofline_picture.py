"""The picture of the roofline, from its CSV alone: `python -m ci.bench.roofline_picture`."""

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from ci.bench.common import OUT
from ci.bench.costs import rented
from ci.bench.scaling_page import SHOWN
from flanrepro.report.figures import COLORS, MARKERS, STYLE, new_figure, write_figure
from flanrepro.report.panels import add_legend

ROOFS = {"h100": "-", "a100": "--", "v5e": ":"}
SIZES = ("small", "base", "large", "xl", "xxl")
WIDTH = (10, 3000)
"""FLOPs per byte from left to right."""


def draw(folder: Path) -> list[Path]:
    """Draws `roofline.csv` of the folder as roofline.png and roofline.svg; gives their paths."""
    fig = figure(pd.read_csv(folder / "roofline.csv"))
    paths = write_figure(fig, folder, "roofline")
    plt.close(fig)
    return paths


def figure(table: pd.DataFrame) -> plt.Figure:
    """A panel per number of rows: roofs of three devices, and T5's sizes on the H100's.

    A size has a full mark where all is fused into the products, and an open one where attention's
    pairs stay on the chip, too.
    """
    fig, axes = new_figure(2, size=(7.4, 3.6), sharey=True)
    devices = rented()
    with mpl.rc_context(STYLE):
        for ax, rows in zip(axes, sorted(table["rows"].unique(), reverse=True), strict=True):
            x = np.geomspace(*WIDTH, 200)
            for name, style in ROOFS.items():
                ax.plot(x, _roof(devices.loc[name], x), style, color="black", label=SHOWN[name])
            own = table[(table["rows"] == rows) & (table["device"] == "h100")].set_index("model")
            for name, color, marker in zip(SIZES, COLORS, MARKERS, strict=True):
                style = {"color": color, "marker": marker, "linestyle": "none", "zorder": 3}
                for way, filled in (("fused", color), ("on_chip", "white")):
                    at = own.loc[name, f"intensity_{way}"]
                    label = name if way == "fused" else None
                    y = _roof(devices.loc["h100"], at)
                    ax.plot(at, y, label=label, markerfacecolor=filled, **style)
            title = "a row per device" if rows == 1 else f"{rows} rows on one device"
            ax.set(xscale="log", yscale="log", title=title, xlabel="FLOPs per byte", xlim=WIDTH)
        axes[0].set(ylabel="TFLOP/s at most")
        add_legend(fig, axes, columns=4)
    return fig


def _roof(device: pd.Series, intensity: np.ndarray | float) -> np.ndarray | float:
    """TFLOP/s at most."""
    return np.minimum(device["flops"], device["bandwidth"] * intensity) / 1e12


if __name__ == "__main__":
    print(*draw(OUT), sep="\n")
