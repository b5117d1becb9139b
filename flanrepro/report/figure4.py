"""Figure 4: scores over the number of training tasks, by size of the model (section 3.3)."""

import matplotlib.pyplot as plt
import pandas as pd

from flanrepro.model.sizes import SIZES
from flanrepro.report.coverage import caption
from flanrepro.report.panels import SUITES, draw_lines, there
from flanrepro.report.paper import published
from flanrepro.report.peaks import draw_stated
from flanrepro.report.statistics import over_seeds

PANELS = {"held_in": "Held-In", "mmlu": "Held-Out (MMLU)"}


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per point of the figure.

    Args:
        scores: DataFrame of `flanrepro.experiments.results.scores` for `task_scaling`.

    Returns:
        setting (of evaluation), suite, model, tasks (number of training tasks), and the other
        columns of `flanrepro.report.statistics.over_seeds`, in per cent.
    """
    keys = ["setting", "suite", "model", "tasks"]
    # Sizes and suites have an order of their own, which is not the alphabet's.
    order = {"model": list(SIZES), "suite": list(SUITES)}
    return over_seeds(scores, keys).sort_values(
        keys,
        key=lambda column: column.map(order[column.name].index) if column.name in order else column,
        ignore_index=True,
    )


def draw(table: pd.DataFrame) -> plt.Figure:
    """Draws a panel for Held-In and, if evaluated, one for MMLU, with a line per model size.

    The paper's points are printed nowhere: the peaks that its text names and the bound of its MMLU
    score are drawn instead, see `flanrepro.report.paper.published`.
    """
    # Zero-shot only: the authors say that their Figure 4 is.
    shown = table[(table["setting"] == "zero_shot") & table["suite"].isin(PANELS)]
    sizes = {size: f"T5-{size}" for size in dict.fromkeys(shown["model"])}
    fig = draw_lines(shown, "tasks", ("suite", PANELS), ("model", sizes))
    ticks = sorted(set(shown["tasks"]))
    stated = published("figure_4")
    suites = there(PANELS, shown["suite"])
    draw_stated(fig, [stated[stated["suite"] == suite] for suite in suites])
    for ax in fig.axes:
        ax.set(xscale="log", xlabel="training tasks")
        ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        ax.minorticks_off()  # a log axis would label them between the numbers of tasks
    fig.axes[0].set_ylabel("score (%)")
    return caption(fig, shown)
