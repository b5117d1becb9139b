"""Break-even of one instruction tuning against many finetunings without it (section 4)."""

import math

import pandas as pd

from flanrepro.experiments.profiles import Job
from flanrepro.experiments.results import trace
from flanrepro.experiments.single_task import starts
from flanrepro.report.contrasts import GROUPS, saved_steps


def table(job: Job, curves: pd.DataFrame) -> pd.DataFrame:
    """The cost of tuning beside what it saves per target, in steps and in seconds.

    A step of tuning has longer rows than one of finetuning: the seconds say what that is worth.

    Args:
        job: notebook parameters, which name the tuned models.
        curves: DataFrame of `flanrepro.experiments.single_task.curves`.

    Returns:
        a row per unit, `steps` and `seconds` (of training, as runs record them): unit, tuning (the
        mean over the tuned models), saved (per held-out target, see
        `flanrepro.report.contrasts.mean_saving`; a mean over targets and seeds), targets (number
        from which on tuning is cheaper; NaN if it saves nothing).
    """
    rows = curves[curves["group"].isin(GROUPS["mean_saving"])]
    by_target = rows.groupby("target", sort=False)
    steps = pd.DataFrame({target: saved_steps(own) for target, own in by_target}).dropna()
    per_step = {
        target: _mean([_seconds(job, run) / own["step"].max() for run in own["run"].unique()])
        for target, own in by_target
    }
    tuned = starts(job)
    saved = {"steps": steps.mean().mean(), "seconds": (steps.mean() * pd.Series(per_step)).mean()}
    tuning = {
        "steps": _mean([spec.steps for spec in tuned]),
        "seconds": _mean([_seconds(job, spec.run_id) for spec in tuned]),
    }
    return pd.DataFrame(
        {"unit": unit, "tuning": tuning[unit], "saved": gain}
        | {"targets": math.ceil(tuning[unit] / gain) if gain > 0 else math.nan}
        for unit, gain in saved.items()
    )


def _seconds(job: Job, run: str) -> float:
    return trace(job, run)["seconds"]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
