"""Judges the papers' claims on scores: contrasts per seed, their intervals, a verdict per claim."""

import math
from collections.abc import Mapping

import pandas as pd

from flanrepro.experiments.scores import COVERAGE, told
from flanrepro.report.claim_parts import COLUMNS, Part, Targets, asked_of, claims, parts_of
from flanrepro.report.statistics import holm, interval

LEVEL = 0.05
VERDICTS = ("replicates", "opposite", "no effect", "undecided", "not testable", "not run")


def _every_part(tables: Mapping[str, pd.DataFrame]) -> dict[str, list[Part]]:
    """The parts of each claim whose sweep has scores, by claim id."""
    return {
        name: parts_of(name, tables[claim["sweep"]])
        for name, claim in claims().items()
        if claim["sweep"] in tables
    }


def parts(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row per part of every claim on these sweeps, with the paper's number and ours.

    Args:
        tables: DataFrames of scores by the sweep's name in `claims.yaml`.

    Returns:
        claim, of (suite or target), setting, paper, ours (mean over seeds), low and high (95 %
        t-interval, paired by seed), smallest_effect, p (of the paper's statement, for this part
        alone), p_opposite, magnitude (see `Part`), seeds (their number), runs (run ids), and
        `flanrepro.report.coverage.COVERAGE` if a suite lacks tasks here.
    """
    rows = (part.row() for of in _every_part(tables).values() for part in of)
    return told(pd.DataFrame(rows, columns=[*COLUMNS, *COVERAGE]))


def scorecard(tables: Mapping[str, pd.DataFrame], targets: Targets | None = None) -> pd.DataFrame:
    """The verdicts: a row per claim of both papers, also of those that were not run.

    A claim of several parts holds if all of them do (p: the largest), or any of them where it says
    so (Bonferroni over its parts); its opposite likewise. p is then adjusted by Holm over the
    claims that can be tested. `replicates`, `opposite`: adjusted p of at most 5 %. `no effect`: the
    95 % intervals of all parts lie within the smallest effect. One seed has no p: `undecided`.

    Args:
        tables: see `parts`.
        targets: a profile's targets of finetuning, which it was asked for; None: Table 3's.

    Returns:
        columns of `judge`.
    """
    return judge(_every_part(tables), targets)


def judge(every: Mapping[str, list[Part]], targets: Targets | None = None) -> pd.DataFrame:
    """The verdicts of `scorecard`, from the parts of each claim whose sweep has scores.

    Returns:
        claim, place, text, parts (e.g. `4 of 10`: those that were tested), untested (the names of
        the others), paper, ours (each part with its interval), left_out (by part, the tasks that
        its suite lacks here; no such column if none does), magnitude (number of parts that meet
        it), p and p_adjusted, verdict (one of `VERDICTS`), seeds, runs.
    """
    # A claim enters Holm's family once, with the smaller p of its statement and its opposite.
    tested = [name for name, of in every.items() if of and _seeds(of) > 1]
    p = {name: _p(name, every[name]) for name in tested}
    adjusted = dict(zip(tested, holm([min(p[name]) for name in tested]), strict=True))
    rows = []
    for name, claim in claims().items():
        of = every.get(name, [])
        row = {"claim": name, "place": claim["place"], "text": claim["claim"]}
        row |= _tested(of, asked_of(name, of, targets or {}))
        row |= {"paper": _said(of, "paper"), "ours": _said(of, "ours")}
        row |= {"left_out": "; ".join(map(_lacks, filter(_lacks, of))), "magnitude": _met(of)}
        row |= {"p": min(p[name]) if name in p else None, "p_adjusted": adjusted.get(name)}
        verdict = _verdict(of, name in every, p.get(name), adjusted.get(name))
        runs = dict.fromkeys(run for part in of for run in part.runs)
        rows.append(row | {"verdict": verdict, "seeds": _seeds(of), "runs": " ".join(runs)})
    card = pd.DataFrame(rows)
    return card if card["left_out"].any() else card.drop(columns="left_out")


def _tested(found: list[Part], asked: list[str]) -> dict[str, str]:
    """How many of a claim's parts were tested, and the names of the others."""
    names = [part.name for part in found]
    untested = [name for name in asked if name not in names]
    return {
        "parts": f"{len(asked) - len(untested)} of {len(asked)}" if asked else "",
        "untested": ", ".join(untested),
    }


def _lacks(part: Part) -> str:
    """The tasks that a part's suite lacks, as text."""
    said = part.coverage
    if not said.get("left_out"):
        return ""
    # A semicolon parts the parts of a claim.
    evaluated = f"{said['evaluated']}: " if said.get("evaluated") else ""
    return f"{part.name}, {evaluated}{said['left_out'].replace('; ', ', ')}"


def _p(name: str, parts: list[Part]) -> tuple[float, float]:
    """The p values of a claim and of its opposite."""
    # All parts must hold: the largest p. Any part's opposite refutes it: Bonferroni over the parts.
    holds, fails = zip(*(part.p for part in parts), strict=True)
    n = len(parts)
    if claims()[name].get("rule") == "any":
        # One part is enough to hold, and all must fail: the other way round.
        return min(1.0, n * min(holds)), max(fails)
    return max(holds), min(1.0, n * min(fails))


def _verdict(
    parts: list[Part], run: bool, p: tuple[float, float] | None, adjusted: float | None
) -> str:
    if not parts:
        return "not testable" if run else "not run"
    if p is None:
        return "undecided"
    if adjusted <= LEVEL:
        return "replicates" if p[0] < p[1] else "opposite"
    within = all(
        -part.smallest < low and high < part.smallest
        for part in parts
        for low, high in [interval(part.values)]
    )
    # An equivalence that holds is `replicates`, never `no effect`.
    directed = all(part.direction for part in parts)
    return "no effect" if within and directed else "undecided"


def _seeds(parts: list[Part]) -> int:
    """The number of seeds that every part has."""
    return min((len(part.values) for part in parts), default=0)


def _met(parts: list[Part]) -> str:
    said = [part.magnitude for part in parts if part.magnitude]
    return f"{said.count('met')} of {len(said)}" if said else ""


def _said(parts: list[Part], what: str) -> str:
    """The parts' numbers as text, e.g. `mmlu zero-shot +4.2`."""
    said = []
    for part in parts:
        low, high = interval(part.values)
        number = part.paper
        if what == "ours":
            number = f"{part.ours:+.1f}" + ("" if math.isnan(low) else f" [{low:.1f}, {high:.1f}]")
        elif not isinstance(number, str):
            number = f"{number:+.1f}"
        said.append(f"{part.name} {number}")
    return "; ".join(said)


def printed(table: pd.DataFrame, job) -> str:
    """The scorecard as text: each claim with the paper's numbers and ours, then the verdicts.

    Args:
        table: DataFrame of `scorecard`.
        job: `flanrepro.experiments.profiles.Job` whose profile, collection and model are printed.
    """
    lines = []
    for row in table.itertuples():
        seeds = " (one seed)" if row.seeds == 1 else ""
        if row.seeds > 1:
            p = f"p {row.p:.3f} alone, {row.p_adjusted:.3f} among all"
            seeds = f" ({row.seeds} seeds, {p})"
        lines += [f"{row.claim:4}{row.verdict}{seeds}: {row.text} ({row.place})"]
        if row.parts and row.verdict != "not run":
            but = f", not {row.untested}" if row.untested else ""
            lines += [f"    parts: {row.parts} tested{but}"]
        if row.ours:
            met = f"    magnitude met: {row.magnitude}" if row.magnitude else ""
            lines += [f"    paper: {row.paper}", f"    here:  {row.ours}"]
            lacks = getattr(row, "left_out", "").split("; ")
            lines += [f"    lacks: {lack}" for lack in lacks if lack] + [met] * bool(met)
            lines += [f"    runs:  {_shortened(row.runs)}"]
    counts = table["verdict"].value_counts()
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if verdict in counts)
    model = job.model or job.settings.model
    where = f"profile {job.profile}, collection {job.collection}, model {model}"
    return "\n".join([*lines, "", f"{where}: {said}"])


def _shortened(runs: str, most: int = 6) -> str:
    names = runs.split()
    return " ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
