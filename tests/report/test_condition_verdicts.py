import math

import pandas as pd
import pytest

from flanrepro.errors import InputError
from flanrepro.experiments.condition_runs import Measured
from flanrepro.experiments.conditions import CONDITIONS
from flanrepro.report import conditions as report
from flanrepro.report.statistics import detectable

BOUNDED = [
    (name, quantity, row)
    for name, condition in report.conditions().items()
    for quantity, row in condition["quantities"].items()
    if report.bound_of(row)
]


def met(row) -> float:
    """A value just within a bound."""
    return row["above"] + 0.1 if "above" in row else row.get("at_least", row.get("at_most"))


def missed(row) -> float:
    """A value just beyond a bound."""
    if "above" in row:
        return row["above"]
    return row["at_least"] - 0.1 if "at_least" in row else row["at_most"] + 0.1


def all_met(name: str) -> list[Measured]:
    return [Measured(c, quantity, "x", met(row)) for c, quantity, row in BOUNDED if c == name]


def test_every_condition_that_is_measured_has_bounds():
    assert set(report.conditions()) == set(CONDITIONS) == {f"C{i}" for i in range(1, 10)}
    assert {name for name, *_ in BOUNDED} == set(CONDITIONS)


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_holds_if_every_quantity_does(name):
    assert report.verdict(report.table(all_met(name)), name) == "holds"


@pytest.mark.parametrize(("name", "quantity", "row"), BOUNDED)
def test_one_miss_fails_a_condition(name, quantity, row):
    rows = report.table([*all_met(name), Measured(name, quantity, "another", missed(row))])
    assert report.verdict(rows, name) == "fails"
    assert rows["holds"].iloc[-1] == "fails"
    assert set(rows["holds"].iloc[:-1]) == {"holds"}


@pytest.mark.parametrize(("name", "quantity", "row"), BOUNDED)
def test_a_quantity_that_is_not_measured_leaves_a_condition_open(name, quantity, row):
    others = [one for one in all_met(name) if one.quantity != quantity]
    expected = "holds in part" if others else "not measured"
    said = Measured(name, quantity, "", math.nan, needs="another size")
    for rows in (report.table(others), report.table([*others, said])):
        assert report.verdict(rows, name) == expected
    assert report.table([said])["holds"].tolist() == ["not measured"]


def test_a_bound_on_both_sides_fails_on_either():
    row = report.conditions()["C1"]["quantities"]["exam"]
    assert [report.is_met(value, row) for value in (-10.1, -10, 0, 10, 10.1)] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert report.bound_of(row) == "-10 to 10"


def test_a_quantity_without_a_bound_judges_nothing():
    rows = report.table([*all_met("C8"), Measured("C8", "validation", "nano", 0.0)])
    assert rows["holds"].iloc[-1] == ""
    assert report.verdict(rows, "C8") == "holds"


def test_the_smallest_difference_follows_from_the_spread_and_the_number_of_seeds():
    few, many = (Measured("C7", "smallest_difference", "mmlu", 2.0, seeds=n) for n in (3, 10))
    values = report.table([few, many])["value"].tolist()
    # Of differences whose standard deviation is 2.
    assert values == pytest.approx(
        [detectable([1, -1, 3, 1], seeds=n) * 2 / 1.632993 for n in (3, 10)]
    )
    assert values[0] > values[1] > 0
    assert math.isnan(
        report.table([Measured("C7", "smallest_difference", "", math.nan)])["value"][0]
    )


def test_the_printed_table_says_what_was_measured_against_which_bound():
    rows = report.table(
        [
            Measured("C1", "completion", "statements", 93.4),
            Measured("C1", "exam", "mmlu zero-shot", -2.0),
            Measured("C1", "exam", "mmlu 3-shot ranked", 68.4),
            Measured("C1", "exam", "mmlu 3-shot", 12.0),
            Measured("C8", "sizes", "", math.nan, needs="three sizes"),
        ]
    )
    lines = {line.split(" | ")[0].strip(): line for line in report.printed(rows).splitlines()}
    cells = [cell.strip() for cell in lines["C1 latent knowledge: exam minus chance"].split(" | ")]
    assert cells[1:] == [
        "-2 to 68.4 points (2 of 3 miss: mmlu 3-shot ranked 68.4)",
        "-10 to 10",
        "fails",
    ]
    cells = [cell.strip() for cell in lines["C8 size: sizes of the model"].split(" | ")]
    assert cells[1:] == ["needs three sizes", ">= 3", "not measured"]
    assert "C1 latent knowledge: fails" in lines
    assert "C9 cost: not measured" in lines


def test_the_value_that_misses_most_is_named_below_a_bound_as_well():
    values = {"mmlu": 4.0, "bbh": -7.0, "cot": 15.0}
    rows = report.table([Measured("C3", "above_chance", what, v) for what, v in values.items()])
    assert "(2 of 3 miss: bbh -7)" in report.printed(rows)


def test_two_editions_stand_side_by_side():
    first = report.table([Measured("C2", "kept", "x", 0.51)])
    second = report.table([Measured("C2", "kept", "x", 0.95)])
    text = report.side_by_side({"pocket1": first, "pocket": second})
    rows = [[cell.strip() for cell in line.split(" | ")] for line in text.splitlines()]
    assert rows[0] == ["condition", "bound", "pocket1", "pocket"]
    says = "C2 kept knowledge: completion after tuning over before"
    assert [says, ">= 0.9", "0.51, 1 of 1 miss", "0.95"] in rows
    assert ["C2 kept knowledge", "", "fails", "holds"] in rows
    assert ["C9 cost", "", "not measured", "not measured"] in rows


def test_a_table_is_read_as_it_was_written(tmp_path):
    rows = report.table(
        [
            Measured("C2", "kept", "x", 0.95, 684, "12e456789012", 1, 2.5),
            Measured("C5", "new_operations", "", math.nan, needs="suites"),
            Measured("C8", "validation", "nano", 40.0),
        ]
    )
    path = tmp_path / "conditions.csv"
    path.write_text(rows.to_csv(index=False))
    pd.testing.assert_frame_equal(report.read(path), rows)
    assert report.printed(report.read(path)) == report.printed(rows)


@pytest.mark.parametrize("content", [None, "", "a,b\n1,2\n", "condition\nC1\n"])
def test_what_is_no_table_of_conditions_says_how_to_make_one(content, tmp_path):
    path = tmp_path / "conditions.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=r"no measured conditions .*flanrepro pocket check"):
        report.read(path)
