"""Finetuning on one task alone (section 4, A.2), with validation and test scores by step."""

import dataclasses
import functools
import io
import warnings
from collections.abc import Iterator

from flanrepro.collection.task import MissingTasks, Suite, Task
from flanrepro.errors import InputError
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.runner import run_sweep
from flanrepro.experiments.shipped_scores import shipped_table
from flanrepro.experiments.store import Run
from flanrepro.experiments.unknown_scores import known
from flanrepro.fields import shown
from flanrepro.model.model import Model
from flanrepro.sources import load_collection
from flanrepro.training.spec import RunSpec
from flanrepro.whole import write_whole

STATES = ("untuned", "tuned")
"""The two starts of finetuning: the checkpoint itself, or the model tuned from it on Flan 2022."""

LABELS = ("target", "group", "state", "seed")
COLUMNS = ("step", "metric", "validation", "test")


def starts(job: Job) -> list[RunSpec]:
    """The specs of the tuned models that finetuning starts from, one per seed."""
    return list(job.specs(mixture="flan2022"))


def single_task_specs(job: Job) -> Iterator[tuple[dict, RunSpec]]:
    """The specs of Figures 5 and 6, each with its labels: target, group, state, seed."""
    tuned = starts(job)
    for group, targets in job.settings.targets.items():
        for target in targets:
            if _missing(job, target):
                continue
            for state in STATES:
                for spec in tuned:
                    start = spec.run_id if state == "tuned" else ""
                    labels = dict(zip(LABELS, (target, group, state, spec.seed), strict=True))
                    yield labels, single_task_spec(job, target, seed=spec.seed, start=start)


def _missing(job: Job, target: str) -> bool:
    """True, with a warning, if the target's data is not available."""
    task = load_collection(job.collection).task(target)
    if reason := task.missing():
        warnings.warn(f"'{target}' is not finetuned on: {reason}", MissingTasks, stacklevel=3)
    return bool(reason)


def single_task_spec(job: Job, target: str, *, seed: int = 0, start: str = "") -> RunSpec:
    """The spec of finetuning on one target.

    Args:
        job: its profile has the hyperparameters, and the number of training records that become
            the validation split of a task without one (A.2).
        target: name of a task of the collection.
        seed: seed of the data order.
        start: run id of a tuned model; empty: the start of the profile's runs.
    """
    fields = dict(job.settings.single_task)
    del fields["validate_every"], fields["items"]  # they belong to validation, not to the spec
    if {"validation", "test"} <= set(load_collection(job.collection).task(target).splits):
        fields["held_out"] = 0
    # Zero-shot, with the answer options: the form in which a target is finetuned on and scored.
    first = next(job.specs(tasks=(target,), mixture="", few_shot_fraction=0.0, **fields))
    return dataclasses.replace(first, seed=seed, start=start or first.start, options_fraction=1.0)


def curves(job: Job, train: bool = True):
    """The scores of every finetuning run by step, as a DataFrame (Figures 5 and 6).

    Args:
        job: notebook parameters; engine `shipped` reads the scores that ship, others train here.
        train: false: leave out unfinished runs instead of training them.

    Returns:
        a row per run and validation: run, target, group (`held_in`, `held_out`; `little`: fewer
        than 1,000 training records), state (one of `STATES`), seed, step (0: the start), metric
        (Table 3's), validation and test (in per cent).

    Raises:
        InputError: runs failed, see `run_sweep`; no run ships, or no target's data is available.
    """
    import pandas as pd

    labelled = list(single_task_specs(job))
    if job.engine == "shipped":
        every = dict(iter(shipped_table(job.collection, "curves").groupby("run")))
        labelled = [(labels, spec) for labels, spec in labelled if spec.run_id in every]
        found = [every[spec.run_id] for _, spec in labelled]
    else:
        done = functools.partial(_kept, job)
        if train:
            # `run_sweep` takes runs that do not start from one another: the tuned models go first.
            run_sweep(job.store.get, starts(job), done=job.store.find, label="tuned models")
        else:
            labelled = [(labels, spec) for labels, spec in labelled if done(spec)]
        specs = [spec for _, spec in labelled]
        do = functools.partial(finetune, job)
        found = run_sweep(do, specs, done=done, label="finetuning runs")
    if not found and not train:
        return pd.DataFrame(columns=["run", *COLUMNS, *LABELS])
    if not found:
        raise InputError(
            f"no finetuning run of profile '{job.profile}' on '{job.collection}' "
            + (
                "ships: choose engine local"
                if job.engine == "shipped"
                else "has its data available"
            )
        )
    tables = [t.assign(**labels) for t, (labels, _) in zip(found, labelled, strict=True)]
    table = pd.concat(tables, ignore_index=True)
    for column in ("validation", "test"):
        table = known(table, "single_task", column)
    return table.reset_index(drop=True)


def best(table):
    """The row of `curves` with the highest validation score per run; the first of equals (A.2)."""
    return table.loc[table.groupby("run", sort=False)["validation"].idxmax()].reset_index(drop=True)


def finetune(job: Job, spec: RunSpec):
    """One run's rows of `curves`, without labels; kept rows are read, else the run is trained."""
    import pandas as pd

    if _kept(job, spec):
        return _read(job, spec)
    every, items = (job.settings.single_task[name] for name in ("validate_every", "items"))
    path = job.store.root / spec.run_id / "curve.csv"
    (task,) = spec.load_tasks()
    # A stopped run goes on from its last checkpoint and repeats the validations after it.
    rows = _read(job, spec).to_dict("records") if path.is_file() else []

    def validate(step: int, params: dict) -> None:
        model = Model(spec.run_id, spec.model_config(), params, spec.load_vocabulary())
        rows.append({"run": spec.run_id, "step": step, **_scores(spec, task, model, items)})
        # At once: `validate` is not called again for steps before the checkpoint.
        write_whole(path, pd.DataFrame(rows).to_csv(index=False))

    run = job.store.get(spec, each=validate, every=every)
    table = pd.DataFrame(rows, columns=["run", *COLUMNS])
    table = table.drop_duplicates("step", keep="last").sort_values("step")
    if len(table) != _validations(job, spec):
        raise InputError(
            f"run {spec.run_id} in {run.folder} was validated at {len(table)} steps, expected "
            f"{_validations(job, spec)}: move the folder away and run again"
        )
    write_whole(path, table.to_csv(index=False))
    return _read(job, spec)


def _scores(spec: RunSpec, task: Task, model: Model, items: int | None) -> dict:
    from flanrepro.evaluation.answers import answer_suite
    from flanrepro.evaluation.metrics import task_score

    found = {}
    for split in ("validation", "test"):
        rows = answer_suite(
            model,
            Suite(task.name, (task,), split),
            shots=0,
            items=items,
            inputs_length=spec.inputs_length,
            targets_length=spec.targets_length,
        )
        found["metric"], found[split] = task_score(task, rows)
    return found


def _read(job: Job, spec: RunSpec):
    import pandas as pd

    path = job.store.root / spec.run_id / "curve.csv"
    try:
        # pandas would read a run id such as 12e345678901 as a number.
        table = pd.read_csv(io.StringIO(path.read_text(encoding="utf-8")), dtype={"run": str})
        table = table[["run", *COLUMNS]].astype({"step": int, "validation": float, "test": float})
    except (OSError, ValueError, KeyError) as error:  # pandas' own errors are ValueErrors
        raise InputError(
            f"{path} cannot be read ({shown(error, 100)}): expected a row per validation; move the "
            "run's folder away and run again"
        ) from None
    return table


def _validations(job: Job, spec: RunSpec) -> int:
    return spec.steps // job.settings.single_task["validate_every"] + 1  # one at step 0


def _kept(job: Job, spec: RunSpec) -> Run | None:
    """The finished run if all of its validations are kept, else None."""
    run = job.store.find(spec)
    if run and (run.folder / "curve.csv").is_file():
        return run if len(_read(job, spec)) == _validations(job, spec) else None
    return None
