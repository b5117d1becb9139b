"""Sweeps: lists of specs, asked of the store; and the scores of the runs."""

from collections.abc import Iterable, Sequence

from tqdm import tqdm

from flanrepro.experiments.profiles import Job
from flanrepro.experiments.spec import RunSpec
from flanrepro.experiments.store import Run, RunStore


def few_shot_sweep(job: Job) -> list[RunSpec]:
    """The runs of Figure 3: one per few-shot fraction and seed, all else equal (section 3.2)."""
    return [
        spec
        for fraction in job.settings.fractions
        for spec in job.specs(few_shot_fraction=fraction)
    ]


def run_all(store: RunStore, specs: Sequence[RunSpec]) -> list[Run]:
    """The runs of `specs`: finished ones are read, the others trained one after the other."""
    return [
        store.get(spec, bar=f"run {i} of {len(specs)}: {spec.label()}")
        for i, spec in enumerate(specs, 1)
    ]


def evaluate_all(
    runs: Sequence[Run], suites: Iterable[str], shots: Iterable[int], items: int | None
):
    """Scores of all runs on all suites, zero- and few-shot, as a DataFrame.

    Columns: run, seed, suite, task, shots, metric, value and chance (per cent), n, and the few-shot
    fraction that the run was trained with.
    """
    import pandas as pd

    suites, shots = list(suites), list(shots)
    rows = [
        {"few_shot_fraction": run.spec.few_shot_fraction, **row}
        for run in tqdm(runs, desc="evaluated", unit="run", leave=False)
        for suite in suites
        for k in shots
        for row in run.evaluate(suite, k, items)
    ]
    return pd.DataFrame(rows)
