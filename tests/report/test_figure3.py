import math

import pandas as pd
import pytest

from flanrepro.experiments.profiles import Job
from flanrepro.report.figure3 import draw
from flanrepro.report.figure3 import table as figure3_table
from flanrepro.report.figures import save_figure

T_2 = 4.302653
"""0.975 quantile of Student's t with two degrees of freedom, from a printed table."""

SEEDS = {0.0: (50, 51, 49), 0.05: (52, 54, 50), 0.5: (60, 62, 58), 1.0: (40, 41, 42)}


@pytest.fixture
def scores(scored):
    return scored({(("few_shot_fraction", f),): values for f, values in SEEDS.items()})


def test_a_point_is_the_mean_of_the_suites_scores_over_seeds(scores):
    table = figure3_table(scores)
    assert len(table) == 2 * len(SEEDS)
    (point,) = table.query("setting == 'zero_shot' and few_shot_fraction == 0.05").itertuples()
    assert (point.value, point.seeds, point.n, point.chance) == (52, 3, 40, 25)
    half = T_2 * 2 / math.sqrt(3)
    assert (point.low, point.high) == pytest.approx((52 - half, 52 + half), rel=1e-6)
    assert point.runs == "b0 b1 b2"


def test_stars_are_at_the_peaks_and_a_flat_line_has_none(scores, stars, legend):
    scores.loc[scores["setting"] == "few_shot", "value"] *= -1
    flat = scores.assign(suite="cot", value=7.0)
    fig = draw(figure3_table(pd.concat([scores, flat], ignore_index=True)))
    assert [ax.get_title() for ax in fig.axes] == ["Zero-shot evaluation", "Few-shot evaluation"]
    assert [stars(ax) for ax in fig.axes] == [[(50.0, 60.0)], [(100.0, -41.0)]]
    assert legend(fig) == ["Held-In", "CoT"]


def test_a_suite_has_its_colour_whichever_others_are_there(scored):
    values = {(("few_shot_fraction", f),): (10 * f,) for f in (0.0, 1.0)}
    suites = [("held_in", "cot", "mmlu"), ("mmlu",)]
    figures = [draw(figure3_table(scored(values, suites=of))) for of in suites]
    colors = [{line.get_label(): line.get_color() for line in fig.axes[0].lines} for fig in figures]
    assert colors[0]["MMLU"] == colors[1]["MMLU"] != colors[0]["CoT"]


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_figure_is_kept_as_the_same_png_svg_and_csv_every_time(tmp_path, scores, seeds):
    table = figure3_table(scores[scores["seed"] < seeds])
    jobs = [Job(out=str(tmp_path / part)) for part in "ab"]
    paths = [save_figure(draw(table), table, job, "figure_3") for job in jobs]
    assert [path.name for path in paths[0]] == [
        f"figure_3_pocket.{kind}" for kind in ("png", "svg", "csv")
    ]
    for one, other in zip(*paths, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert paths[0][0].read_bytes().startswith(b"\x89PNG")
    assert "<svg" in paths[0][1].read_text()
    back = pd.read_csv(paths[0][2])
    assert list(back.columns) == list(table.columns)
    assert back["value"].tolist() == pytest.approx(table["value"].tolist(), abs=1e-4)
