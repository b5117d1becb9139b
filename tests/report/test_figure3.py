import math

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from flanrepro.report.figure3 import beside_the_paper, curves, draw, interval
from flanrepro.report.figures import save_figure

T_2 = 4.302653
"""0.975 quantile of Student's t with two degrees of freedom, from a printed table."""

FRACTIONS = (0.0, 0.05, 0.1, 0.5, 0.9, 1.0)
ZERO_SHOT = {0: (50, 52, 56, 60, 55, 40), 1: (51, 54, 56, 62, 53, 41), 2: (49, 50, 54, 58, 57, 42)}
FEW_SHOT = {0: (30, 35, 40, 60, 66, 60), 1: (31, 36, 41, 61, 63, 60), 2: (32, 37, 42, 62, 60, 63)}


@pytest.fixture(autouse=True)
def no_window():
    """Draws into memory, and closes what was drawn."""
    matplotlib.use("agg")
    yield
    plt.close("all")


def scores(seeds=(0, 1, 2), suites=("held_in",)) -> pd.DataFrame:
    rows = [
        {"suite": suite, "shots": shots, "seed": seed, "few_shot_fraction": fraction}
        | {"task": task, "value": value, "chance": 25.0, "n": 40, "run": f"{seed}-{fraction}"}
        for suite in suites
        for shots, table in ((0, ZERO_SHOT), (3, FEW_SHOT))
        for seed in seeds
        for fraction, mean in zip(FRACTIONS, table[seed], strict=True)
        for task, value in (("mean", float(mean)), ("sum", 99.0))
    ]
    return pd.DataFrame(rows)


def test_the_interval_is_students_t_over_seeds():
    low, high = interval(pd.Series([50.0, 51.0, 49.0]))
    assert (low, high) == pytest.approx(
        (50 - T_2 / math.sqrt(3), 50 + T_2 / math.sqrt(3)), rel=1e-6
    )
    assert interval(pd.Series([4.0, 4.0])) == (4, 4)


def test_one_seed_has_no_interval():
    assert all(math.isnan(end) for end in interval(pd.Series([50.0])))
    assert curves(scores(seeds=[0]))[["low", "high"]].isna().all(axis=None)
    assert beside_the_paper(scores(seeds=[0]))[["low", "high"]].isna().all(axis=None)


def test_a_point_is_the_mean_of_the_suites_scores_over_seeds():
    table = curves(scores())
    assert len(table) == 2 * len(FRACTIONS)
    point = table[(table["evaluation"] == "zero_shot") & (table["few_shot_fraction"] == 0.05)]
    point = point.iloc[0]
    assert (point["value"], point["seeds"], point["n"], point["chance"]) == (52, 3, 40, 25)
    half = T_2 * 2 / math.sqrt(3)
    assert (point["low"], point["high"]) == pytest.approx((52 - half, 52 + half), rel=1e-6)
    assert point["runs"] == "0-0.05 1-0.05 2-0.05"


def claim(name: str, evaluation: str, seeds=(0, 1, 2)) -> pd.Series:
    table = beside_the_paper(scores(seeds))
    rows = table[(table["claim"] == name) & (table["evaluation"] == evaluation)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_f12_is_the_zero_shot_gain_of_5_to_10_per_cent_paired_by_seed():
    row = claim("F12", "zero_shot")
    gains = [54 - 50, 55 - 51, 52 - 49]
    assert row["ours"] == pytest.approx(np.mean(gains), abs=0.005)
    half = T_2 * np.std(gains, ddof=1) / math.sqrt(3)
    assert (row["low"], row["high"]) == pytest.approx((11 / 3 - half, 11 / 3 + half), rel=1e-6)
    assert (row["seeds"], row["paper"]) == (3, "about +2")


def test_f13_is_the_few_shot_gain_of_10_per_cent_zero_shot_data():
    row = claim("F13", "few_shot")
    gains = [66 - 60, 63 - 60, 60 - 63]
    assert row["ours"] == 2
    half = T_2 * np.std(gains, ddof=1) / math.sqrt(3)
    assert (row["low"], row["high"]) == pytest.approx((2 - half, 2 + half), rel=1e-6)


@pytest.mark.parametrize(("evaluation", "peak"), [("zero_shot", 0.5), ("few_shot", 0.9)])
def test_f14_is_where_a_run_of_one_seed_peaks(evaluation, peak):
    assert claim("F14", evaluation, seeds=[0])["ours"] == peak


def test_f14_averages_the_peaks_of_seeds():
    assert claim("F14", "few_shot")["ours"] == pytest.approx((0.9 + 0.9 + 1.0) / 3, abs=0.005)


def test_a_contrast_belongs_to_its_setting_and_needs_its_fractions():
    table = beside_the_paper(scores())
    assert set(zip(table["claim"], table["evaluation"], strict=True)) == {
        ("F12", "zero_shot"),
        ("F13", "few_shot"),
        ("F14", "zero_shot"),
        ("F14", "few_shot"),
    }
    few = scores()
    few = few[few["few_shot_fraction"].isin([0.0, 0.5, 1.0])]
    assert set(beside_the_paper(few)["claim"]) == {"F14"}


def test_stars_are_at_the_peaks_and_a_flat_line_has_none():
    flat = scores(suites=["cot"]).assign(value=7.0)
    fig = draw(curves(pd.concat([scores(), flat], ignore_index=True)))
    for ax, peak in zip(fig.axes, [(50.0, 60.0), (90.0, 63.0)], strict=True):
        stars = [line for line in ax.lines if line.get_marker() == "*"]
        assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in stars] == [peak]
    labels = [text.get_text() for text in fig.legends[0].get_texts()]
    assert labels == ["Held-In", "CoT"]


@pytest.mark.parametrize("seeds", [[0], [0, 1, 2]])
def test_a_figure_is_kept_as_the_same_png_svg_and_csv_every_time(tmp_path, seeds):
    table = curves(scores(seeds))
    paths = [save_figure(draw(table), table, tmp_path / part, "figure_3") for part in "ab"]
    assert [path.name for path in paths[0]] == ["figure_3.png", "figure_3.svg", "figure_3.csv"]
    for one, other in zip(*paths, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert paths[0][0].read_bytes().startswith(b"\x89PNG")
    assert "<svg" in paths[0][1].read_text()
    back = pd.read_csv(paths[0][2])
    assert list(back.columns) == list(table.columns)
    assert back["value"].tolist() == pytest.approx(table["value"].tolist(), abs=1e-4)
