"""The claims of the papers, and their parts: one contrast each, on a suite or a target."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from flanrepro.packaged import read_yaml
from flanrepro.report import contrasts, coverage
from flanrepro.report.item_noise import Answers, noise
from flanrepro.report.paper import published
from flanrepro.report.statistics import equivalence_p, interval, p_value

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
        paper: the paper's number, or `>0` or `<0` where it gives none.
        direction: the paper's sign, 1 or -1; 0: an equivalence.
        smallest: smallest effect that counts, in the claim's unit.
        values: the contrast, one number per seed.
        runs: run ids that it rests on.
        coverage: number of the suite's tasks that were evaluated, and what the others lack, as in
            `flanrepro.report.coverage.COVERAGE`; empty: all were.
        noise: standard error over items at one seed; NaN: unknown, or there are several seeds.
    """

    claim: str
    of: str
    setting: str
    paper: float | str
    direction: int
    smallest: float
    values: tuple[float, ...]
    runs: tuple[str, ...]
    coverage: Mapping[str, str] = field(default_factory=dict, hash=False)
    noise: float = math.nan

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

    @property
    def name(self) -> str:
        """The suite and setting, or the target, as text."""
        return _named(self.of, self.setting)

    def row(self) -> dict[str, Any]:
        low, high = interval(self.values)
        values = (self.claim, self.of, self.setting, self.paper, self.ours, low, high)
        rest = (self.smallest, *self.p, self.magnitude, len(self.values), " ".join(self.runs))
        return dict(zip(COLUMNS, (*values, *rest), strict=True)) | self.coverage


def parts_of(name: str, table: pd.DataFrame, answers: Answers | None = None) -> list[Part]:
    """The parts of a claim for which the table has the runs.

    Args:
        name: id of a claim in `claims.yaml`.
        table: DataFrame of the claim's sweep, from `flanrepro.experiments.results.scores` or
            `flanrepro.experiments.single_task.curves`.
        answers: see `flanrepro.report.item_noise.noise`.
    """
    claim = claims()[name]
    contrast = getattr(contrasts, claim["contrast"])
    made = []
    for of, setting, paper, cell in _cells(claim, table):
        values, runs = contrast(claim, cell)
        if len(values):
            direction = 0 if claim.get("direction") == "none" else sign_of(paper)
            numbers = tuple(float(value) for value in values)
            smallest = claim["smallest_effect"]
            said = {} if claim["sweep"] == "single_task" else lacks_of(claim, cell)
            error = noise(contrast, claim, cell, answers) if len(numbers) == 1 else math.nan
            rest = (direction, smallest, numbers, tuple(runs), said, error)
            made.append(Part(name, of, setting, paper, *rest))
    return made


def sign_of(paper: float | str) -> int:
    """The sign of the paper's number, 1 or -1; `>0` and `<0` have one, too."""
    return -1 if paper == "<0" or (not isinstance(paper, str) and paper <= 0) else 1


def _cells(claim: Mapping[str, Any], table: pd.DataFrame) -> Iterator[tuple]:
    """Per part of a claim: suite or target, setting, the paper's number, and the rows of scores."""
    if claim["sweep"] == "single_task":
        group = contrasts.GROUPS[claim["contrast"]]
        rows = table[table["group"].isin(group)]
        if together := contrasts.TOGETHER.get(claim["contrast"]):
            yield together, "", claim["paper"], rows
            return
        for target, cell in rows.groupby("target", sort=False):
            yield target, "", claim["paper"], cell
        return
    for suite, setting, paper in _numbers(claim):
        rows = table[table["suite"] == suite]
        if suites := claim.get("average", {}).get(suite):
            rows = averaged(table, suites, _keys(claim)).assign(suite=suite)
        # A claim that compares settings needs both.
        cell = rows if "setting" in claim.get("of", {}) else rows[rows["setting"] == setting]
        if len(cell):
            yield suite, setting, paper, cell


def _keys(claim: Mapping[str, Any]) -> list[str]:
    """The columns that tell the rows of a claim apart, beside the suites."""
    sides = [claim.get("of", {}), claim.get("to", {})]
    wheres = [one for side in sides for one in (side if isinstance(side, list) else [side])]
    named = [column for where in wheres for column in where]
    return list(dict.fromkeys(["model", "seed", "setting", *named, *claim.get("over", ())]))


def averaged(table: pd.DataFrame, suites: Sequence[str], keys: Sequence[str]) -> pd.DataFrame:
    """The means over suites, e.g. of FLAN 2021's clusters, which may be of several runs.

    Args:
        table: DataFrame of `flanrepro.experiments.results.scores`.
        suites: names of the suites; those that no row has are left out, and `left_out` says so.
        keys: names of the columns that tell rows apart; a group without one of the suites has no
            mean.

    Returns:
        the first row of each group, with the mean `value` and `chance`, their standard error as of
        independent scores, the sum of `n`, and the run ids in `run`, separated by spaces.
    """
    rows, here = table[table["suite"].isin(suites)], set(table["suite"])
    absent = [name for name in suites if name not in here]
    lack = f"no scores of {', '.join(absent)}" if absent else ""
    means = []
    for _, group in rows.groupby(list(keys), sort=False, dropna=False):
        if len(group) != len(suites) - len(absent):
            continue
        mean = group.iloc[0].to_dict() | {"run": " ".join(dict.fromkeys(group["run"]))}
        mean |= {name: group[name].mean(skipna=False) for name in ("value", "chance")}
        mean |= coverage.of_rows(group)
        mean |= {"items": None, "n": group["n"].sum(), "metric": "mean"}
        errors = group["standard_error"].to_numpy(float)
        mean["standard_error"] = float(np.sqrt((errors**2).sum())) / len(group)
        if lack:
            mean["left_out"] = "; ".join(filter(None, (mean.get("left_out", ""), lack)))
        means.append(mean)
    return pd.DataFrame(means, columns=None if means else table.columns)


def _numbers(claim: Mapping[str, Any]) -> list[tuple[str, str, float | str]]:
    """The paper's numbers by suite and setting; null, where the paper claims nothing, is none."""
    return [
        (suite, setting, number)
        for suite, numbers in claim["paper"].items()
        for setting, number in zip(SETTINGS, numbers, strict=True)
        if number is not None
    ]


def lacks_of(claim: Mapping[str, Any], cell: pd.DataFrame) -> dict[str, str]:
    """The tasks that the cell's suite lacks, and the alternatives of `to` that were not run."""
    said = coverage.of_rows(cell)
    to = claim.get("to", {})
    for column, wanted in to.items() if isinstance(to, Mapping) else ():
        alternatives = wanted if isinstance(wanted, list) else []
        if absent := [str(value) for value in alternatives if value not in set(cell[column])]:
            of = "" if column == "mixture" else f"{column} "  # a mixture's name says what it is
            lack = f"{of}{', '.join(absent)} not run, so not compared with"
            said["left_out"] = "; ".join(filter(None, (said.get("left_out", ""), lack)))
    return said


Targets = Mapping[str, Sequence[str]]
"""Names of finetuning targets by group, see `flanrepro.experiments.profiles.Profile`."""


def asked_of(name: str, found: list[Part], targets: Targets) -> list[str]:
    """The names of all parts of a claim; of finetuning, Table 3's targets and the given ones."""
    claim = claims()[name]
    if "contrast" not in claim:  # a claim whose runs this version does not make
        return []
    if together := contrasts.TOGETHER.get(claim["contrast"]):
        return [together]
    if claim["sweep"] == "single_task":
        groups = contrasts.GROUPS[claim["contrast"]]
        every = [t for group in groups for t in (*_table_3(group), *targets.get(group, ()))]
        return list(dict.fromkeys([*every, *(part.name for part in found)]))
    return [_named(suite, setting) for suite, setting, _ in _numbers(claim)]


def _named(suite: str, setting: str) -> str:
    """A suite and setting, or a target (which has no setting), as text."""
    return " ".join(filter(None, (suite, setting.replace("_", "-"))))


def stated_numbers(name: str) -> str:
    """The numbers of a claim on published ones, as text, e.g. `mmlu zero-shot +1.2`."""
    numbers = _numbers(claims()[name])
    return "; ".join(f"{_named(*where)} {number:+.1f}" for *where, number in numbers)


def published_numbers(name: str) -> pd.DataFrame:
    """The paper's own scores that a claim on published numbers compares, in per cent.

    Returns:
        a row per model, `of` first; a column per suite and setting that the claim has a number for.
    """
    claim = claims()[name]
    rows = published(claim["published"]).set_index("row").loc[[claim["of"], *claim["to"]]]
    wide = rows.pivot_table(index="row", columns=["suite", "setting"], values="value", sort=False)
    return wide[[(suite, setting) for suite, setting, _ in _numbers(claim)]]


def _table_3(group: str) -> list[str]:
    """Table 3's targets of a group; the paper does not say which tasks have little data."""
    if group == "little":
        return []
    stated = published("table_3")
    return " ".join(stated.loc[stated[f"single_task_{group}"], "tasks"]).split()
