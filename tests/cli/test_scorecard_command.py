"""`flanrepro scorecard` on the scores that ship, and on none."""

import csv
import sys

import pytest

from flanrepro.cli.main import main
from flanrepro.report.claims import claims
from flanrepro.sources import SAID


def scorecard(monkeypatch, capsys, *args: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of the command."""
    monkeypatch.setattr(sys, "argv", ["flanrepro", "scorecard", *args])
    with pytest.raises(SystemExit) as stop:
        main()
        raise SystemExit(0)
    out, err = capsys.readouterr()
    return stop.value.code or 0, out, err


def test_it_judges_what_ships_and_writes_it(monkeypatch, capsys, tmp_path):
    path = tmp_path / "card.csv"
    args = ("--engine", "shipped", "--csv", str(path))
    status, out, _ = scorecard(monkeypatch, capsys, *args)
    assert status == 0
    assert f"\n{SAID['pocket']}\nprofile quick, collection pocket, model nano: " in out
    rows = {row["claim"]: row for row in csv.DictReader(path.read_text().splitlines())}
    assert set(rows) == set(claims())
    assert rows["F6"]["seeds"] == "5"
    assert not [name for name, row in rows.items() if row["verdict"] == "not run"]
    assert rows["F6"]["by_part"].startswith("replicates ")
    assert int(rows["F6"]["seeds_needed"]) > 3 and float(rows["F6"]["detectable"]) > 1


def test_a_file_that_cannot_be_written_is_one_sentence(monkeypatch, capsys, tmp_path):
    args = ("--engine", "shipped", "--csv", str(tmp_path / "no" / "card.csv"))
    status, _, err = scorecard(monkeypatch, capsys, *args)
    assert status == 2
    assert "cannot write the scorecard to" in err


def test_one_seed_of_what_ships_ends_in_signs_and_no_verdict(monkeypatch, capsys):
    status, out, _ = scorecard(monkeypatch, capsys, "--engine", "shipped", "--seeds", "1")
    assert status == 0
    assert "undecided" not in out and "replicates" not in out
    assert out.splitlines()[-1].startswith("one seed, no verdicts: of ")


def test_of_nothing_it_says_where_scores_come_from(monkeypatch, capsys, tmp_path):
    status, out, err = scorecard(monkeypatch, capsys, "--out", str(tmp_path))
    assert status == 0
    tested = sum("published" not in claim for claim in claims().values())
    assert f"{tested} not run" in out
    assert "take the scores that ship with --engine shipped" in err


def test_sizes_are_put_side_by_side_with_the_paper(monkeypatch, capsys, tmp_path):
    path = tmp_path / "sizes.csv"
    args = ("--engine", "shipped", "--sizes", "nano,mini", "--csv", str(path))
    status, out, _ = scorecard(monkeypatch, capsys, *args)
    assert status == 0
    assert "F2: Flan 2022 beats the next best collection on CoT." in out
    assert out.splitlines()[0] == SAID["pocket"]
    assert out.splitlines()[-1] == "mini and paper: no part in common"
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert {row["model"] for row in rows} == {"nano", "mini"}
    assert {row["verdict"] for row in rows if row["model"] == "mini"} == {"not run"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--sizes", "nano,huge"], "sizes 'nano,huge': there is no size 'huge': expected names"),
        (["--sizes", "nano", "--model", "mini"], "leave one of the two out"),
    ],
)
def test_wrong_sizes_are_one_sentence(monkeypatch, capsys, given, said):
    status, out, err = scorecard(monkeypatch, capsys, *given)
    assert (status, out) == (2, "") and said in err and err.count("\n") == 1
