"""The runs that a notebook asks for, before any of them is trained or read."""

import dataclasses
from collections.abc import Iterable

from flanrepro.errors import InputError
from flanrepro.experiments.flan2021 import FLAN2021
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.results import trace
from flanrepro.experiments.single_task import single_task_specs
from flanrepro.experiments.sweep import SWEEPS
from flanrepro.training.spec import RunSpec


def planned(job: Job, *sweeps: str) -> list[RunSpec]:
    """The specs of sweeps' first seed, each once, as they would be trained here.

    Args:
        job: notebook parameters. The prompts are of this version, also of engine `shipped`.
        sweeps: keys of `flanrepro.experiments.sweep.SWEEPS` or
            `flanrepro.experiments.flan2021.FLAN2021`.
    """
    here, of = _here(job), SWEEPS | FLAN2021
    return list(dict.fromkeys(spec for name in sweeps for spec in of[name].specs(here)))


def planned_single(job: Job) -> list[RunSpec]:
    """The specs of section 4's finetunings of the first seed, see `planned`."""
    here = _here(job)
    return list(dict.fromkeys(spec for _, spec in single_task_specs(here)))


def _here(job: Job) -> Job:
    return dataclasses.replace(
        job, seeds=1, engine="local" if job.engine == "shipped" else job.engine
    )


def measured(job: Job, specs: Iterable[RunSpec]) -> dict[str, list[float]]:
    """The seconds of training of the runs that are finished here, or ship, by device."""
    found: dict[str, list[float]] = {}
    for spec in specs:
        try:
            facts = trace(job, spec.run_id)
        except InputError:  # neither is
            continue
        cores = facts.get("cores")
        device = facts["device"] + (f", {cores} cores" if cores else "")
        found.setdefault(device, []).append(facts["seconds"])
    return found


EXAMPLES = {
    "ablations": {"mixture": "flan2022"},
    "few_shot": {"few_shot_fraction": 0.5},
    "task_scaling": {"subset": None},
    "inversion": {"mixture": "flan2022", "inversion_rate": None},
    "leave_one_out": {"mixture": "flan2022"},
}
"""The run of a sweep that its notebook looks at closely, by fields of its spec."""


def example(job: Job, sweep: str) -> RunSpec:
    """The spec of `EXAMPLES`, of the first seed."""
    wanted = EXAMPLES[sweep].items()
    specs = planned(job, sweep)
    of = (spec for spec in specs if all(getattr(spec, name) == value for name, value in wanted))
    return next(of, specs[0])  # a profile's own numbers may lack this one
