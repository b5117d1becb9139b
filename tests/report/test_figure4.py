import pytest

from flanrepro.report.figure4 import draw
from flanrepro.report.figure4 import table as figure4_table

NANO = {8: (30.0, 32.0), 200: (40.0, 44.0), 1847: (35.0, 37.0)}
MICRO = {8: (31.0, 31.0), 200: (45.0, 47.0), 1847: (50.0, 52.0)}


@pytest.fixture
def table(scored):
    sizes = {"micro": MICRO, "nano": NANO}
    values = {
        (("model", size), ("tasks", tasks)): by_seed
        for size, by_tasks in sizes.items()
        for tasks, by_seed in by_tasks.items()
    }
    return figure4_table(scored(values, suites=("bbh", "mmlu", "held_in")))


def test_a_point_is_the_mean_of_a_size_and_a_number_of_tasks(table):
    zero_shot = table[(table["setting"] == "zero_shot") & (table["suite"] == "held_in")]
    assert list(zip(zero_shot["model"], zero_shot["tasks"], zero_shot["value"], strict=True)) == [
        *(("nano", 8, 31), ("nano", 200, 42), ("nano", 1847, 36)),
        *(("micro", 8, 31), ("micro", 200, 46), ("micro", 1847, 51)),
    ]
    assert zero_shot["runs"].iloc[0] == "d0 d1"


def test_held_in_is_left_and_mmlu_right_with_a_gold_star_at_each_sizes_peak(table, stars, legend):
    fig = draw(table)
    assert [ax.get_title() for ax in fig.axes] == ["Held-In", "Held-Out (MMLU)"]
    for ax in fig.axes:
        assert stars(ax) == [(200, 42.0), (1847, 51.0)]
        assert {line.get_color() for line in ax.lines if line.get_marker() == "*"} == {"gold"}
        assert ax.get_xscale() == "log"
        assert [tick.get_text() for tick in ax.get_xticklabels()] == ["8", "200", "1,847"]
    assert legend(fig) == ["T5-nano", "T5-micro"]


def test_only_zero_shot_evaluation_is_drawn(table):
    table.loc[table["setting"] == "few_shot", "value"] += 100
    assert all(max(line.get_ydata()) < 100 for ax in draw(table).axes for line in ax.lines)


def test_chance_is_one_grey_line_where_all_sizes_have_the_same(table):
    for ax in draw(table).axes:
        dotted = [line for line in ax.lines if line.get_linestyle() == ":"]
        assert [(line.get_ydata()[0], line.get_color()) for line in dotted] == [(25.0, "gray")]


def test_without_mmlu_held_in_stands_alone(table):
    fig = draw(table[table["suite"] == "held_in"])
    assert [ax.get_title() for ax in fig.axes] == ["Held-In"]
