import matplotlib.pyplot as plt
import pandas as pd
import pytest

from flanrepro.report.models import differences_page, draw, found, page
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


def test_the_page_has_a_column_per_checkpoint_and_every_number_with_its_interval(scores):
    table = models_table(scores)
    lines = page(table).text.splitlines()
    assert lines[0] == "suite | setting | chance | paper | one | two"
    assert lines[1] == "Held-In | zero-shot | 25.0 | 73.8 | 40.0 [36.1, 43.9] | 60.0 [56.1, 63.9]"
    assert lines[3].startswith("Single tasks | zero-shot | 25.0 |  | 40.0 [")
    columns = {"suite": "mmlu", "shots": 0, "difference": 1.5, "low": -1.0, "high": 4.0}
    said = differences_page(pd.DataFrame([{"checkpoint": "two"} | columns])).text
    assert said == "suite | shots | two\nMMLU | 0 | 1.5 [-1.0, 4.0]"


def test_what_was_found_follows_the_scores(scores):
    one, two = found(models_table(scores)).text.splitlines()
    assert one == (
        "- one is above chance beyond the items' noise on 4 of 4 suites and settings, and below it "
        "on 0; its highest score is 40.0 on Held-In zero-shot."
    )
    low = scores.assign(value=10.0, chance=scores["chance"].where(scores["suite"] != "held_in"))
    one, two = found(models_table(low)).text.splitlines()
    assert "noise on 0 of 2 suites and settings, and below it on 2; its highest" in two
