"""Table 1 from predictions that were scored again says which of its numbers ship."""

import pytest

from flanrepro.report import rescored


@pytest.fixture
def found(scored):
    table = scored(
        {
            (("mixture", "flan2022"),): [50.0, 52.0],
            (("mixture", "flan2021"),): [40.0, 44.0],
            (("mixture", "niv2"),): [30.0, 30.0],
        }
    )
    return table.assign(shipped=table["value"], same=True)


def numbers(table):
    return table.set_index(["row", "setting"])


def test_every_number_is_beside_the_shipped_one(found):
    table = numbers(rescored.table(found))
    assert list(table) == ["suite", "seeds", "rescored", "shipped", "equal"]
    rows = ["Flan 2022", "Flan 2021", "Super-Natural Inst.", "Flan 2022 - Next Best"]
    assert list(dict.fromkeys(row for row, _ in table.index)) == rows
    assert table.loc[("Flan 2022", "zero_shot"), "rescored"] == 51.0
    assert table.loc[("Flan 2022 - Next Best", "few_shot"), "rescored"] == 9.0
    assert (table["rescored"] == table["shipped"]).all()
    assert set(table["equal"]) == {"yes"} and set(table["seeds"]) == {2}
    assert rescored.said(found) == "12 of 12 shipped scores are met exactly, of 6 runs"


def test_one_other_score_is_told_where_it_counts_and_nowhere_else(found):
    which = (found["run"] == "b1") & (found["setting"] == "zero_shot")
    found.loc[which, ["shipped", "same"]] = [45.0, False]
    table = numbers(rescored.table(found))
    assert set(table.index[table["equal"] == "no"]) == {
        ("Flan 2021", "zero_shot"),
        ("Flan 2022 - Next Best", "zero_shot"),
    }
    assert table.loc[("Flan 2021", "zero_shot"), ["rescored", "shipped"]].tolist() == [42.0, 42.5]
    assert rescored.said(found) == "11 of 12 shipped scores are met exactly, of 6 runs"


def test_scores_that_do_not_ship_are_said_to_be_none(found):
    found.loc[found["run"] == "c0", ["shipped", "same"]] = [float("nan"), False]
    table = numbers(rescored.table(found))
    assert set(table.loc["Super-Natural Inst.", "equal"]) == {"not shipped"}
    assert set(table.loc["Flan 2022", "equal"]) == {"yes"}
    assert rescored.said(found) == "10 of 10 shipped scores are met exactly, of 6 runs"
    none = found.assign(shipped=float("nan"), same=False)
    table = rescored.table(none)
    assert table["shipped"].isna().all() and set(table["equal"]) == {"not shipped"}
    assert rescored.said(none).startswith("none of the 12 scores of 6 runs ship")
