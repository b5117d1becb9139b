"""Claims by size: the scores that ship, which are of `nano` alone."""

import pandas as pd
import pytest

from flanrepro.errors import InputError
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.results import trace
from flanrepro.report import by_size
from flanrepro.report.claims import claims

JOB = Job(profile="quick", engine="shipped")


@pytest.fixture(scope="module")
def shipped() -> pd.DataFrame:
    return by_size.table(JOB, ["nano", "mini"])


def test_a_size_has_its_own_verdicts_and_one_without_runs_says_not_run(shipped):
    whole = shipped[shipped["part"] == ""].pivot(index="claim", columns="model", values="verdict")
    assert set(whole["mini"]) == {"not run"}
    assert whole.loc["F19", "nano"] not in ("not run", "not testable")
    tested = {name for name, claim in claims().items() if "published" not in claim}
    assert set(whole.index) == tested


def test_a_part_has_its_effect_at_a_size_that_ran_and_leads_to_its_runs(shipped):
    (row,) = shipped[(shipped["claim"] == "F17") & (shipped["part"] != "")].itertuples()
    assert (row.model, row.part) == ("nano", "mmlu zero-shot")
    assert row.seeds > 1 and row.low < row.ours < row.high
    assert trace(JOB, row.runs.split()[0])["spec"]["model"] == "nano"


def test_side_by_side_there_is_a_column_per_size_and_one_of_the_paper(shipped):
    table = by_size.side_by_side(shipped)
    assert list(table.columns) == ["nano", "mini", "paper"]
    assert table.index.is_unique
    row = table.loc[("F17", "mmlu zero-shot")]
    (part,) = shipped[(shipped["claim"] == "F17") & (shipped["part"] != "")].itertuples()
    assert row["nano"] == f"{part.ours:+.1f} [{part.low:.1f}, {part.high:.1f}], {part.verdict}"
    assert (row["mini"], row["paper"]) == ("not run", ">0")
    assert list(table.loc[("L1", "")]) == ["replicates", "not run", ""]
    assert table.loc[("F1", "held_in few-shot"), "paper"] == "+12.0"
    # A claim's parts follow it, whichever size has them.
    order = list(dict.fromkeys(table.index.get_level_values("claim")))
    assert order == [name for name, claim in claims().items() if "published" not in claim]


def made(**effects: dict[str, tuple[float, str]]) -> pd.DataFrame:
    """A table of claims of one part each: effect and verdict by claim, by size."""
    rows = []
    for model, found in effects.items():
        for claim, (ours, verdict) in found.items():
            paper = -1.9 if claim == "F4" else ">0"
            for part, own in (("", ""), ("mmlu zero-shot", paper)):
                rows.append((claim, part, model, own, ours, 0.0, 0.0, 3, verdict, ""))
    return pd.DataFrame(rows, columns=list(by_size.COLUMNS))


def test_agreement_counts_signs_and_verdicts_that_two_sizes_share():
    table = made(
        micro={"F1": (2.0, "replicates"), "F2": (-3.0, "opposite"), "F3": (0.5, "undecided")},
        nano={"F1": (4.0, "replicates"), "F2": (1.0, "replicates"), "F4": (-2.0, "undecided")},
    )
    pairs = by_size.agreement(table).set_index(["model", "other"])
    assert list(pairs.index) == [("nano", "micro"), ("nano", "paper"), ("micro", "paper")]
    assert tuple(pairs.loc[("nano", "micro")]) == (2, 1, 2, 1)  # F2 turns
    assert tuple(pairs.loc[("nano", "paper")]) == (3, 3, 2, 2)  # F4: both are negative
    assert tuple(pairs.loc[("micro", "paper")]) == (3, 2, 2, 1)


def test_no_effect_and_an_equivalence_have_no_sign():
    table = made(nano={"F1": (0.0, "no effect"), "F9": (3.0, "opposite")})
    (row,) = by_size.agreement(table).to_dict("records")
    assert (row["parts"], row["claims"], row["same_verdict"]) == (0, 2, 0)


def test_the_printed_page_has_the_claims_and_ends_with_the_answer(shipped):
    lacking = shipped[(shipped["model"] == "mini") | (shipped["claim"] != "L7")]
    lines = by_size.printed(lacking).splitlines()
    at = lines.index(f"F17: {claims()['F17']['claim']}")
    assert lines[at + 1].split() == ["nano", "mini", "paper"]
    assert lines[at + 2].split()[0] == "verdict"
    (never,) = [line for line in lines if line.startswith("not run at any of these sizes: ")]
    names = never.removeprefix("not run at any of these sizes: ").split(", ")
    assert "L7" in names and "F17" not in names
    assert "nano and mini: no part in common" in lines
    (answer,) = [line for line in lines if line.startswith("nano and paper: ")]
    assert " parts have the same sign; " in answer


def test_the_usual_sizes_are_those_of_a_laptop_or_of_the_profile():
    assert by_size.usual_sizes(JOB) == ("nano", "micro", "mini")
    paper = Job("flan2022", profile="paper")
    assert by_size.usual_sizes(paper) == paper.settings.sizes


@pytest.mark.parametrize("text", ["nano,huge", "", "nano micro"])
def test_a_wrong_size_is_one_sentence(text):
    with pytest.raises(InputError, match=r"there is no size .*, of nano, micro, "):
        by_size.read_sizes(text)


def test_sizes_are_read_once_each_in_their_order():
    assert by_size.read_sizes("micro, nano,micro") == ["micro", "nano"]
