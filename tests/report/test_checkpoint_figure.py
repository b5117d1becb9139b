import re

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from flanrepro.report.checkpoints import beside_published, draw, published

SUITES = ("held_in", "cot", "mmlu", "bbh", "bbh_cot")


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


def test_published_values_are_those_of_the_papers_table_1(mirror):
    paper = mirror.parent / "paper" / "flan_collection_2023.md"
    if not paper.is_file():
        pytest.skip(f"the paper is not beside the data: there is no {paper}")
    text = re.sub(r"</?b>", "", paper.read_text(encoding="utf-8"))
    ours = published().set_index(["trained_on", "suite", "setting"])["value"]
    found = [
        float(number) for number in re.findall(r"\d+\.\d", text[text.index("T5-XL Flan 2022") :])
    ]
    flan = [ours["Flan 2022", s, k] for s in SUITES for k in ("zero_shot", "few_shot")]
    assert found[:10] == flan
    (lower,) = re.findall(r"^T5-XL Flan 2021.*$", text, re.MULTILINE)
    columns = [re.findall(r"\d+\.\d / \d+\.\d", cell)[:3] for cell in lower.split("\t")[1:6]]
    for suite, cells in zip(SUITES, columns, strict=True):
        for name, cell in zip(
            ("Flan 2021", "P3++", "Super-Natural Instructions"), cells, strict=True
        ):
            values = [ours[name, suite, setting] for setting in ("zero_shot", "few_shot")]
            assert cell == " / ".join(f"{value:.1f}" for value in values)


def test_a_row_has_its_interval_and_the_papers_value_where_there_is_one(scores):
    table = beside_published(scores)
    assert len(table) == 2 * 2 * 2
    assert ((table["high"] - table["low"]) / 2).round(6).eq(1.96 * 2).all()
    paper = table.groupby(["suite", "setting"])["paper"].first()
    assert paper["held_in", "zero_shot"] == 73.8
    assert paper["held_in", "few_shot"] == 74.8
    assert table[table["suite"] == "single_task"]["paper"].isna().all()


def test_the_figure_has_a_point_per_checkpoint_and_suite_and_the_paper_where_asked(scores):
    table = beside_published(scores)
    for paper in (False, True):
        figure = draw(table, paper)
        labels = figure.legends[0].texts
        expected = ["one", "two", *(["Flan-T5 XL (paper)"] if paper else [])]
        assert sorted(text.get_text() for text in labels) == sorted(expected)
        for ax in figure.axes:
            assert len(ax.containers) == 2  # error bars
            assert [tick.get_text() for tick in ax.get_xticklabels()] == ["Held-In", "Single tasks"]
        plt.close(figure)
