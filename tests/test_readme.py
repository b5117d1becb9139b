"""The front page: it fits on a screen, its links lead somewhere, its numbers are the tables'."""

import re
from pathlib import Path

import pandas as pd
import pytest

from flanrepro.report.scorecard import power
from flanrepro.sources import SAID

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
README = (ROOT / "README.md").read_text("utf-8")


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(ROOT / "figures" / name)


def test_it_is_about_one_screen_and_says_first_what_pocket_is_and_whose_wordings_there_are():
    assert len(README.splitlines()) <= 90
    first = " ".join(README.partition("\n## ")[0].split())
    number = re.search(r"some \d+ words", SAID["pocket"]).group()
    assert f"made-up world.** The collection `pocket` has {number}" in first
    assert "wordings of the templates are our own" in first and "`flan2022_rendered`" in first


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page):
    text = page.read_text("utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("http"):
            continue
        path, _, heading = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), link
        if heading:
            titles = re.findall(r"^#+ (.*)$", there.read_text("utf-8"), re.M)
            named = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in named, link


def test_every_page_of_docs_is_linked():
    linked = set(re.findall(r"\]\((docs/\w+\.md)", README))
    assert {f"docs/{page.name}" for page in PAGES[1:]} == linked


def test_notebooks_cost_what_the_runs_took():
    rows = re.findall(r"^\| \[`(\w+)`\].* \| (\d+) \| ([\d.]+) \|$", README, re.M)
    there = {path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")}
    assert {name for name, _, _ in rows} == there
    trained = {name: (int(runs), float(cost)) for name, runs, cost in rows if runs != "0"}
    measured = table("bench/notebook_runs.csv").set_index("notebook")
    assert trained == {
        row.Index: (row.runs, row.core_minutes) for row in measured.iloc[:-1].itertuples()
    }


def test_the_evidence_is_the_scorecards():
    card = table("quick/scorecard_pocket.csv")
    counts = card["verdict"].value_counts()
    said = " ".join(README.partition("## The evidence")[2].split())
    assert f"parameters, {len(card)} claims with five seeds at most" in said
    assert card["seeds"].max() == 5
    for verdict, words in {
        "replicates": "- {} replicate:",
        "opposite": "- {} are opposite:",
        "no effect": "- {} has no effect (",
        "undecided": "and {} are undecided:",
        "one seed": "- {} claim of FLAN 2021, L3l, has one seed",
        "published": "and {} is about published numbers alone",
    }.items():
        assert words.format(counts[verdict]) in said
    assert counts.sum() == len(card)
    verdicts = card.set_index("claim")["verdict"]
    replicating = re.findall(r"[FL]\d+[a-z]?", said.partition("replicate:")[2].partition(";")[0])
    assert set(replicating) == set(verdicts.index[verdicts == "replicates"])
    opposite = re.findall(r"[FL]\d+[a-z]?", said.partition("opposite:")[2].partition(";")[0])
    assert set(verdicts[opposite]) == {"opposite"}
    several = [row for row in card.itertuples() if row.seeds > 1]
    blind = sum(bool(power(row)) for row in several)
    assert f"in {blind} of the {len(several)} claims with several seeds" in said


def test_the_figures_numbers_are_its_csvs():
    rows = table("quick/figure_3_pocket.csv").query("suite == 'held_in'")
    value = rows.set_index(["setting", "few_shot_fraction"])["value"]
    first, tenth = value["few_shot", 0.0], value["few_shot", 0.1]
    zero = sorted(f"{value['zero_shot', share]:.0f}" for share in (0.0, 0.1))
    said = " ".join(README.split())
    assert f"few-shot Held-In from {first:.0f} to {tenth:.0f} %" in said
    assert f"zero-shot Held-In stays at {' to '.join(zero)} %" in said
    assert f"Without zero-shot prompts it is at {value['zero_shot', 1.0]:.0f} %" in said


def test_the_speeds_are_those_of_the_table():
    ratio = table("bench/speed.csv").set_index(["what", "opponent"])["ratio"]
    harness = "lm-evaluation-harness (Hugging Face)"
    cold = "a process, 400 {}, `nano`, MMLU three-shot"
    said = {
        "trains `nano` {:.1f} times as fast as": (
            "training `nano`, AdamW",
            "Hugging Face (PyTorch)",
        ),
        "at {:.0f} times the reference's rate": (
            "few-shot GSM8K tokenized by T5's SentencePiece, a core",
            "the reference, published",
        ),
        "ranks the options of 400 prompts {:.1f} times as fast as": (
            cold.format("options ranked"),
            harness,
        ),
        "and decodes their answers {:.1f} times as fast": (cold.format("answers decoded"), harness),
    }
    text = " ".join(README.split())
    for words, row in said.items():
        assert words.format(ratio[row]) in text, row
