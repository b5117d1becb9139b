"""Writes the tables of `docs/results.md`, from the figures' CSV: `python -m ci.bench.results_page`.

Each table stands between two comments of the page; a test compares them.
"""

import re

import pandas as pd

from ci.bench.common import ROOT
from flanrepro.markdown import table
from flanrepro.report.panels import SUITES
from flanrepro.whole import write_whole

PAGE = ROOT / "docs" / "results.md"
FIGURES = ROOT / "figures"
FIRST = "pocket1/quick_scorecard.csv"
"""The first edition's verdicts, with three seeds."""


def tables() -> dict[str, str]:
    """The page's tables as Markdown, by name."""
    card = pd.read_csv(FIGURES / "quick" / "scorecard_pocket.csv")
    return {
        "tuned": _tuned(pd.read_csv(FIGURES / "quick" / "pocket_tuned_nano.csv")),
        "claims": _claims(card, pd.read_csv(FIGURES / FIRST)),
    }


def _tuned(rows: pd.DataFrame) -> str:
    """A row per suite: untuned and tuned, zero-shot and few-shot, with chance."""
    ways = [(few, state) for few in (False, True) for state in ("untuned", "tuned")]
    cells = []
    for suite, name in SUITES.items():
        of = rows[rows["suite"] == suite]
        cells.append([name, f"{of['chance'].iloc[0]:.0f}"])
        for few, state in ways:
            (found,) = of[(of["state"] == state) & (of["shots"].gt(0) == few)].itertuples()
            interval = "" if pd.isna(found.low) else f" [{found.low:.0f}, {found.high:.0f}]"
            cells[-1].append(f"{found.value:.1f}{interval}")
    titles = [f"{state}, {'few-shot' if few else 'zero-shot'}" for few, state in ways]
    return table(("suite", "chance", *titles), cells)


def _claims(now: pd.DataFrame, first: pd.DataFrame) -> str:
    """A row per claim that was run: the paper, the present edition, and the first one's verdict."""
    before = first.set_index("claim")["verdict"]
    cells = [
        [
            row.claim,
            row.text,
            *("" if pd.isna(said) else said for said in (row.paper, row.ours, row.by_part)),
            row.verdict,
            before.get(row.claim, "not run"),
        ]
        for row in now.itertuples()
        if row.seeds
    ]
    return table(("", "claim", "paper", "here", "by part", "verdict", "first edition"), cells)


def filled(page: str, made: dict[str, str]) -> str:
    """The page with each table between `<!-- table NAME -->` and `<!-- end -->`."""
    for name, text in made.items():
        place = re.compile(f"(<!-- table {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        page = place.sub(lambda found, text=text: f"{found[1]}\n{text}\n\n{found[2]}", page)
    return page


if __name__ == "__main__":
    write_whole(PAGE, filled(PAGE.read_text("utf-8"), tables()))
