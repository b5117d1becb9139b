"""Figure 6: validation scores while finetuning on one task, T5 and Flan-T5 (section 4)."""

import matplotlib.pyplot as plt
import pandas as pd

from flanrepro.report.figure5 import named_targets
from flanrepro.report.panels import draw_lines
from flanrepro.report.statistics import over_seeds

STATES = {"untuned": "T5", "tuned": "Flan-T5"}


def table(curves: pd.DataFrame) -> pd.DataFrame:
    """One row per point of the figure, and of the targets that the figure leaves out.

    Args:
        curves: of `flanrepro.experiments.single_task.curves`.

    Returns:
        group, target, metric (Table 3's), state (`untuned`: from T5; `tuned`: from Flan-T5), step,
        value on the validation split (mean over seeds, in per cent), low and high (95 % t-interval
        over seeds; empty for one seed), seeds, runs.
    """
    return over_seeds(curves, ["group", "target", "metric", "state", "step"], value="validation")


def draw(table: pd.DataFrame, group: str = "held_out") -> plt.Figure:
    """The figure from `table`: a panel per target of a group, a line per start.

    Args:
        table: where no target of the group is there, as some data sets have to be asked for, all
            are drawn.
        group: `held_out` as the paper has it, or `held_in` or `little`.
    """
    of_group = table[table["group"] == group]
    shown = of_group if len(of_group) else table
    titles = {target: f"{name} ({of})" for target, (name, of) in named_targets(shown).items()}
    size = (2.3 * max(len(titles), 2), 2.8)
    fig = draw_lines(shown, "step", ("target", titles), ("state", STATES), size=size)
    for ax in fig.axes:
        ax.set_xlabel("finetuning steps")
        ax.xaxis.get_major_locator().set_params(integer=True)
    fig.axes[0].set_ylabel("validation score (%)")
    return fig
