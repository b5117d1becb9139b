"""What drawings share: intervals end at what a score can be."""

import numpy as np
import pandas as pd
import pytest

from flanrepro.experiments.profiles import Job
from flanrepro.report import figure3, figure5, models
from flanrepro.report.figures import new_figure, save_figure
from flanrepro.report.panels import draw_bars, drawn_interval

WIDE = {"value": 50.0, "low": -20.0, "high": 130.0}


def test_an_interval_ends_at_what_a_score_can_be_and_a_correlation_may_be_negative():
    table = pd.DataFrame([WIDE | {"metric": name} for name in ("accuracy", "spearman")])
    low, high = drawn_interval(table)
    assert (low.tolist(), high.tolist()) == ([0, -20], [100, 100])
    low, high = drawn_interval(table.drop(columns="metric").assign(low=np.nan))
    assert low.isna().all() and high.eq(100).all()


def test_bars_bands_and_points_are_drawn_within_and_the_csv_keeps_what_was_computed(tmp_path):
    bars = pd.DataFrame([WIDE | {"group": "a", "bar": "b"}])
    _, (ax,) = new_figure(1)
    draw_bars(ax, bars, ("group", {"a": "A"}), ("bar", {"b": ("B", {})}))
    (error,) = ax.containers[1].lines[2]
    assert error.get_segments()[0][:, 1].tolist() == [0, 100]
    rows = [WIDE | {"setting": "zero_shot", "suite": "cot", "few_shot_fraction": f} for f in (0, 1)]
    table = pd.DataFrame(rows).assign(seeds=2, runs="a b")
    fig = figure3.draw(table)
    (band,) = fig.axes[0].collections
    assert (
        band.get_datalim(fig.axes[0].transData).y0,
        band.get_paths()[0].vertices[:, 1].max(),
    ) == (0, 100)
    path = save_figure(fig, table, Job(out=str(tmp_path)), "figure_3")[-1]
    assert pd.read_csv(path)[["low", "high"]].to_numpy().tolist() == [[-20, 130]] * 2


def test_points_of_checkpoints_have_intervals_within():
    row = WIDE | {"checkpoint": "random", "suite": "cot", "chance": 20.0, "paper": 30.0}
    rows = [row | {"setting": name} for name in ("zero_shot", "few_shot")]
    ax = models.draw(pd.DataFrame(rows), paper=True).axes[0]
    segments = [one for bars in ax.containers for one in bars.lines[2][0].get_segments()]
    assert [segment[:, 1].tolist() for segment in segments] == [[0, 100]]
    assert [line.get_ydata()[0] for line in ax.lines if line.get_marker() == "D"] == [30]


@pytest.mark.parametrize(("metric", "lowest"), [("accuracy", 0), ("spearman", -20)])
def test_figure_5s_correlations_keep_what_is_below_zero(metric, lowest):
    row = {"group": "held_out", "target": "cxc", "metric": metric, "bar": "flan_t5"}
    ax = figure5.draw(pd.DataFrame([WIDE | row])).axes[0]
    ends = [line for bars in ax.containers if hasattr(bars, "lines") for line in bars.lines[2]]
    drawn = [seg[:, 1] for line in ends for seg in line.get_segments() if len(seg)]
    assert np.nanmin(np.concatenate(drawn)) == lowest
