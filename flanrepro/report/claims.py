"""Judges the papers' claims on scores: contrasts per seed, their intervals, a verdict per claim."""

import math
from collections.abc import Mapping

import pandas as pd

from flanrepro.experiments.scores import COVERAGE, told
from flanrepro.report import part_verdicts
from flanrepro.report.claim_parts import (
    COLUMNS,
    Part,
    Targets,
    asked_of,
    claims,
    parts_of,
    stated_numbers,
)
from flanrepro.report.item_noise import Answers
from flanrepro.report.part_verdicts import LEVEL, is_within
from flanrepro.report.statistics import holm, interval

VERDICTS = (*part_verdicts.VERDICTS, "one seed", "not testable", "not run", "published")
FAMILIES = ("primary", "secondary")
"""The claims that p is adjusted over: one per section of the papers (`primary: true` in
`claims.yaml`), and all others."""

OF_A_PART = ("verdict", "noise", "detectable", "seeds_needed")


def every_part(
    tables: Mapping[str, pd.DataFrame], answers: Answers | None = None
) -> dict[str, list[Part]]:
    """The parts of each claim whose sweep has scores, by claim id; see `parts` for arguments."""
    return {
        name: parts_of(name, tables[claim["sweep"]], answers)
        for name, claim in claims().items()
        if claim.get("sweep") in tables
    }


def parts(tables: Mapping[str, pd.DataFrame], answers: Answers | None = None) -> pd.DataFrame:
    """A row per part of every claim on these sweeps, with the paper's number and ours.

    Args:
        tables: DataFrames of scores by the sweep's name in `claims.yaml`.
        answers: see `flanrepro.report.item_noise.noise`.

    Returns:
        claim, of (suite or target), setting, paper, ours (mean over seeds), low and high (95 %
        t-interval, paired by seed), smallest_effect, p (of the paper's statement, for this part
        alone), p_opposite, magnitude (see `Part`), seeds (their number), runs (run ids), verdict
        (of this part alone; with one seed one of `flanrepro.report.item_noise.SIGNS`), noise (over
        items, at one seed), detectable and seeds_needed (see
        `flanrepro.report.part_verdicts.power`), and `flanrepro.report.coverage.COVERAGE` if a suite
        lacks tasks here.
    """
    return part_table(every_part(tables, answers))


def part_table(every: Mapping[str, list[Part]]) -> pd.DataFrame:
    """The rows of `parts`, from the parts of each claim."""
    rows = (_part_row(part) for of in every.values() for part in of)
    columns = [*COLUMNS, *OF_A_PART, *COVERAGE]
    return _whole_seeds(told(pd.DataFrame(rows, columns=columns)))


def _part_row(part: Part) -> dict:
    said = {"verdict": part_verdicts.verdict(part), "noise": part.noise}
    return part.row() | said | part_verdicts.power([part], one_is_enough=False)


def _whole_seeds(table: pd.DataFrame) -> pd.DataFrame:
    # With missing numbers a column of whole ones would become one of fractions.
    return table.astype({"detectable": float, "seeds_needed": "Int64"})


def scorecard(
    tables: Mapping[str, pd.DataFrame],
    targets: Targets | None = None,
    answers: Answers | None = None,
) -> pd.DataFrame:
    """The verdicts: a row per claim of both papers, also of those that were not run.

    A claim of several parts holds if all of them do (p: the largest), or any of them where it says
    so (Bonferroni over its parts); its opposite likewise. p is then adjusted by Holm within the
    claim's family, over its claims that can be tested: the primary claims by themselves, so that
    their verdicts do not depend on the number of secondary ones, and the secondary claims by
    themselves. The chance of any false verdict is at most 5 % in each family. `replicates`,
    `opposite`: adjusted p of at most 5 %. `no effect`: the 95 % intervals of all parts lie within
    the smallest effect. One seed has no p, and no verdict: `one seed`.

    Args:
        tables, answers: see `parts`.
        targets: a profile's targets of finetuning, which it was asked for; None: Table 3's.

    Returns:
        columns of `judge`.
    """
    return judge(every_part(tables, answers), targets)


def judge(every: Mapping[str, list[Part]], targets: Targets | None = None) -> pd.DataFrame:
    """The verdicts of `scorecard`, from the parts of each claim whose sweep has scores.

    Returns:
        claim, place, text, family (see `family`), parts (e.g. `4 of 10`: those that were
        tested), untested (the names of the others), by_part (the verdict of each part alone, see
        `flanrepro.report.part_verdicts.listed`), paper, ours (each part with its interval),
        left_out (by part, the tasks that its suite lacks here; no such column if none does),
        magnitude (number of parts that meet it), smallest_effect, detectable and seeds_needed (see
        `flanrepro.report.part_verdicts.power`), p and p_adjusted, verdict (one of `VERDICTS`),
        seeds, runs.
    """
    # A claim enters its family once, with the smaller p of its statement and its opposite.
    p = {name: _p(name, of) for name, of in every.items() if of and _seeds(of) > 1}
    adjusted = _adjusted({name: min(of) for name, of in p.items()})
    rows = []
    for name, claim in claims().items():
        of = every.get(name, [])
        row = {"claim": name, "place": claim["place"], "text": claim["claim"]}
        row |= {"family": family(name)} | _tested(of, asked_of(name, of, targets or {}))
        row |= {"by_part": part_verdicts.listed(of)}
        paper = stated_numbers(name) if "published" in claim else _said(of, "paper")
        row |= {"paper": paper, "ours": _said(of, "ours")}
        row |= {"left_out": "; ".join(map(_lacks, filter(_lacks, of))), "magnitude": _met(of)}
        row |= {"smallest_effect": claim.get("smallest_effect")}
        row |= part_verdicts.power(of, claim.get("rule") == "any")
        row |= {"p": min(p[name]) if name in p else None, "p_adjusted": adjusted.get(name)}
        verdict = _verdict(of, name in every, p.get(name), adjusted.get(name))
        verdict = "published" if "published" in claim else verdict  # no run can test it
        runs = dict.fromkeys(run for part in of for run in part.runs)
        rows.append(row | {"verdict": verdict, "seeds": _seeds(of), "runs": " ".join(runs)})
    card = _whole_seeds(pd.DataFrame(rows).astype({"p": float, "p_adjusted": float}))
    return card if card["left_out"].any() else card.drop(columns="left_out")


def family(name: str) -> str:
    """The family of a claim, one of `FAMILIES`; empty for one on published numbers alone."""
    claim = claims()[name]
    return "" if "published" in claim else FAMILIES[not claim.get("primary", False)]


def _adjusted(p: Mapping[str, float]) -> dict[str, float]:
    """The p values of claims, adjusted within their families (Holm)."""
    found = {}
    for which in FAMILIES:
        names = [name for name in p if family(name) == which]
        found |= dict(zip(names, holm([p[name] for name in names]), strict=True))
    return found


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
        return "one seed"
    if adjusted <= LEVEL:
        return "replicates" if p[0] < p[1] else "opposite"
    # An equivalence that holds is `replicates`, never `no effect`.
    within = all(part.direction and is_within(part) for part in parts)
    return "no effect" if within else "undecided"


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
