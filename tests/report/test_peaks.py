"""Figures 3 and 4 show what the paper says about its own, and no point that it does not print."""

import pandas as pd
import pytest

from flanrepro.report import figure3, figure4
from flanrepro.report.paper import published
from flanrepro.report.peaks import TOP


@pytest.fixture
def shares(scored):
    values = {(("few_shot_fraction", f),): (10 * f, 20 * f) for f in (0.0, 0.5, 1.0)}
    return figure3.table(scored(values, suites=("held_in", "mmlu")))


@pytest.fixture
def numbers(scored):
    values = {(("tasks", n), ("model", "nano")): (90.0, 100.0) for n in (8, 200, 1836)}
    return figure4.table(scored(values, suites=("held_in", "mmlu")))


def marks(ax) -> list[tuple]:
    """The x positions, and y in the panel's or in the axis's unit, of what is drawn in black."""
    black = [line for line in ax.lines if line.get_color() == "black"]
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in black]


def test_figure_3_has_the_papers_range_of_peaks_in_both_panels(shares):
    for ax in figure3.draw(shares).axes:
        assert marks(ax) == [([10, 90], [TOP, TOP])]
        texts = [text.get_text() for text in ax.texts]
        assert texts == ["paper's MMLU: below 46", "paper's curves peak here"]
        assert ax.get_ylim()[1] > 46  # the bound is inside, though our scores end at 20
        highest = max(line.get_ydata().max() for line in ax.lines if line.get_marker() == "o")
        assert highest < ax.get_ylim()[0] + (TOP - 0.05) * (ax.get_ylim()[1] - ax.get_ylim()[0])


def test_what_is_not_evaluated_has_no_mark(shares):
    (zero_shot, _) = figure3.draw(shares[shares["suite"] == "held_in"]).axes
    assert [text.get_text() for text in zero_shot.texts] == ["paper's curves peak here"]


def test_figure_4_has_a_mark_at_200_tasks_and_one_at_all_of_them(numbers):
    held_in, mmlu = figure4.draw(numbers).axes
    assert marks(held_in) == [([200], [TOP])]
    assert marks(mmlu) == [([1836], [46]), ([1836], [TOP])]
    for ax in (held_in, mmlu):
        assert max(ax.get_yticks()) <= 100  # though there is room above


@pytest.mark.parametrize("name", ["figure_3", "figure_4"])
def test_every_mark_says_where_it_comes_from(name):
    rows = published(name)
    assert rows["place"].str.contains("Section 3|issue 33").all()
    assert (pd.to_numeric(rows["high"]) > 0).all() and (rows["note"] != "").all()
