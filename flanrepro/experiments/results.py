"""Scores of sweeps as one tidy table, from runs trained here or from the scores that ship."""

import functools
import math
import warnings
from collections.abc import Sequence

from flanrepro.collection.named import named_mixture
from flanrepro.collection.suites import at_hand
from flanrepro.collection.task import MissingTasks
from flanrepro.errors import InputError
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.runner import run_sweep
from flanrepro.experiments.scores import COVERAGE, suite_of, told
from flanrepro.experiments.shipped_scores import shipped_run, shipped_table
from flanrepro.experiments.sweep import SWEEPS
from flanrepro.experiments.unknown_scores import known
from flanrepro.fields import shown
from flanrepro.sources import load_collection
from flanrepro.training.spec import RunSpec
from flanrepro.whole import kind_of, read_json

OF_SPEC = ("collection", "model", "seed", "mixture", "few_shot_fraction", "subset")
DESCRIBED = ("run", *OF_SPEC, "inversion_rate", "formats", "tasks")
COLUMNS = ("run", "suite", "shots", "items", "metric", "value", "chance", "standard_error", "n")


def scores(job: Job, sweep: str, train: bool = True):
    """The suite scores of a sweep's runs, as a DataFrame. Finished runs are read, not trained.

    Args:
        job: notebook parameters; engine `shipped` reads the scores that ship, others train here.
        sweep: a key of `flanrepro.experiments.sweep.SWEEPS`.
        train: false: leave out unfinished runs instead of training them.

    Returns:
        a row per run, suite and shots: run, collection, model, seed, mixture, few_shot_fraction,
        inversion_rate (inverted prompts per regular one; NaN: the mixture's own rate), formats (how
        prompts are written, see `flanrepro.collection.mixture.Mixture`), subset (number of tasks
        asked for; NaN: all), tasks (number of tasks), suite, shots, setting (`zero_shot`,
        `few_shot`), items (asked for per task; NaN: all), metric, value and chance in per cent,
        standard_error (over items), n (items). If a suite lacks tasks here, also the columns
        `flanrepro.experiments.scores.COVERAGE`; one that lacks all of them has no row.

    Raises:
        InputError: runs failed, see `run_sweep`; no run of the sweep ships, or no suite has data.
    """
    import pandas as pd

    specs, evaluated = SWEEPS[sweep].specs(job), SWEEPS[sweep].evaluated(job)
    if job.engine == "shipped":
        found = _shipped(job, specs, evaluated)
    else:
        _warn_of_lost_suites(job, evaluated)
        done = functools.partial(_evaluated, job, evaluated)
        specs = specs if train else [spec for spec in specs if done(spec)]
        do = functools.partial(_scored, job, evaluated)
        made = run_sweep(do, specs, done=done, label=f"runs of {sweep}")
        found = pd.DataFrame((row for rows in made for row in rows), columns=[*COLUMNS, *COVERAGE])
    if found.empty and train:
        why = "no run ships: choose engine local, which trains"
        if job.engine != "shipped":
            why = "no suite has a task here: `flanrepro data status` lists what is missing"
        raise InputError(
            f"of sweep '{sweep}' at profile '{job.profile}' on '{job.collection}' {why}"
        )
    return with_specs(told(known(found, sweep)), specs)


def with_specs(found, specs: Sequence[RunSpec]):
    """Joins what runs are to their scores.

    Args:
        found: DataFrame with at least the columns run and shots.
        specs: specs of the runs.

    Returns:
        DataFrame as of `scores`, in the order of the specs.
    """
    import pandas as pd

    runs = pd.DataFrame([_described(spec) for spec in specs], columns=DESCRIBED)
    # A sweep may name a run twice; the merge must not double its scores.
    table = runs.drop_duplicates("run").merge(found, on="run", sort=False)
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
    return all([function(job, how, spec) for how in evaluated[spec]])


def finished(job: Job) -> dict:
    """The available scores by sweep, `single_task` included; nothing is trained.

    A sweep is left out if it has no run, or of its settings one alone: other sweeps share it.
    """
    from flanrepro.experiments.single_task import curves

    tables = {name: scores(job, name, train=False) for name in SWEEPS}
    tables = {name: table for name, table in tables.items() if compared(table)}
    single = curves(job, train=False)
    return tables | ({"single_task": single} if len(single) else {})


def compared(table) -> bool:
    """True if a sweep's scores are of two settings or more; seeds and sizes are no settings."""
    return len(table[list(VARIED)].drop_duplicates()) > 1


VARIED = ("mixture", "few_shot_fraction", "subset", "inversion_rate", "formats")


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
    row |= {"inversion_rate": rate, "formats": spec.formats or spec.load_collection().way}
    every = _every_task(spec.collection, spec.mixture, spec.without_clusters)
    return row | {"tasks": min(spec.subset or every, every)}


@functools.cache
def _every_task(collection: str, mixture: str, without_clusters: tuple[str, ...]) -> int:
    made = named_mixture(mixture, load_collection(collection), without_clusters=without_clusters)
    return len(made.mixture.tasks)


Pairs = Sequence[tuple[str, int]]
"""Names of suites, each with a number of exemplars."""


def _shipped(job: Job, specs: Sequence[RunSpec], pairs: Pairs):
    table = shipped_table(job.collection, "scores")
    items = table["suite"].map({suite: job.settings.items_of(suite) for suite, _ in pairs})
    # NaN stands for all items, and NaN == NaN is false.
    same = (table["items"] == items) | (table["items"].isna() & items.isna())
    # In the order in which `_scored` gives the rows of a run, so that tables come out the same.
    order = {pair: i for i, pair in enumerate(pairs)}
    keys = zip(table["suite"], table["shots"], strict=True)
    table = table.assign(rank=[order.get(key, math.nan) for key in keys])
    asked = table["rank"].notna() & same & table["run"].isin([spec.run_id for spec in specs])
    return table[asked].sort_values("rank", kind="stable")[list(COLUMNS)]


def _evaluated(job: Job, pairs: Pairs, spec: RunSpec) -> bool:
    """True if the run is finished and all scores that the data here allow are kept."""
    run = job.store.find(spec)
    if not run:
        return False
    asked = [(suite, shots, job.settings.items_of(suite)) for suite, shots in pairs]
    return all(run.has_scores(*pair) or not _tasks_here(spec, *pair[:2]) for pair in asked)


def _scored(job: Job, pairs: Pairs, spec: RunSpec) -> list[dict]:
    """A run's rows of suite scores; trains and evaluates what is not kept."""
    run = job.store.get(spec, bar=spec.label())
    rows = []
    for suite, shots in pairs:
        items = job.settings.items_of(suite)
        # One suite without data must not cost the scores of the others.
        if not run.has_scores(suite, shots, items) and not _tasks_here(spec, suite, shots):
            continue
        # The last row is the suite's; those before are of tasks and clusters.
        row = run.scores(suite, shots, items)[-1] | {"items": items}
        rows.append({name: row[name] for name in (*COLUMNS, *COVERAGE)})
    return rows


def _tasks_here(spec: RunSpec, suite: str, shots: int) -> bool:
    """True if any of the suite's tasks can be evaluated here."""
    return bool(at_hand(suite_of(spec.load_collection(), suite), shots)[0].tasks)


def _warn_of_lost_suites(job: Job, pairs: Pairs) -> None:
    for suite, shots in pairs:
        full = suite_of(load_collection(job.collection), suite)
        here, missing = at_hand(full, shots)
        if not here.tasks:
            warnings.warn(
                f"suite '{suite}' with {shots} exemplars is left out, since none of its "
                f"{len(full.tasks)} tasks is here: e.g. {next(iter(missing.values()))}",
                MissingTasks,
                stacklevel=3,
            )


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
