"""The claims that a notebook judges: the paper beside our scores, with a coloured verdict each."""

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from flanrepro.experiments.profiles import Job
from flanrepro.report import scorecard
from flanrepro.report.claim_parts import Targets, claims
from flanrepro.report.claims import every_part, judge, part_table
from flanrepro.report.item_noise import Answers
from flanrepro.report.page import Page, cell, escaped, marked, unbroken, whole
from flanrepro.report.panels import SUITES
from flanrepro.report.part_verdicts import number

HEAD = ("", "Claim and its parts", "Paper", "Here, 95 % interval", "Shows")


@dataclass(frozen=True)
class Judged:
    """The claims of a notebook.

    Attributes:
        card: rows of `flanrepro.report.claims.judge`.
        parts: rows of `flanrepro.report.claims.part_table`, for the same claims.
    """

    card: pd.DataFrame
    parts: pd.DataFrame


def judged(
    tables: Mapping[str, pd.DataFrame],
    sweeps: Sequence[str] | None = None,
    targets: Targets | None = None,
    answers: Answers | None = None,
    only: Sequence[str] = (),
) -> Judged:
    """The claims that rest on a notebook's sweeps, those that were not run included.

    p is adjusted for the claims whose scores are in `tables`.

    Args:
        tables: DataFrames of scores by the sweep's name.
        sweeps: names of the notebook's sweeps, run or not; None: every claim of both papers.
        targets, answers: see `flanrepro.report.claims.scorecard`.
        only: ids of claims; empty: all that rest on the sweeps.
    """
    every = every_part(tables, answers)
    card, parts = judge(every, targets), part_table(every)
    rests = {
        name: sweeps is None or claim.get("sweep") in sweeps for name, claim in claims().items()
    }
    names = [name for name in only or rests if rests[name]]
    return Judged(card[card["claim"].isin(names)], parts[parts["claim"].isin(names)])


def page(found: Judged, job: Job) -> Page:
    """A table with a row per claim and, of those with several parts, a row per part.

    A claim's row has its verdict, with p adjusted for the number of claims; a part's row has what
    it shows by itself.
    """
    lines = [line for row in found.card.itertuples() for line in _claim(row, found.parts)]
    said = html.escape(scorecard.summary(found.card, job))
    below = f'<p style="white-space:pre-line">{said}</p>'
    return Page(whole(HEAD, lines) + below, scorecard.printed(found.card, job))


def _claim(row, parts: pd.DataFrame) -> Iterator[str]:
    of = list(parts[parts["claim"] == row.claim].itertuples())
    name = unbroken(row.claim)
    said = f"<b>{html.escape(row.text)}</b> ({html.escape(row.place)})"
    said += "".join(f"\n{escaped(note)}" for note in _notes(row))
    shows = marked(row.verdict, COLORS) + _tested(row)
    if len(of) == 1:
        numbers = (unbroken(text) for text in (paper(of[0]), ours(of[0])))
        own = "" if row.seeds > 1 else f"\n{marked(of[0].verdict, COLORS)}"
        yield "".join(map(cell, (name, f"{said}\n{_named(of[0])}", *numbers, shows + own)))
        return
    yield cell(name) + cell(said, span=3) + cell(shows)
    for part in of:
        texts = [unbroken(text) for text in ("", _named(part), paper(part), ours(part))]
        yield "".join(map(cell, (*texts, marked(part.verdict, COLORS))))


COLORS = scorecard.MARKS | {name: "0.7" for name in ("not testable", "not run", "published")}


def _tested(row) -> str:
    if row.seeds < 2:
        return ""
    return html.escape(f"\n{row.seeds} seeds, p {_p(row.p)}, adjusted {_p(row.p_adjusted)}")


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _notes(row) -> list[str]:
    notes = [f"{row.parts} parts tested, not {row.untested}"] if row.untested and row.ours else []
    notes += [f"lacks {lack}" for lack in getattr(row, "left_out", "").split("; ") if lack]
    return notes + [said for said in [scorecard.power(row)] if said]


def _named(part) -> str:
    return named(part.of, part.setting)


def named(of: str, setting: str) -> str:
    """The suite as the paper names it, or the target, and the setting."""
    return " ".join(filter(None, (SUITES.get(of, of), setting.replace("_", "-"))))


def paper(part) -> str:
    """The paper's number of a part, with its sign; or `>0`, `<0`."""
    return part.paper if isinstance(part.paper, str) else f"{part.paper:+.1f}"


def ours(part) -> str:
    """Our number of a part with its sign and, of several seeds, its 95 % interval."""
    low, high = number(part.low, ".1f"), number(part.high, ".1f")
    return f"{part.ours:+.1f}" + (f" [{low}, {high}]" if low else "")
