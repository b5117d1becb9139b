"""Sweeps: lists of specs, asked of the store; and the scores of the runs."""

import dataclasses
import io
from collections.abc import Iterable, Mapping, Sequence

from tqdm import tqdm

from flanrepro.collection.named import mixture_names
from flanrepro.collection.task import Suite
from flanrepro.errors import InputError
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.spec import RunSpec
from flanrepro.experiments.store import Run, RunStore
from flanrepro.model.model import Model
from flanrepro.whole import write_whole


def few_shot_sweep(job: Job) -> list[RunSpec]:
    """The runs of Figure 3: one per few-shot fraction and seed, all else equal (section 3.2)."""
    return [
        spec
        for fraction in job.settings.fractions
        for spec in job.specs(few_shot_fraction=fraction)
    ]


def untuned(job: Job) -> RunSpec:
    """The checkpoint that the profile's runs start from, as a run of no steps."""
    first = next(job.specs(mixture="flan2022"))
    return dataclasses.replace(first, steps=0, seed=0, warmup_steps=0, decay_steps=0)


COLLECTIONS_OF_TABLE_1 = ("flan2021", "p3++", "niv2")
ABLATIONS = (
    "flan2022",
    "flan2022_without_cot",
    "flan2022_without_inversion",
    "equal",
    "flan2022_without_few_shot",
)


def ablations(job: Job) -> list[RunSpec]:
    """The runs of Table 1 and Figure 1: methods left out, and other collections."""
    names = (*ABLATIONS, *COLLECTIONS_OF_TABLE_1)
    return [spec for name in names for spec in job.specs(mixture=name)]


def task_scaling(job: Job) -> list[RunSpec]:
    """The runs of Figure 4: sizes of the model by numbers of tasks, trained zero-shot alone."""
    return [
        spec
        for size in job.settings.sizes
        for subset in (*job.settings.subsets, None)
        for spec in dataclasses.replace(job, model=size).specs(
            mixture="flan2022_without_few_shot", subset=subset
        )
    ]


def inversion_sweep(job: Job) -> list[RunSpec]:
    """The runs of section 3.4, by inverted prompts per regular one; the mixture's own rate and
    none are runs of Table 1."""
    named = {0.0: {"mixture": "flan2022_without_inversion"}, 0.3: {"mixture": "flan2022"}}
    return [
        spec
        for rate in job.settings.inversion_rates
        for spec in job.specs(**named.get(rate, {"mixture": "flan2022", "inversion_rate": rate}))
    ]


def leave_one_out(job: Job) -> list[RunSpec]:
    """The runs of Table 2: the weights of the paper, equal ones, and each source left out."""
    names = [n for n in mixture_names() if n == "equal" or n.startswith("equal_without_")]
    return [spec for name in ("flan2022", *names) for spec in job.specs(mixture=name)]


def single_task_spec(job: Job, target: str, *, seed: int = 0, start: str = "") -> RunSpec:
    """The run of `single_task`."""
    fields = dict(job.settings.single_task)
    del fields["validate_every"], fields["items"]
    first = next(job.specs(tasks=(target,), mixture="", few_shot_fraction=0.0, **fields))
    return dataclasses.replace(first, seed=seed, start=start or first.start, options_fraction=1.0)


def single_task(job: Job, target: str, *, seed: int = 0, start: str = ""):
    """Finetunes on one task alone (section 4); its validation score by step, as a DataFrame.

    Args:
        job: its profile has the hyperparameters, and how often it is validated.
        target: a task of the collection that has a validation split.
        seed: of the data order.
        start: a run id, or empty: where the profile's runs start.

    Returns:
        run, step, metric (Table 3's) and value, in per cent.
    """
    import pandas as pd

    from flanrepro.evaluation.evaluate import evaluate
    from flanrepro.evaluation.metrics import task_score

    every, items = (job.settings.single_task[name] for name in ("validate_every", "items"))
    spec = single_task_spec(job, target, seed=seed, start=start)
    task = spec.load_collection().task(target)
    path, rows = job.store.root / spec.run_id / "validation.csv", []

    def validate(step: int, params: dict) -> None:
        predictions = evaluate(
            Model(spec.run_id, spec.model_config(), params, spec.load_vocabulary()),
            Suite(target, (task,)),
            shots=0,
            items=items,
            inputs_length=spec.inputs_length,
            targets_length=spec.targets_length,
        )
        metric, value = task_score(task, predictions)
        rows.append({"run": spec.run_id, "step": step, "metric": metric, "value": value})

    if path.is_file():  # of a run that was stopped: what comes after the checkpoint comes again
        rows += pd.read_csv(io.StringIO(path.read_text())).to_dict("records")
    run = job.store.get(spec, bar=f"{target}, seed {seed}", each=validate, every=every)
    table = pd.DataFrame(rows).drop_duplicates("step", keep="last")
    if len(table) != spec.steps // every + 1:
        raise InputError(
            f"run {spec.run_id} in {run.folder} was validated at {len(table)} steps, expected "
            f"{spec.steps // every + 1}: move the folder away and run again"
        )
    write_whole(path, table.to_csv(index=False))
    return table


def run_all(store: RunStore, specs: Sequence[RunSpec]) -> list[Run]:
    """The runs of `specs`: finished ones are read, the others trained one after the other."""
    return [
        store.get(spec, bar=f"run {i} of {len(specs)}: {spec.label()}")
        for i, spec in enumerate(specs, 1)
    ]


def evaluate_all(
    runs: Sequence[Run],
    suites: Iterable[str],
    shots: Iterable[int],
    items: int | Mapping[str, int] | None,
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
        for row in run.evaluate(suite, k, items[suite] if isinstance(items, Mapping) else items)
    ]
    return pd.DataFrame(rows)
