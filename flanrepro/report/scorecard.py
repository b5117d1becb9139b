"""The scorecard as text and as a figure: each claim with its parts, their verdicts and power."""

from collections import Counter
from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd

from flanrepro.experiments.profiles import Job
from flanrepro.report.claims import FAMILIES, VERDICTS, claims
from flanrepro.report.figures import COLORS
from flanrepro.report.item_noise import AGREES, DISAGREES, UNKNOWN, WITHIN
from flanrepro.report.listing import Column, draw_table
from flanrepro.report.part_verdicts import alone, number
from flanrepro.sources import SAID

_GREY = "0.55"
MARKS = {
    "replicates": COLORS[2],
    "opposite": COLORS[1],
    "no effect": COLORS[0],
    "undecided": _GREY,
    "one seed": _GREY,
    AGREES: "#5FA98C",
    DISAGREES: "#DF8A55",
    WITHIN: _GREY,
    UNKNOWN: "0.7",
}
"""A colour per verdict, and paler ones for what one seed says."""


def printed(table: pd.DataFrame, job: Job) -> str:
    """The scorecard as text: each claim with the paper's numbers and ours, then the verdicts.

    Args:
        table: DataFrame of `flanrepro.report.claims.scorecard`.
        job: notebook parameters whose profile, collection and model are printed.
    """
    verdicts = dict(zip(table["claim"], table["verdict"], strict=True))
    lines = [line for row in table.itertuples() for line in _claim(row, verdicts)]
    return "\n".join([*lines, "", summary(table, job)])


def _claim(row, verdicts: Mapping[str, str]) -> list[str]:
    verdict = row.verdict
    if row.seeds == 1:
        verdict += ", no verdict"
    if row.seeds > 1:
        p = f"p {row.p:.3f} alone, {row.p_adjusted:.3f} among the {row.family} claims"
        verdict += f" ({row.seeds} seeds, {p})"
    lines = [f"{row.claim + ' ':4}{verdict}: {row.text} ({row.place})"]
    if row.parts and row.verdict not in ("not run", "published"):
        but = f", not {row.untested}" if row.untested else ""
        lines += [f"    parts: {row.parts} tested{but}"]
    lines += [f"    paper: {row.paper}"] * bool(row.paper)
    if not row.ours:
        return lines
    lines += [f"    here:  {row.ours}", f"    alone: {row.by_part}"]
    lines += [f"    lacks: {lack}" for lack in getattr(row, "left_out", "").split("; ") if lack]
    lines += [f"    magnitude met: {row.magnitude}"] * bool(row.magnitude)
    lines += [f"    power: {said}" for said in [power(row)] if said]
    # A notebook prints some claims alone.
    beside = [name for name in claims()[row.claim].get("beside", ()) if name in verdicts]
    if beside:
        lines += [f"    beside: {', '.join(f'{name} {verdicts[name]}' for name in beside)}"]
    return [*lines, f"    runs:  {_shortened(row.runs)}"]


def power(row) -> str:
    """A sentence where a claim's smallest effect is below what its seeds can see; else empty.

    Args:
        row: row of the scorecard as a named tuple.
    """
    if not row.detectable > row.smallest_effect:  # NaN: one seed, or no part
        return ""
    unit = claims()[row.claim].get("unit", "points")
    return (
        f"{row.seeds} seeds see {row.detectable:.1f} or more ({unit}); the smallest effect that "
        f"counts, {row.smallest_effect:g}, takes {row.seeds_needed}"
    )


def summary(table: pd.DataFrame, job: Job) -> str:
    """The numbers of claims by verdict; of claims with one seed also of their parts by sign.

    What stands beside every score of the collection comes first.
    """
    found = table["verdict"].value_counts()
    said = ", ".join(f"{found[verdict]} {verdict}" for verdict in VERDICTS if verdict in found)
    model = job.model or job.settings.model
    first = f"{SAID[job.collection]}\n" if job.collection in SAID else ""
    line = f"{first}profile {job.profile}, collection {job.collection}, model {model}: {said}"
    texts = table[table["verdict"] == "one seed"]["by_part"]
    of_parts = Counter(shown for text in texts for shown in alone(text).values())
    # A part may have several seeds in a claim that has one.
    signs = {name: of_parts[name] for name in (AGREES, DISAGREES, WITHIN, UNKNOWN)}
    if not sum(signs.values()):
        return line
    unknown = f", of {signs[UNKNOWN]} it is unknown" if signs[UNKNOWN] else ""
    return (
        f"{line}\none seed, no verdicts: of {sum(signs.values())} parts {signs[AGREES]} agree in "
        f"sign with the paper beyond the items' noise, {signs[DISAGREES]} disagree, "
        f"{signs[WITHIN]} are within it{unknown}"
    )


COLUMNS = [
    Column("claim", "", 0.42),
    Column("said", "Claim", 2.9),
    Column("verdict", "Verdict", 1.25, MARKS),
    Column("paper", "Paper", 1.95),
    Column("ours", "Here, 95 % interval", 2.8),
    Column("alone", "Each part alone", 1.2, MARKS),
    Column("sees", "Seeds see", 0.5),
    Column("needed", "Seeds to see what counts", 0.75),
]


def draw(table: pd.DataFrame) -> plt.Figure:
    """The scorecard with verdicts as coloured marks; primary claims first, on grey.

    Each part has a line, with its own verdict. Claims that no run tests are listed at the end.

    Args:
        table: DataFrame of `flanrepro.report.claims.scorecard`.
    """
    tested = table[table["seeds"] > 0]
    tested = tested.sort_values("family", key=lambda of: of != FAMILIES[0], kind="stable")
    rows = [_cells(row) for row in tested.itertuples()]
    for verdict, others in table[table["seeds"] == 0].groupby("verdict", sort=False):
        blank = dict.fromkeys((column.field for column in COLUMNS), "")
        rows.append(blank | {"said": ", ".join(others["claim"]), "verdict": verdict})
    shaded = [*(tested["family"] == FAMILIES[0]), *[False] * (len(rows) - len(tested))]
    return draw_table(pd.DataFrame(rows), COLUMNS, shaded)


def _cells(row) -> dict[str, str]:
    shown = alone(row.by_part)
    word, good = ("agree", AGREES) if row.seeds == 1 else ("replicate", "replicates")
    number_of = f"{list(shown.values()).count(good)} of {len(shown)} {word}"
    # In the order in which the other columns have the parts.
    names = [part.rsplit(" ", 1)[0] for part in row.paper.split("; ")]
    return {
        "claim": row.claim,
        "said": f"{row.text} ({row.place})",
        "verdict": f"{row.verdict}\n{number_of}" if len(shown) > 1 else row.verdict,
        "paper": row.paper.replace("; ", "\n"),
        "ours": row.ours.replace("; ", "\n"),
        "alone": "\n".join(shown[name] for name in names),
        "sees": number(row.detectable, ".1f"),
        "needed": "" if pd.isna(row.seeds_needed) else f"{row.seeds_needed:,}",
    }


def _shortened(runs: str, most: int = 6) -> str:
    names = runs.split()
    return " ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
