"""Finetuning on one task alone (section 4, A.2), with validation and test scores by step."""

import dataclasses
import functools
import hashlib
import io
import itertools
import json
from collections.abc import Iterator

from flanrepro.collection.suites import joined_lacks, lack_of, part
from flanrepro.collection.task import Suite, Task, training_split
from flanrepro.errors import InputError
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.runner import run_sweep
from flanrepro.experiments.scores import COVERAGE, VERSION, content_of, told
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
_KEPT = ["run", *COLUMNS, "asked"]


def starts(job: Job) -> list[RunSpec]:
    """The specs of the tuned models that finetuning starts from, one per seed."""
    return list(job.specs(mixture="flan2022"))


LITTLE = 1000
"""Number of training records below which A.2 averages over several seeds."""


def single_task_specs(job: Job) -> Iterator[tuple[dict, RunSpec]]:
    """The specs of Figures 5 and 6, each with its labels: target, group, state, seed.

    A target with fewer than 1,000 training records has the profile's `little_seeds` at least, as in
    A.2, unless the job asks for a number of seeds. Its further seeds start from the same tuned
    models over again: they change the order of its records, as the paper's do.
    """
    tuned = starts(job)
    for group, targets in job.settings.targets.items():
        for target in targets:
            if lack_of_target(job, target):
                continue
            count = _seeds(job, target, len(tuned))
            for state in STATES:
                for seed in range(count):
                    start = tuned[seed % len(tuned)].run_id if state == "tuned" else ""
                    labels = dict(zip(LABELS, (target, group, state, seed), strict=True))
                    yield labels, single_task_spec(job, target, seed=seed, start=start)


def _seeds(job: Job, target: str, usual: int) -> int:
    if job.seeds or _training_records(load_collection(job.collection).task(target)) >= LITTLE:
        return usual
    return max(usual, job.settings.little_seeds)


def _training_records(task: Task) -> int:
    """Number of the publisher's records to train on, before any are held out."""
    return task.size(training_split(task))


def lack_of_target(job: Job, target: str) -> str:
    """What a target lacks to be finetuned and tested on, e.g. `no test data`; empty: nothing."""
    task = load_collection(job.collection).task(target)
    # Without a test split, the validation split is tested on, and validation records are held out.
    needed = [training_split(task), *(s for s in ("validation", "test") if s in task.splits)]
    return next((lack_of(task, (s,)) for s in dict.fromkeys(needed) if task.missing(s)), "")


def coverage(job: Job) -> dict[str, dict[str, str]]:
    """The columns `flanrepro.experiments.scores.COVERAGE` by group of targets."""
    found = {}
    for group, targets in job.settings.targets.items():
        lacks: dict[str, list[str]] = {}
        for target in targets:
            if lack := lack_of_target(job, target):
                lacks.setdefault(lack, []).append(target)
        loaded, left = load_collection(job.collection), [*itertools.chain(*lacks.values())]
        here = tuple(loaded.task(target) for target in targets if target not in left)
        lacking = "; ".join(filter(None, (joined_lacks(lacks), part(Suite(group, here, "test")))))
        said = (f"{len(here)} of {len(targets)} targets", lacking)
        found[group] = dict(zip(COVERAGE, said, strict=True))
    return found


def single_task_spec(job: Job, target: str, *, seed: int = 0, start: str = "") -> RunSpec:
    """The spec of finetuning on one target.

    Args:
        job: its profile has the hyperparameters, and the number of training records that become
            the validation split of a task without one, see `held_out`.
        target: name of a task of the collection.
        seed: seed of the data order.
        start: run id of a tuned model; empty: the start of the profile's runs.
    """
    fields = dict(job.settings.single_task)
    del fields["validate_every"], fields["items"]  # they belong to validation, not to the spec
    task = load_collection(job.collection).task(target)
    fields["held_out"] = held_out(task, fields["held_out"])
    # Zero-shot, with the answer options: the form in which a target is finetuned on and scored.
    first = next(job.specs(tasks=(target,), mixture="", few_shot_fraction=0.0, **fields))
    return dataclasses.replace(first, seed=seed, start=start or first.start, options_fraction=1.0)


def held_out(task: Task, most: int) -> int:
    """Number of training records that become validation records of finetuning on a task.

    A task with training, validation and test records keeps its splits: 0. From another, A.2 holds
    out `most` (1,024). Where that is more than half of the records, a tenth is held out: A.2 is
    silent there, and PubMedQA's authors validate on 50 of its 500.
    """
    if {"train", "validation", "test"} <= set(task.splits):
        return 0
    size = _training_records(task)
    return most if 2 * most <= size else max(1, size // 10)


def curves(job: Job, train: bool = True):
    """The scores of every finetuning run by step, as a DataFrame (Figures 5 and 6).

    Args:
        job: notebook parameters; engine `shipped` reads the scores that ship, others train here.
        train: false: leave out unfinished runs instead of training them.

    Returns:
        a row per run and validation: run, target, group (`held_in`, `held_out`; `little`: fewer
        than 1,000 training records), state (one of `STATES`), seed, step (0: the start), metric
        (Table 3's), validation and test (in per cent), items (number of either's, the smaller
        one; NaN for a metric that is no mean of right answers). If targets lack data here, also the
        columns `flanrepro.experiments.scores.COVERAGE`, which say so per group.

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
    items = {target: _items(job, target) for target in set(table["target"])}
    table["items"] = table["target"].map(items).where(table["metric"] == "accuracy")
    if job.engine != "shipped":  # what ships was made with all targets
        said = coverage(job)
        for column in COVERAGE:
            table[column] = [said[group][column] for group in table["group"]]
    for column in ("validation", "test"):
        table = known(table, "single_task", column)
    return told(table).reset_index(drop=True)


def best(table):
    """The row of `curves` with the highest validation score per run; the first of equals (A.2)."""
    runs = table.groupby(["group", "run"], sort=False)  # a target may be in two groups
    return table.loc[runs["validation"].idxmax()].reset_index(drop=True)


def finetune(job: Job, spec: RunSpec):
    """One run's rows of `curves`, without labels; kept rows are read, else the run is trained."""
    import pandas as pd

    if _kept(job, spec):
        return _read(job, spec)[["run", *COLUMNS]]
    every, items = (job.settings.single_task[name] for name in ("validate_every", "items"))
    path, asked = job.store.root / spec.run_id / "curve.csv", _asked(job, spec)
    (task,) = spec.load_tasks()
    # A stopped run goes on from its last checkpoint and repeats the validations after it.
    rows = _read(job, spec).to_dict("records") if path.is_file() else []

    def validate(step: int, params: dict) -> None:
        model = Model(spec.run_id, spec.model_config(), params, spec.load_vocabulary())
        row = {"run": spec.run_id, "step": step, "asked": asked}
        rows.append(row | _scores(spec, task, model, items))
        # At once: `validate` is not called again for steps before the checkpoint.
        write_whole(path, pd.DataFrame(rows).to_csv(index=False))

    run = job.store.get(spec, each=validate, every=every)
    table = pd.DataFrame(rows, columns=_KEPT)
    table = table.drop_duplicates("step", keep="last").sort_values("step")
    if len(table) != _validations(job, spec):
        raise InputError(
            f"run {spec.run_id} in {run.folder} was validated at {len(table)} steps, expected "
            f"{_validations(job, spec)}: move the folder away and run again (validations by "
            f"another version's rules or on other records do not count)"
        )
    write_whole(path, table.to_csv(index=False))
    return _read(job, spec)[["run", *COLUMNS]]


def _asked(job: Job, spec: RunSpec) -> str:
    """12 hexadecimal digits of what validation asks, on which records and how it scores them."""
    (task,) = spec.load_tasks()
    content = [content_of(suite, task, 0) for suite in _suites(task)]
    text = json.dumps([VERSION, job.settings.single_task["items"], content])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _suites(task: Task) -> list[Suite]:
    return [Suite(task.name, (task,), split) for split in ("validation", "test")]


def _items(job: Job, target: str) -> int:
    """The number of a target's items that are validated or tested on, the smaller one."""
    task = load_collection(job.collection).task(target)
    sizes = [task.size(suite.split_of(task)) for suite in _suites(task)]
    return min(*sizes, job.settings.single_task["items"] or max(sizes))


def _scores(spec: RunSpec, task: Task, model: Model, items: int | None) -> dict:
    from flanrepro.evaluation.answers import answer_suite
    from flanrepro.evaluation.metrics import task_score

    found = {}
    for suite in _suites(task):
        rows = answer_suite(
            model,
            suite,
            shots=0,
            items=items,
            inputs_length=spec.room,
            targets_length=spec.targets_length,
        )
        found["metric"], found[suite.split] = task_score(task, rows)
    return found


def _read(job: Job, spec: RunSpec):
    """The kept validations that were asked as now, as a DataFrame with the columns `_KEPT`."""
    import pandas as pd

    path = job.store.root / spec.run_id / "curve.csv"
    try:
        # pandas would read a run id such as 12e345678901 as a number.
        texts, file = {"run": str, "asked": str}, io.StringIO(path.read_text(encoding="utf-8"))
        table = pd.read_csv(file, dtype=texts)[_KEPT]
        table = table.astype({"step": int, "validation": float, "test": float})
    except (OSError, ValueError, KeyError) as error:  # pandas' own errors are ValueErrors
        raise InputError(
            f"{path} cannot be read ({shown(error, 100)}): expected a row per validation; move the "
            "run's folder away and run again"
        ) from None
    return table[table["asked"] == _asked(job, spec)].reset_index(drop=True)


def _validations(job: Job, spec: RunSpec) -> int:
    return spec.steps // job.settings.single_task["validate_every"] + 1  # one at step 0


def _kept(job: Job, spec: RunSpec) -> Run | None:
    """The finished run if all of its validations are kept, else None."""
    run = job.store.find(spec)
    if run and (run.folder / "curve.csv").is_file():
        return run if len(_read(job, spec)) == _validations(job, spec) else None
    return None
