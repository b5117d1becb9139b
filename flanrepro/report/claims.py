"""Judges the papers' claims on scores: contrasts per seed, their intervals, a verdict per claim."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from flanrepro.packaged import read_yaml
from flanrepro.report import contrasts
from flanrepro.report.statistics import equivalence_p, holm, interval, p_value

LEVEL = 0.05
SETTINGS = ("zero_shot", "few_shot")
COLUMNS = (
    "claim",
    "of",
    "setting",
    "paper",
    "ours",
    "low",
    "high",
    "smallest_effect",
    "p",
    "p_opposite",
    "magnitude",
    "seeds",
    "runs",
)
VERDICTS = ("replicates", "opposite", "no effect", "undecided", "not testable", "not run")


def claims() -> dict[str, dict[str, Any]]:
    """The content of `claims.yaml`, by claim id."""
    return read_yaml("flanrepro.report", "claims")


@dataclass(frozen=True)
class Part:
    """One contrast of a claim, on a suite or a target.

    Attributes:
        claim: id of the claim.
        of: name of the suite or the target.
        setting: `zero_shot` or `few_shot`; empty for finetuning.
        paper: the paper's number, or `>0` where it gives none.
        direction: the paper's sign, 1 or -1; 0: an equivalence.
        smallest: smallest effect that counts, in the claim's unit.
        values: the contrast, one number per seed.
        runs: run ids that it rests on.
    """

    claim: str
    of: str
    setting: str
    paper: float | str
    direction: int
    smallest: float
    values: tuple[float, ...]
    runs: tuple[str, ...]

    @property
    def ours(self) -> float:
        return float(np.mean(self.values))

    @property
    def p(self) -> tuple[float, float]:
        """The p values of the paper's statement and of its opposite; 1 for one seed."""
        if self.direction == 0:
            equal = equivalence_p(self.values, self.smallest) if len(self.values) > 1 else 1.0
            # The opposite of "no effect" is an effect beyond the margin on the side where ours is.
            margin = math.copysign(self.smallest, self.ours)
            return equal, p_value(self.values, margin) if abs(self.ours) > self.smallest else 1.0
        p = p_value(self.values)
        return (p, 1.0) if self.ours * self.direction > 0 else (1.0, p)

    @property
    def magnitude(self) -> str:
        """`met`: ours reaches the paper's number; `not met`: our interval lies below it;
        `unclear`: neither. Empty for one seed, an equivalence, or if the paper has no number."""
        low, high = interval(self.values)
        if isinstance(self.paper, str) or not self.direction or math.isnan(low):
            return ""
        if self.direction * (self.ours - self.paper) >= 0:
            return "met"
        return "unclear" if low <= self.paper <= high else "not met"

    def row(self) -> dict[str, Any]:
        low, high = interval(self.values)
        values = (self.claim, self.of, self.setting, self.paper, self.ours, low, high)
        rest = (self.smallest, *self.p, self.magnitude, len(self.values), " ".join(self.runs))
        return dict(zip(COLUMNS, (*values, *rest), strict=True))


def parts_of(name: str, table: pd.DataFrame) -> list[Part]:
    """The parts of a claim for which the table has the runs.

    Args:
        name: id of a claim in `claims.yaml`.
        table: DataFrame of the claim's sweep, from `flanrepro.experiments.results.scores` or
            `flanrepro.experiments.single_task.curves`.
    """
    claim = claims()[name]
    contrast = getattr(contrasts, claim["contrast"])
    made = []
    for of, setting, paper, cell in _cells(claim, table):
        values, runs = contrast(claim, cell)
        if len(values):
            direction = 0 if claim.get("direction") == "none" else _sign(paper)
            numbers = tuple(float(value) for value in values)
            smallest = claim["smallest_effect"]
            made.append(Part(name, of, setting, paper, direction, smallest, numbers, tuple(runs)))
    return made


def _sign(paper: float | str) -> int:
    return 1 if isinstance(paper, str) or paper > 0 else -1  # the only text is ">0"


def _cells(claim: Mapping[str, Any], table: pd.DataFrame) -> Iterator[tuple]:
    """Per part of a claim: suite or target, setting, the paper's number, and the rows of scores."""
    if claim["sweep"] == "single_task":
        group = contrasts.GROUPS[claim["contrast"]]
        for target, cell in table[table["group"].isin(group)].groupby("target", sort=False):
            yield target, "", claim["paper"], cell
        return
    for suite, numbers in claim["paper"].items():
        for setting, paper in zip(SETTINGS, numbers, strict=True):
            cell = table[(table["suite"] == suite) & (table["setting"] == setting)]
            if paper is not None and len(cell):  # null: the paper claims nothing here
                yield suite, setting, paper, cell


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
        alone), p_opposite, magnitude (see `Part`), seeds (their number), runs (run ids).
    """
    rows = (part.row() for of in _every_part(tables).values() for part in of)
    return pd.DataFrame(rows, columns=COLUMNS)


def scorecard(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The verdicts: a row per claim of both papers, also of those that were not run.

    A claim of several parts holds if all of them do (p: the largest), or any of them where it says
    so (Bonferroni over its parts); its opposite likewise. p is then adjusted by Holm over the
    claims that can be tested. `replicates`, `opposite`: adjusted p of at most 5 %. `no effect`: the
    95 % intervals of all parts lie within the smallest effect. One seed has no p: `undecided`.

    Args:
        tables: see `parts`.

    Returns:
        columns of `judge`.
    """
    return judge(_every_part(tables))


def judge(every: Mapping[str, list[Part]]) -> pd.DataFrame:
    """The verdicts of `scorecard`, from the parts of each claim whose sweep has scores.

    Returns:
        claim, place, text, paper, ours (each part with its interval), magnitude (number of parts
        that meet it), p and p_adjusted, verdict (one of `VERDICTS`), seeds, runs.
    """
    # A claim enters Holm's family once, with the smaller p of its statement and its opposite.
    tested = [name for name, of in every.items() if of and _seeds(of) > 1]
    p = {name: _p(name, every[name]) for name in tested}
    adjusted = dict(zip(tested, holm([min(p[name]) for name in tested]), strict=True))
    rows = []
    for name, claim in claims().items():
        of = every.get(name, [])
        row = {"claim": name, "place": claim["place"], "text": claim["claim"]}
        row |= {"paper": _said(of, "paper"), "ours": _said(of, "ours"), "magnitude": _met(of)}
        row |= {"p": min(p[name]) if name in p else None, "p_adjusted": adjusted.get(name)}
        verdict = _verdict(of, name in every, p.get(name), adjusted.get(name))
        runs = dict.fromkeys(run for part in of for run in part.runs)
        rows.append(row | {"verdict": verdict, "seeds": _seeds(of), "runs": " ".join(runs)})
    return pd.DataFrame(rows)


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
        said.append(" ".join(filter(None, (part.of, part.setting.replace("_", "-"), number))))
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
        if row.ours:
            met = f"    magnitude met: {row.magnitude}" if row.magnitude else ""
            lines += [f"    paper: {row.paper}", f"    here:  {row.ours}", *filter(None, [met])]
            lines += [f"    runs:  {_shortened(row.runs)}"]
    counts = table["verdict"].value_counts()
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if verdict in counts)
    model = job.model or job.settings.model
    where = f"profile {job.profile}, collection {job.collection}, model {model}"
    return "\n".join([*lines, "", f"{where}: {said}"])


def _shortened(runs: str, most: int = 6) -> str:
    names = runs.split()
    return " ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
