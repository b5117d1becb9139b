"""What the conditions are measured on: the untuned runs, the tuned ones, and their scores."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from flanrepro.errors import InputError
from flanrepro.experiments.condition_scores import Score, asked
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.scores import suite_of
from flanrepro.experiments.store import Run
from flanrepro.experiments.sweep import untuned
from flanrepro.sources import load_collection
from flanrepro.training.spec import RunSpec

MIXTURE = "flan2022"
"""The only mixture that is tuned on."""


@dataclass(frozen=True)
class Measured:
    """A measured quantity of a condition.

    Attributes:
        condition: `C1` to `C9`.
        quantity: its name in `report/conditions.yaml`, which has the bound.
        what: what it was measured on.
        value: number in the quantity's unit; NaN: not measured.
        n: number of items, tasks, prompts or runs; 0: not counted.
        runs: run ids, separated by spaces.
        seeds: number of seeds.
        seconds: seconds of the evaluations; NaN: not known.
        needs: what is needed where it was not measured.
    """

    condition: str
    quantity: str
    what: str
    value: float
    n: int = 0
    runs: str = ""
    seeds: int = 0
    seconds: float = math.nan
    needs: str = ""


def tuned_specs(job: Job) -> list[RunSpec]:
    """The specs of the tuned runs, one per seed; InputError if there is nothing to tune."""
    specs = list(job.specs(mixture=MIXTURE))
    # A spec without a start would train from random numbers, and all would look like a result.
    if not specs[0].start:
        raise InputError(
            f"no checkpoint of model '{job.model}' ships for collection '{job.collection}': make "
            "it with `flanrepro pretrain`, or choose another size"
        )
    return specs


@functools.cache
def tuned_runs(job: Job) -> list[Run]:
    """The runs tuned on Flan 2022, one per seed, trained if they are not finished."""
    return [job.store.get(spec) for spec in tuned_specs(job)]


@functools.cache
def untuned_runs(job: Job) -> list[Run]:
    """The run without steps, which all seeds share."""
    tuned_specs(job)  # a missing checkpoint is said here, too
    return [job.store.get(untuned(job))]


def settings(job: Job) -> list[tuple[str, int]]:
    """Every suite of the profile, zero-shot and few-shot."""
    return [(suite, k) for suite in job.settings.suites for k in (0, job.shots(suite))]


def on_suite(job: Job, runs: Sequence[Run], suite: str, shots: int, method: str = "") -> Score:
    """Scores runs on one of the collection's suites, with the profile's number of items."""
    found = suite_of(load_collection(job.collection), suite)
    # Suites that only the check asks are as large as they are needed.
    items = job.settings.items_of(suite) if suite in job.settings.suites else None
    return asked(runs, found, shots, items, method)


def row(condition: str, quantity: str, score: Score, value: float, what: str = "") -> Measured:
    """A measured quantity that was computed from a score."""
    return Measured(
        condition,
        quantity,
        what or score.named,
        value,
        n=score.n,
        runs=" ".join(score.runs),
        seeds=len(score.runs),
        seconds=score.seconds,
    )


def missing(condition: str, quantity: str, needs: str) -> Measured:
    """A quantity that was not measured, and what that needs."""
    return Measured(condition, quantity, "", math.nan, needs=needs)
