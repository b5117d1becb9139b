"""The picture of `python -m ci.bench train`, from its CSV alone."""

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

from flanrepro.report.figures import COLORS, STYLE, new_figure, write_figure
from flanrepro.report.panels import add_legend

ENGINES = {
    "flanrepro": ("flanrepro", {"color": COLORS[0]}),
    "hugging_face": ("Hugging Face (PyTorch)", {"color": COLORS[4], "hatch": "///"}),
    "t5x": ("T5X", {"color": COLORS[2], "hatch": "\\\\\\"}),
}
OPTIMIZERS = {"adamw": "AdamW", "adafactor": "Adafactor"}
WIDTH = 0.4


def draw(folder: Path) -> list[Path]:
    """Draws `train.csv` of the folder as train.png and train.svg beside it; gives their paths."""
    path = folder / "train.csv"
    fig = figure(pd.read_csv(path))
    paths = write_figure(fig, folder, path.stem)
    plt.close(fig)
    return paths


def figure(table: pd.DataFrame) -> plt.Figure:
    """A panel per model; bars are medians, with lines from the slowest to the fastest round."""
    models = table["model"].unique()
    fig, axes = new_figure(len(models), size=(2.6 * len(models), 3.2))
    with mpl.rc_context(STYLE):
        for ax, model in zip(axes, models, strict=True):
            ax.margins(y=0.12)  # room for the ratios
            _panel(ax, table[table["model"] == model])
            ax.set(title=model, ylim=(0, None))
        axes[0].set(ylabel="useful tokens/s")
        add_legend(fig, axes, columns=len(axes))
    return fig


def _panel(ax: plt.Axes, rows: pd.DataFrame) -> None:
    optimizers = [name for name in OPTIMIZERS if name in set(rows["optimizer"])]
    for row in rows.itertuples():
        engines = [name for name in ENGINES if name in set(_of(rows, row.optimizer)["engine"])]
        place = engines.index(row.engine) - (len(engines) - 1) / 2
        x, y = optimizers.index(row.optimizer) + WIDTH * place, row.useful_tokens_per_s
        label, style = ENGINES[row.engine]
        ax.bar(x, y, WIDTH, label=label, edgecolor="black", linewidth=0.5, **style)
        spread = [[y - row.slowest], [row.fastest - y]]
        ax.errorbar(x, y, spread, fmt="none", color="black", lw=1, capsize=2)
        if row.engine == "flanrepro" and row.ratio == row.ratio:  # NaN if alone
            above = {"xytext": (0, 3), "textcoords": "offset points", "ha": "center"}
            ax.annotate(f"{row.ratio:.1f}x", (x, row.fastest), **above)
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.set_xticks(range(len(optimizers)), [OPTIMIZERS[name] for name in optimizers])
    ax.grid(axis="x", visible=False)
    ax.set_axisbelow(True)


def _of(rows: pd.DataFrame, optimizer: str) -> pd.DataFrame:
    return rows[rows["optimizer"] == optimizer]
