import matplotlib.pyplot as plt
import pandas as pd
import pytest

from flanrepro.report.models import draw
from flanrepro.report.models import table as models_table


@pytest.fixture
def scores() -> pd.DataFrame:
    rows = [
        {"checkpoint": name, "suite": suite, "shots": shots, "level": level, "value": value}
        | {"standard_error": 2.0, "chance": 25.0, "detectable": 7.9, "n": 100, "folder": "x"}
        for name, value in (("one", 40.0), ("two", 60.0))
        for suite in ("held_in", "single_task")
        for shots in (0, 3)
        for level in ("task", "suite")
    ]
    return pd.DataFrame(rows)


def test_a_row_has_its_interval_and_the_papers_value_where_there_is_one(scores):
    table = models_table(scores)
    assert len(table) == 2 * 2 * 2
    assert ((table["high"] - table["low"]) / 2).round(6).eq(1.96 * 2).all()
    paper = table.groupby(["suite", "setting"])["paper"].first()
    assert paper["held_in", "zero_shot"] == 73.8
    assert paper["held_in", "few_shot"] == 74.8
    assert table[table["suite"] == "single_task"]["paper"].isna().all()


def test_the_figure_has_a_point_per_checkpoint_and_suite_and_the_paper_where_asked(scores):
    table = models_table(scores)
    for paper in (False, True):
        figure = draw(table, paper)
        labels = figure.legends[0].texts
        expected = ["one", "two", *(["Flan-T5 XL (paper)"] if paper else [])]
        assert sorted(text.get_text() for text in labels) == sorted(expected)
        for ax in figure.axes:
            assert len(ax.containers) == 2  # error bars
            assert [tick.get_text() for tick in ax.get_xticklabels()] == ["Held-In", "Single tasks"]
        plt.close(figure)


def test_a_suite_that_the_paper_has_not_is_drawn_behind_the_others_under_its_own_name(scores):
    other = scores[scores["suite"] == "held_in"].assign(suite="completion")
    fig = draw(models_table(pd.concat([other, scores])), paper=False)
    assert [label.get_text() for label in fig.axes[0].get_xticklabels()] == [
        "Held-In",
        "Single tasks",
        "completion",
    ]
    plt.close(fig)
