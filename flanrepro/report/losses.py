"""The loss of a run while it trains: from its folder, or of some runs from the losses that ship."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

from flanrepro.experiments.profiles import Job
from flanrepro.experiments.shipped_scores import shipped_table
from flanrepro.report.figures import COLORS, STYLE, new_figure
from flanrepro.training.spec import RunSpec

COLUMNS = ["run", "step", "loss"]


def of_run(job: Job, spec: RunSpec) -> plt.Figure | None:
    """Draws the losses of a run, see `table` and `draw`."""
    return draw(table(job, spec))


def table(job: Job, spec: RunSpec) -> pd.DataFrame:
    """The losses of a finished run by step, in nats per target token.

    Returns:
        run, step, loss (mean over the steps since the row before); no row if the run is not
        finished here and its losses do not ship.
    """
    if job.engine == "shipped":
        shipped = shipped_table(job.collection, "losses")
        return shipped[shipped["run"] == spec.run_id].reset_index(drop=True)
    run = job.store.find(spec)
    if run is None:
        return pd.DataFrame(columns=COLUMNS)
    return run.metrics().assign(run=spec.run_id)[COLUMNS]


def draw(losses: pd.DataFrame) -> plt.Figure | None:
    """Draws the loss over the steps; None, and a line of text, if there is nothing to draw."""
    if losses.empty:
        print("no losses: this run was not trained here, and its losses do not ship")
        return None
    fig, (ax,) = new_figure(1, size=(6.8, 2.4))
    with mpl.rc_context(STYLE):
        ax.plot(losses["step"], losses["loss"], color=COLORS[0], linewidth=1)
        ax.set(xlabel="step", ylabel="loss (nats per token)", title=f"run {losses['run'].iloc[0]}")
        ax.set(xlim=(0, None), ylim=(0, None))
    return fig
