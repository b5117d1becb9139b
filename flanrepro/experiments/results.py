"""Scores of sweeps as one tidy table, from runs trained here or from the scores that ship."""

import functools
import itertools
from collections.abc import Sequence

from flanrepro.collection.named import named_mixture
from flanrepro.errors import InputError
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.runner import run_sweep
from flanrepro.experiments.shipped_scores import shipped_run, shipped_table
from flanrepro.experiments.sweep import SWEEPS
from flanrepro.experiments.unknown_scores import known
from flanrepro.fields import shown
from flanrepro.sources import load_collection
from flanrepro.training.spec import RunSpec
from flanrepro.whole import kind_of, read_json

OF_SPEC = ("collection", "model", "seed", "mixture", "few_shot_fraction", "subset")
DESCRIBED = ("run", *OF_SPEC, "inversion_rate", "tasks")
COLUMNS = ("run", "suite", "shots", "items", "metric", "value", "chance", "standard_error", "n")


def scores(job: Job, sweep: str, train: bool = True):
    """The suite scores of a sweep's runs, as a DataFrame. Finished runs are read, not trained.

    Args:
        job: notebook parameters; engine `shipped` reads the scores that ship, others train here.
        sweep: a key of `flanrepro.experiments.sweep.SWEEPS`.
        train: false: leave out unfinished runs instead of training them.

    Returns:
        a row per run, suite and shots: run, collection, model, seed, mixture, few_shot_fraction,
        inversion_rate (inverted prompts per regular one; NaN: the mixture's own rate), subset
        (number of tasks asked for; NaN: all), tasks (number of tasks), suite, shots, setting
        (`zero_shot`, `few_shot`), items (asked for per task; NaN: all), metric, value and chance in
        per cent, standard_error (over items), n (items).

    Raises:
        InputError: runs failed, see `run_sweep`; or no run of the sweep ships.
    """
    import pandas as pd

    specs, evaluated = SWEEPS[sweep].specs(job), SWEEPS[sweep].evaluated(job)
    if job.engine == "shipped":
        found = _shipped(job, specs, *evaluated)
    else:
        done = functools.partial(_evaluated, job, *evaluated)
        specs = specs if train else [spec for spec in specs if done(spec)]
        do = functools.partial(_scored, job, *evaluated)
        made = run_sweep(do, specs, done=done, label=f"runs of {sweep}")
        found = pd.DataFrame((row for rows in made for row in rows), columns=COLUMNS)
    if found.empty and train:
        raise InputError(
            f"of sweep '{sweep}' at profile '{job.profile}' on '{job.collection}' no run ships: "
            "choose engine local, which trains"
        )
    found = known(found, sweep)
    described = pd.DataFrame([_described(spec) for spec in specs], columns=DESCRIBED)
    # A sweep may name a run twice; the merge must not double its scores.
    table = described.drop_duplicates("run").merge(found, on="run", sort=False)
    table.insert(table.columns.get_loc("shots") + 1, "setting", table["shots"].map(setting))
    return table


def train_all(job: Job) -> None:
    """Trains and evaluates the runs of all sweeps; `single_task` is left to its notebook."""
    # One list for all sweeps: with a list per sweep, cores would idle at the end of each. The runs
    # of `single_task` start from runs of this list, so they cannot be part of it.
    evaluated: dict[RunSpec, list[tuple]] = {}
    for sweep in SWEEPS.values():
        for spec in sweep.specs(job):
            evaluated.setdefault(spec, []).append(sweep.evaluated(job))
    done = functools.partial(_each, _evaluated, job, evaluated)
    run_sweep(functools.partial(_each, _scored, job, evaluated), list(evaluated), done=done)


def _each(function, job: Job, evaluated: dict[RunSpec, list[tuple]], spec: RunSpec) -> bool:
    """Calls `function` on a run for every sweep that it belongs to; true if all results are."""
    # A list, not a generator: `all` would stop at the first false result.
    return all([function(job, *how, spec) for how in evaluated[spec]])


def finished(job: Job) -> dict:
    """The available scores by sweep, `single_task` included; nothing is trained."""
    from flanrepro.experiments.single_task import curves

    tables = {name: scores(job, name, train=False) for name in SWEEPS}
    tables["single_task"] = curves(job, train=False)
    return {name: table for name, table in tables.items() if len(table)}


def setting(shots: int) -> str:
    """`few_shot`, or `zero_shot` for 0 exemplars."""
    return "few_shot" if shots else "zero_shot"


def _described(spec: RunSpec) -> dict:
    rate = spec.inversion_rate
    # This mixture states no rate in its spec, and 0 is what the inversion sweep plots it at.
    if rate is None and spec.mixture == "flan2022_without_inversion":
        rate = 0.0
    # A subset larger than the mixture has all of its tasks.
    row = {"run": spec.run_id, **{name: getattr(spec, name) for name in OF_SPEC}}
    every = _every_task(spec.collection, spec.mixture)
    return row | {"inversion_rate": rate, "tasks": min(spec.subset or every, every)}


@functools.cache
def _every_task(collection: str, mixture: str) -> int:
    return len(named_mixture(mixture, load_collection(collection)).mixture.tasks)


def _shipped(job: Job, specs: Sequence[RunSpec], suites: tuple, shots: tuple):
    table = shipped_table(job.collection, "scores")
    items = table["suite"].map({suite: job.settings.items_of(suite) for suite in suites})
    # NaN stands for all items, and NaN == NaN is false.
    same = (table["items"] == items) | (table["items"].isna() & items.isna())
    asked = table["suite"].isin(suites) & table["shots"].isin(shots) & same
    table = table[asked & table["run"].isin([spec.run_id for spec in specs])]
    # In the order in which `_scored` gives the rows of a run, so that tables come out the same.
    order = {key: i for i, key in enumerate(itertools.product(suites, shots))}
    ranks = [order[key] for key in zip(table["suite"], table["shots"], strict=True)]
    return table.assign(rank=ranks).sort_values("rank", kind="stable")[list(COLUMNS)]


def _evaluated(job: Job, suites: tuple, shots: tuple, spec: RunSpec) -> bool:
    """True if the run is finished and all of its scores are kept."""
    run = job.store.find(spec)
    return bool(run) and all(
        run.has_scores(suite, k, job.settings.items_of(suite)) for suite in suites for k in shots
    )


def _scored(job: Job, suites: tuple, shots: tuple, spec: RunSpec) -> list[dict]:
    """A run's rows of suite scores; trains and evaluates what is not kept."""
    run = job.store.get(spec, bar=spec.label())
    rows = []
    for suite in suites:
        items = job.settings.items_of(suite)
        for k in shots:
            # The last row is the suite's; those before are of tasks and clusters.
            row = run.scores(suite, k, items)[-1] | {"items": items}
            rows.append({name: row[name] for name in COLUMNS})
    return rows


def trace(job: Job, run: str) -> dict:
    """The facts behind a run id, from the column `runs` of a figure's or table's CSV.

    Returns:
        the spec, seconds, device, versions and git commit; for a run of the store also its folder
        and the files with the predictions of each evaluation.

    Raises:
        InputError: the run is neither in the job's store nor among those that ship.
    """
    folder = job.store.root / run
    # A run id is a short word; anything else could be a path to another folder.
    if run.isalnum() and len(run) < 100 and kind_of(folder / "manifest.json"):
        predictions = sorted(map(str, (folder / "predictions").glob("*.jsonl")))
        facts = {"spec": read_json(folder / "spec.json"), **read_json(folder / "manifest.json")}
        return facts | {"folder": str(folder), "predictions": predictions}
    try:
        found = shipped_run(job.collection, run)
    except InputError:
        found = None
    if not found:
        raise InputError(
            f"there is no run {shown(run)} in {job.store.root} or among those that ship: expected "
            "a name from the column `runs` of a figure's or table's CSV"
        )
    why = "not shipped: a run of this spec makes them, in runs/" + run + "/predictions"
    return found | {"folder": "", "predictions": why}
