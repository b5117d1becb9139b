"""The reproducibility report: its numbers are those of the tables that ship."""

import re
import sys
from pathlib import Path

import pandas as pd
import pytest

from flanrepro.cli.main import main
from flanrepro.experiments.profiles import load_profile
from flanrepro.report import reproducibility
from flanrepro.sources import SAID
from flanrepro.version import __version__

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "report.md"
TITLES = (
    "Scope of reproducibility", "Methodology", "Results", "What was easy", "What was difficult",
    "Communication with the original authors, and deviations",
)  # fmt: skip


def flanrepro(monkeypatch, *args: str) -> int:
    monkeypatch.setattr(sys, "argv", ["flanrepro", "report", *args])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code or 0


def cells(text: str, titles: str) -> list[list[str]]:
    """The rows of the table with these titles."""
    (rows,) = re.findall(re.escape(titles) + r"\n\|[- |]+\|\n((?:\|.*\n)+)", text)
    return [line.strip("| ").split(" | ") for line in rows.splitlines()]


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text("utf-8")


@pytest.fixture(scope="module")
def card() -> pd.DataFrame:
    return pd.read_csv(ROOT / "figures" / "quick" / "scorecard_pocket.csv")


@pytest.mark.slow
def test_the_committed_page_is_what_the_command_writes(page, monkeypatch, tmp_path, capsys):
    path = tmp_path / "report.md"
    assert flanrepro(monkeypatch, "--output", str(path)) == 0
    assert path.read_text("utf-8") == page, (
        "write it anew: flanrepro report --output docs/report.md"
    )
    assert capsys.readouterr().out == f"{path}: {len(page.splitlines())} lines\n"


def test_a_file_that_cannot_be_written_is_one_sentence(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(reproducibility, "report", lambda: "text")  # what is written is no matter
    (tmp_path / "file").touch()
    assert flanrepro(monkeypatch, "--output", str(tmp_path / "file" / "report.md")) == 2
    assert "report.md could not be written (" in capsys.readouterr().err


def test_it_has_the_challenges_parts_and_says_what_it_is_about(page):
    assert tuple(re.findall(r"^## (.*)$", page, re.M)) == TITLES
    assert f"flanrepro {__version__}" in page and SAID["pocket"] in page
    assert "{" not in page


def test_its_verdicts_are_the_scorecards(page, card):
    for verdict, number, which in cells(page, "| verdict | claims | which |"):
        found = card[card["verdict"] == verdict]["claim"]
        assert (int(number), which.split(", ")) == (len(found), list(found))
    counted = sum(int(row[1]) for row in cells(page, "| verdict | claims | which |"))
    assert page.count(f"\n{counted} claims of both papers") == 1 and counted == len(card)
    primary = list(card[card["family"] == "primary"]["claim"])
    assert [row[0] for row in cells(page, "|  | claim | place |")] == primary
    decided = set(card[card["verdict"].isin(["replicates", "opposite", "no effect"])]["claim"])
    rows = cells(page, "|  | claim | parts alone | adjusted p | verdict |")
    assert {row[0] for row in rows} == decided | set(primary)
    by_name = card.set_index("claim")
    for name, _, _, p, verdict in rows:
        own = by_name.loc[name]
        assert verdict == own["verdict"]
        assert p == ("" if pd.isna(own["p_adjusted"]) else f"{own['p_adjusted']:.3f}")


def test_its_parts_and_its_power_are_the_tables(page, card):
    parts = pd.read_csv(ROOT / "figures" / "quick" / "scorecard_parts_pocket.csv")["verdict"]
    (said,) = re.findall(r"The (\d+) parts of all claims, each judged alone: (.*)\.", page)
    named = {name: int(n) for n, name in re.findall(r"(\d+) ([a-z ]+)", said[1])}
    assert int(said[0]) == len(parts) and named == parts.value_counts().to_dict()
    several = card[card["seeds"] > 1]
    blind = (several["detectable"] > several["smallest_effect"]).sum()
    assert f"In {blind} of {len(several)} claims with several seeds" in page


def test_its_costs_add_up_to_the_shipped_table(page):
    spent = reproducibility.spent()
    own = spent[spent["device"] == "core"]
    rows = cells(page, "| what | runs | hours | of a | dollars | source |")
    assert [row[0] for row in rows] == [*own["what"], "all of these", *spent["what"][len(own) :]]
    (total,) = (row for row in rows if row[0] == "all of these")
    assert (int(total[1]), total[2]) == (own["runs"].sum(), f"{own['hours'].sum():.1f}")
    assert [row[2] for row in rows[: len(own)]] == [f"{hours:.1f}" for hours in own["hours"]]
    assert "".join(spent["bounds"]) in page


def test_its_hyperparameters_are_the_profiles(page):
    run = load_profile("quick", "pocket").run
    said = (
        f"{run['steps']:,} steps of {run['batch_size']} rows, learning rate {run['learning_rate']}"
    )
    assert said in page and f"{100 * run['replay']:.0f} % of the examples pretraining text" in page
    assert f"rows of {run['inputs_length']} input and {run['targets_length']} target tokens" in page


def test_every_file_that_it_names_is_there(page):
    named = re.findall(r"`((?:flanrepro|ci|docs|data_cards|figures|tests)/[^`]*)`", page)
    assert len(named) > 8
    assert [name for name in named if not (ROOT / name).exists()] == []
