"""What was found in the scores of a notebook: a sentence per claim, made from its verdict."""

import html
import re
from collections import Counter
from collections.abc import Sequence

from flanrepro.report.claim_parts import claims
from flanrepro.report.page import Page, marked
from flanrepro.report.verdicts import COLORS, Judged, named, ours, paper

LISTED = 3
"""Most parts whose numbers a sentence lists; of more, it has the lowest and the highest."""

NO_NUMBER = {">0": "a positive", "<0": "a negative"}
"""What the paper states where it gives no number, see `flanrepro.report.claim_parts.Part`."""


def page(found: Judged) -> Page:
    """The sentences as a list, with the verdicts as coloured marks.

    A claim that has scores has a sentence with its verdict, its numbers and the paper's; the others
    share one per verdict, which has a claim's words if it is the only one. Every number is one of
    these scores, or the paper's.
    """
    said, without = [], {}
    for row in found.card.itertuples():
        parts = list(found.parts[found.parts["claim"] == row.claim].itertuples())
        if parts:
            said.append((row.claim, row.verdict, _alone(row, parts), _sentence(row, parts)))
        else:
            without.setdefault(row.verdict, []).append(row)
    for verdict, rows in without.items():
        text = f"“{rows[0].text.removesuffix('.')}” ({rows[0].place})." if len(rows) == 1 else ""
        said.append((", ".join(row.claim for row in rows), verdict, "", text))
    items = [
        f"<li><b>{name}</b> {marked(verdict, COLORS)}{html.escape(alone)} {html.escape(rest)}</li>"
        for name, verdict, alone, rest in said
    ]
    lines = [f"- {name}: {verdict}{alone} {rest}".rstrip() for name, verdict, alone, rest in said]
    return Page("\n".join(["<ul>", *items, "</ul>"]), "\n".join(lines))


def _alone(row, parts: Sequence) -> str:
    """The number of seeds, and what the parts show by themselves, as the end of a sentence."""
    kinds = Counter(part.verdict for part in parts)
    if len(parts) == 1:
        # With several seeds, the claim's own verdict says it.
        return f": {parts[0].verdict}." if row.seeds == 1 else f" with {row.seeds} seeds."
    shown = ", ".join(f"{count} {_counted(kind, count)}" for kind, count in kinds.items())
    many = f" with {row.seeds} seeds" if row.seeds > 1 else ""
    return f"{many}; its {len(parts)} parts alone: {shown}."


def _counted(kind: str, count: int) -> str:
    """`2 replicate`, `3 agree in sign`: the verb agrees with its number."""
    return re.sub(r"^(\w+)s\b", r"\1", kind) if count > 1 else kind


def _sentence(row, parts: Sequence) -> str:
    unit = claims()[row.claim].get("unit", "points")
    return f"“{row.text.removesuffix('.')}” ({row.place}). {_numbers(parts, unit)}."


def _numbers(parts: Sequence, unit: str) -> str:
    shown = parts
    if len(parts) > LISTED:
        ordered = sorted(parts, key=lambda part: part.ours)
        shown = [ordered[0], ordered[-1]]
    here = [f"{ours(part)} on {named(part.of, part.setting)}" for part in shown]
    stated = [paper(part) for part in shown]
    there = f"the paper has {' and '.join(stated)}" + (" there" if shown is not parts else "")
    if set(stated) <= set(NO_NUMBER):
        there = f"the paper states {NO_NUMBER[stated[0]]} effect, without a number"
    if shown is not parts:
        return f"Here, from {here[0]} to {here[1]} ({unit}); {there}"
    return f"Here, {' and '.join(here)} ({unit}); {there}"
