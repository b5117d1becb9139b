"""Figures, tables and verdicts against the scores that ship."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from flanrepro.experiments import shipped_scores as shipped
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.results import finished
from flanrepro.report.claims import scorecard
from flanrepro.report.redraw import redraw
from flanrepro.training.checksums import write_checksums

ROOT = Path(__file__).parents[2]


def drawn(out: Path) -> dict[str, bytes]:
    job = Job(profile="quick", engine="shipped", out=str(out))
    return {path.name: path.read_bytes() for path in redraw(job, finished(job))}


@pytest.fixture(scope="module")
def before(tmp_path_factory) -> dict[str, bytes]:
    return drawn(tmp_path_factory.mktemp("before"))


def test_the_committed_figures_are_those_of_the_shipped_scores_byte_for_byte(before):
    for name, content in before.items():
        assert (ROOT / "figures" / "quick" / name).read_bytes() == content, name


@pytest.fixture
def change(tmp_path, monkeypatch):
    """change(run, suite, shots, by): the shipped scores with one number changed."""

    def changed(run: str, suite: str, shots: int, by: float) -> None:
        folder = tmp_path / "shipped"
        shutil.copytree(shipped.folder(), folder)
        monkeypatch.setattr(shipped, "folder", lambda: folder)
        path = folder / "pocket" / "scores.csv"
        table = pd.read_csv(path, dtype={"run": str})
        row = (table["run"] == run) & (table["suite"] == suite) & (table["shots"] == shots)
        assert row.sum() == 1
        table.loc[row, "value"] += by
        table.to_csv(path, index=False)
        write_checksums(path.parent)

    return changed


def of(**fields) -> str:
    """The shipped run of these fields, of seed 0."""
    table = finished(Job(profile="quick", engine="shipped"))["ablations"]
    rows = table[(table["seed"] == 0) & (table["mixture"] == fields["mixture"])]
    return rows["run"].iloc[0]


RESTING = {
    # A run that Table 1 alone has, and Figure 1 has not.
    ("flan2022_without_cot", "cot", 0): {"table_1", "scorecard", "scorecard_parts"},
    # One of Table 1, of Figure 1, and of the sweep over few-shot prompts.
    ("flan2021", "held_in", 3): {"table_1", "figure_1", "figure_3", "scorecard", "scorecard_parts"},
    # One of Table 1 and of Table 2.
    ("equal", "held_in", 0): {"table_1", "table_2", "scorecard", "scorecard_parts"},
}


@pytest.mark.slow
@pytest.mark.parametrize("cell", RESTING, ids=lambda cell: cell[0])
def test_one_changed_score_changes_what_rests_on_it_and_nothing_else(
    cell, before, change, tmp_path
):
    mixture, suite, shots = cell
    change(of(mixture=mixture), suite, shots, -7.0)
    after = drawn(tmp_path)
    assert set(after) == set(before)
    different = {name for name in before if before[name] != after[name]}
    assert {
        name.removesuffix(".csv").removesuffix("_pocket")
        for name in different
        if name.endswith(".csv")
    } == RESTING[cell]
    # Of a figure its picture changes too, and of no other.
    pictures = {name.partition("_pocket")[0] for name in different if name.endswith(("png", "svg"))}
    assert pictures == RESTING[cell] - {"table_1", "table_2", "scorecard_parts"}


def test_one_changed_score_changes_the_verdicts_that_rest_on_it_and_no_other(change):
    job = Job(profile="quick", engine="shipped")
    tables = finished(job)
    card = scorecard(tables).set_index("claim")
    decided = card[card["verdict"].isin(["replicates", "opposite"])]
    (name, *_) = decided.index[~decided["ours"].str.contains(";")]  # of one part alone
    run, suite = decided.loc[name, "runs"].split()[0], decided.loc[name, "ours"].split()[0]
    change(run, suite, 0, -100.0)
    after = scorecard(finished(job)).set_index("claim")
    assert after.loc[name, "verdict"] == "undecided"
    for claim in card.index.drop(name):
        rests = run in card.loc[claim, "runs"].split() and suite in card.loc[claim, "ours"]
        same = card.loc[claim, ["ours", "p"]].equals(after.loc[claim, ["ours", "p"]])
        assert same or rests, claim
    # Among the others some do not rest on it, or this would show nothing.
    untouched = card["ours"].eq(after["ours"]) & card["seeds"].gt(0)
    assert untouched.sum() > 10
