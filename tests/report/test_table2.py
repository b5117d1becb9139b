import pytest

from flanrepro.report.paper import published
from flanrepro.report.table2 import printed, table


@pytest.fixture
def found(scored):
    mixtures = [name for name in published("table_2")["mixture"].unique() if "t0_sf" not in name]
    values = {(("mixture", name),): (40.0 + i, 42.0 + i) for i, name in enumerate(mixtures)}
    return table(scored(values, suites=("held_in", "bbh")))


def test_the_papers_one_number_stands_beside_both_settings(found):
    without = found[(found["mixture"] == "equal_without_flan2021") & (found["suite"] == "held_in")]
    assert without["value"].tolist() == [42.0, 42.0]
    assert without["paper"].tolist() == [55.3, 55.3]
    assert without["setting"].tolist() == ["zero_shot", "few_shot"]
    assert without["runs"].tolist() == ["b0 b1"] * 2


def test_a_suite_that_the_paper_leaves_out_has_our_number_alone(found):
    assert found[found["suite"] == "bbh"]["paper"].isna().all()
    assert printed(found).loc["All (Equal)", "BBH"].tolist() == ["41.0 / 41.0", ""]


def test_it_is_printed_in_the_papers_order_without_what_was_not_run(found):
    form = printed(found)
    assert list(form.index) == [
        *("All (Equal)", "All - Flan 2021", "All - Super-Nat. Inst.", "All - CoT"),
        *("All - Prog. Synth.", "All - Dialog", "All (Weighted)"),
    ]
    assert form.loc["All - Flan 2021", "Held-In"].tolist() == ["42.0 / 42.0", "55.3"]
