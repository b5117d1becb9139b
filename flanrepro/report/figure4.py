"""Figure 4: scores over the number of training tasks, by size of the model (section 3.3)."""

import matplotlib.pyplot as plt
import pandas as pd

from flanrepro.model.sizes import SIZES
from flanrepro.report.panels import SUITES, draw_lines
from flanrepro.report.statistics import over_seeds

PANELS = {"held_in": "Held-In", "mmlu": "Held-Out (MMLU)"}


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """One row per point of the figure.

    Args:
        scores: `flanrepro.experiments.results.scores` of `task_scaling`.

    Returns:
        setting (of the evaluation), suite, model, tasks (number trained on), value (mean over
        seeds, in per cent), low and high (95 % t-interval over seeds; empty for one seed), chance,
        n items, seeds, runs.
    """
    keys = ["setting", "suite", "model", "tasks"]
    order = {"model": list(SIZES), "suite": list(SUITES)}
    return over_seeds(scores, keys).sort_values(
        keys,
        key=lambda column: column.map(order[column.name].index) if column.name in order else column,
        ignore_index=True,
    )


def draw(table: pd.DataFrame) -> plt.Figure:
    """The figure from `table`: Held-In and, where it is there, MMLU, evaluated zero-shot as the
    paper's is; a line per size, a gold star at each size's peak."""
    shown = table[(table["setting"] == "zero_shot") & table["suite"].isin(PANELS)]
    sizes = {size: f"T5-{size}" for size in dict.fromkeys(shown["model"])}
    fig = draw_lines(shown, "tasks", ("suite", PANELS), ("model", sizes))
    ticks = sorted(set(shown["tasks"]))
    for ax in fig.axes:
        ax.set(xscale="log", xlabel="training tasks")
        ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        ax.minorticks_off()
    fig.axes[0].set_ylabel("score (%)")
    return fig
