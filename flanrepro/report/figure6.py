"""Figure 6: validation scores while finetuning on one task, T5 and Flan-T5 (section 4)."""

import matplotlib.pyplot as plt
import pandas as pd

from flanrepro.report.coverage import caption
from flanrepro.report.figure5 import named_targets
from flanrepro.report.panels import draw_lines
from flanrepro.report.statistics import over_seeds

STATES = {"untuned": "T5", "tuned": "Flan-T5"}


def table(curves: pd.DataFrame) -> pd.DataFrame:
    """A row per point of the figure, also for the targets that the figure leaves out.

    Args:
        curves: DataFrame of `flanrepro.experiments.single_task.curves`.

    Returns:
        group, target, metric (Table 3's), state (`untuned`: from T5; `tuned`: from Flan-T5), step,
        and the other columns of `flanrepro.report.statistics.over_seeds`; value is the validation
        score in per cent.
    """
    return over_seeds(curves, ["group", "target", "metric", "state", "step"], value="validation")


def draw(table: pd.DataFrame, group: str = "held_out") -> plt.Figure:
    """Draws a panel per target of a group, with a line per start.

    Args:
        table: DataFrame of `table`.
        group: `held_out`, as in the paper, or `held_in` or `little`.
    """
    of_group = table[table["group"] == group]
    # Some held-out data sets must be requested from their owners: without any, all targets show.
    shown = of_group if len(of_group) else table
    titles = {target: f"{name} ({of})" for target, (name, of) in named_targets(shown).items()}
    size = (2.3 * max(len(titles), 2), 2.8)
    fig = draw_lines(shown, "step", ("target", titles), ("state", STATES), size=size)
    for ax in fig.axes:
        ax.set_xlabel("finetuning steps")
        ax.xaxis.get_major_locator().set_params(integer=True)
    fig.axes[0].set_ylabel("validation score (%)")
    return caption(fig, shown)
