"""Figure 5: finetuning on one task, from T5 and from Flan-T5 (section 4)."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

from flanrepro.experiments.single_task import best
from flanrepro.report.coverage import caption
from flanrepro.report.figures import COLORS, STYLE, new_figure
from flanrepro.report.panels import GROUPS, add_legend, draw_bars, there
from flanrepro.report.paper import published
from flanrepro.report.statistics import over_seeds

BARS = {
    "t5_finetuned": ("T5, finetuned", {"color": COLORS[0]}),
    "flan_t5": ("Flan-T5", {"color": "wheat", "hatch": "..."}),
    "flan_t5_finetuned": ("Flan-T5, finetuned", {"color": COLORS[1], "hatch": "///"}),
}
"""Label and style of each bar, in the paper's blue, beige and red."""

METRICS = {"accuracy": "accuracy", "f1": "F1", "auc_roc": "AUC-ROC", "spearman": "Spearman"}


def table(curves: pd.DataFrame) -> pd.DataFrame:
    """A row per bar of the figure.

    Args:
        curves: DataFrame of `flanrepro.experiments.single_task.curves`.

    Returns:
        group, target, metric (Table 3's), bar (a key of `BARS`), value (test score at the step with
        the best validation score, or at step 0 without finetuning; mean over seeds, in per cent),
        low and high (95 % t-interval over seeds; NaN for one seed), seeds, runs.
    """
    finetuned = best(curves)
    names = finetuned["state"].map({"untuned": "t5_finetuned", "tuned": "flan_t5_finetuned"})
    # Step 0 of the tuned start is Flan-T5 itself; the untuned one's is no bar of the paper's.
    start = curves[(curves["state"] == "tuned") & (curves["step"] == 0)]
    every = pd.concat([finetuned.assign(bar=names), start.assign(bar="flan_t5")])
    keys = ["group", "target", "metric", "bar"]
    return over_seeds(every, keys, value="test").sort_values(
        ["group", "target", "bar"],
        key=lambda column: column.map(_order(column, curves)),
        ignore_index=True,
    )


def _order(column: pd.Series, curves: pd.DataFrame) -> dict[str, int]:
    """The rank of each value of a column; targets rank by first appearance."""
    orders = {"group": GROUPS, "bar": BARS, "target": curves["target"].unique()}
    return {name: place for place, name in enumerate(orders[column.name])}


def named_targets(table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Names for print by target: the target's and its metric's, as in Table 3.

    Args:
        table: DataFrame with the columns target and metric.
    """
    printed = published("table_3").set_index("tasks")["row"]
    names = {}
    for target, metric in table.drop_duplicates("target")[["target", "metric"]].to_numpy():
        # A twin with little data is named as its task. Tasks that share a row of Table 3 or have
        # none there are named by themselves.
        task = target.removesuffix("_small")
        names[target] = printed.get(task, task.replace("_", " ").upper()), METRICS[metric]
    return names


def draw(table: pd.DataFrame) -> plt.Figure:
    """Draws a panel per group with three bars per target, each target in its own metric."""
    groups = there(GROUPS, table["group"])
    counts = [table.loc[table["group"] == group, "target"].nunique() for group in groups]
    width = 1.2 + 0.55 * sum(counts)
    fig, axes = new_figure(len(groups), size=(max(width, 5), 3.4), sharey=True, width_ratios=counts)
    with mpl.rc_context(STYLE):
        for ax, (group, title) in zip(axes, groups.items(), strict=True):
            panel = table[table["group"] == group]
            names = {target: "\n".join(name) for target, name in named_targets(panel).items()}
            draw_bars(ax, panel, ("target", names), ("bar", BARS))
            ax.set_title(title)
        axes[0].set_ylabel("test score (%)")
        add_legend(fig, axes)
    return caption(fig, table)
