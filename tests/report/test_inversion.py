import pytest

from flanrepro.report.inversion import draw
from flanrepro.report.inversion import table as inversion_table

SEEDS = {0.0: (20.0, 22.0), None: (30.0, 32.0), 1.0: (25.0, 25.0)}


@pytest.fixture
def table(scored):
    values = {(("inversion_rate", rate),): by_seed for rate, by_seed in SEEDS.items()}
    return inversion_table(scored(values, suites=("held_in", "mmlu")))


def test_a_run_whose_spec_states_no_rate_has_the_papers(table):
    held_in = table[(table["suite"] == "held_in") & (table["setting"] == "few_shot")]
    assert held_in["inversion_rate"].tolist() == [0.0, 0.3, 1.0]
    assert held_in["value"].tolist() == [21, 31, 25]
    assert held_in["runs"].tolist() == ["a0 a1", "b0 b1", "c0 c1"]


def test_there_is_a_panel_per_setting_and_a_line_per_suite_over_the_rate(table, stars, legend):
    fig = draw(table)
    assert [ax.get_title() for ax in fig.axes] == ["Zero-shot evaluation", "Few-shot evaluation"]
    for ax in fig.axes:
        assert stars(ax) == [(0.3, 31.0)] * 2
        assert list(ax.get_xticks()) == [0.0, 0.3, 1.0]
    assert legend(fig) == ["Held-In", "MMLU"]
