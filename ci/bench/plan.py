"""How many runs, steps and prompts a profile's figures and claims take; nothing is trained."""

import dataclasses
import functools

import pandas as pd

from flanrepro.collection.task import Suite
from flanrepro.data.fates import count_fates
from flanrepro.data.packing import pack
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.single_task import single_task_specs
from flanrepro.experiments.sweep import SWEEPS
from flanrepro.sources import load_collection
from flanrepro.training.spec import RunSpec


def table(job: Job, batches: int = 20) -> pd.DataFrame:
    """The runs of a job's sweeps and finetunings, each counted where it is asked for first.

    Args:
        job: notebook parameters.
        batches: number of each mixture's first batches that prompts per step are counted in.

    Returns:
        a row per sweep: sweep, runs, new (runs of no sweep above), steps, prompts (trained on, in
        thousands, by the count of the first batches) and items (asked in evaluation, in thousands;
        without the validations of finetuning), all three of what no sweep above has.
    """
    # A mixture's lengths change little with its seed.
    per_step = functools.cache(lambda spec: _prompts_per_step(spec, batches))
    seen: set[RunSpec] = set()
    asked: set[tuple] = set()
    rows = []
    for name, sweep in SWEEPS.items():
        specs = list(dict.fromkeys(sweep.specs(job)))
        pairs = {(spec, *pair) for spec in specs for pair in sweep.evaluated(job)} - asked
        items = sum(_items(job, *pair) for _, *pair in pairs)
        rows.append(_row(name, specs, seen, per_step) | {"items": items / 1000})
        seen.update(specs)
        asked |= pairs
    finetuned = list(dict.fromkeys(spec for _, spec in single_task_specs(job)))
    rows.append(_row("single_task", finetuned, seen, per_step) | {"items": 0.0})
    return pd.DataFrame(rows)


def _row(name: str, specs: list[RunSpec], seen: set[RunSpec], per_step) -> dict:
    new = [spec for spec in specs if spec not in seen]
    prompts = sum(spec.steps * per_step(_of_seed_0(spec)) for spec in new)
    counts = {"sweep": name, "runs": len(specs), "new": len(new)}
    return counts | {"steps": sum(spec.steps for spec in new), "prompts": prompts / 1000}


def _of_seed_0(spec: RunSpec) -> RunSpec:
    same = {"steps": 0, "warmup_steps": 0, "decay_steps": 0, "start": "", "model": "nano"}
    # Each seed draws other tasks for a subset, which has data of its own.
    return dataclasses.replace(spec, **same, **({} if spec.subset else {"seed": 0}))


def _prompts_per_step(spec: RunSpec, batches: int) -> float:
    lengths = (spec.inputs_length, spec.targets_length)
    rows = {
        "batch_size": spec.batch_size,
        "inputs_length": lengths[0],
        "targets_length": lengths[1],
    }
    packed = pack(spec.load_examples(), **rows, prefetch=0)
    return sum(count_fates(next(packed)["fate"])["examples"] for _ in range(batches)) / batches


def _items(job: Job, name: str, shots: int) -> int:
    """The number of items that a suite asks at a profile."""
    suite: Suite = load_collection(job.collection).suites[name]
    most = job.settings.items_of(name)
    sizes = (task.size(suite.split_of(task)) for task in suite.tasks)
    return sum(size if most is None else min(size, most) for size in sizes)
