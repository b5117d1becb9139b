"""What the runs of all figures and tables cost on this machine, from a part of one of them.

Seconds are of the processor, not of the clock: what else runs on the machine does not count.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from flanrepro.experiments.condition_scores import core_seconds_of
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.scores import suite_of
from flanrepro.experiments.single_task import single_task_specs
from flanrepro.experiments.start import start_input
from flanrepro.experiments.store import Run
from flanrepro.experiments.sweep import SWEEPS
from flanrepro.sources import load_collection
from flanrepro.training.spec import RunSpec

STEPS = 200
"""Number of steps that are timed."""


@dataclass(frozen=True)
class Pace:
    """Core-seconds of training and of evaluating, measured here.

    Attributes:
        per_token: core-seconds per token of training, padding included, without compilation.
        per_suite: core-seconds per suite and number of exemplars, at the profile's items.
        per_item: core-seconds per item of Held-In, zero-shot.
    """

    per_token: float
    per_suite: dict[tuple[str, int], float]
    per_item: float


def measured_pace(job: Job, run: Run) -> Pace:
    """Times the first steps of a run, and the evaluation of a finished one on every suite."""
    loaded, items = load_collection(job.collection), job.settings.items_of
    pairs = dict.fromkeys(pair for sweep in SWEEPS.values() for pair in sweep.evaluated(job))
    per_suite = {
        (name, k): core_seconds_of(run, suite_of(loaded, name), k, items(name)) for name, k in pairs
    }
    held_in = loaded.suites["held_in"].tasks
    asked = (_asked(task.size("validation"), items("held_in")) for task in held_in)
    return Pace(_per_token(run.spec), per_suite, per_suite["held_in", 0] / sum(asked))


def _per_token(spec: RunSpec) -> float:
    from flanrepro.training.loop import train

    steps, times = min(STEPS, spec.steps), {}

    def note(step: int, params: dict) -> None:
        times[step] = time.process_time()

    with tempfile.TemporaryDirectory() as folder:
        how = {"each": note, "every": max(1, steps // 4), "stop_at": steps}
        train(spec, Path(folder) / "checkpoints", **how, **start_input(spec, Path(folder)))
    # The first quarter has the compilation in it.
    _, first, *_, last = sorted(times)
    return (times[last] - times[first]) / _tokens(spec, last - first)


def core_seconds(job: Job, pace: Pace) -> tuple[float, int]:
    """Estimates the core-seconds of all runs of a profile.

    Drawing figures and starting notebooks is not in it.

    Args:
        job: profile, number of seeds, and the size of the model that the pace was measured on.
        pace: what training and evaluating take.

    Returns:
        the seconds, and the number of runs.
    """
    evaluated: dict[RunSpec, set[tuple[str, int]]] = {}
    for sweep in SWEEPS.values():
        for spec in sweep.specs(job):
            evaluated.setdefault(spec, set()).update(sweep.evaluated(job))
    single = list(dict.fromkeys(spec for _, spec in single_task_specs(job)))
    training = pace.per_token * sum(map(_tokens, (*evaluated, *single)))
    suites = sum(pace.per_suite[pair] for pairs in evaluated.values() for pair in pairs)
    seconds = training + suites + pace.per_item * _validated(job, single)
    return seconds, len(evaluated) + len(single)


def _tokens(spec: RunSpec, steps: int | None = None) -> int:
    """The tokens of a number of a run's batches (None: all), padding included."""
    return (
        (spec.steps if steps is None else steps)
        * spec.batch_size
        * (spec.inputs_length + spec.targets_length)
    )


def _validated(job: Job, single: list[RunSpec]) -> int:
    """Number of items that finetuning runs are validated and tested on."""
    every, items = (job.settings.single_task[name] for name in ("validate_every", "items"))
    return sum(
        (spec.steps // every + 1) * _asked(task.size(split), items)
        for spec in single
        for task in spec.load_tasks()
        for split in ("validation", "test" if "test" in task.splits else "validation")
    )


def _asked(size: int, items: int | None) -> int:
    return min(size, items or size)
