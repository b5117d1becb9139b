"""Scores of sweeps as one tidy table, from runs trained here or from the scores that ship."""

import functools
import warnings
from collections.abc import Iterable, Mapping, Sequence

from flanrepro.collection.asking import asked as asked_suite
from flanrepro.collection.clusters import cluster_names, held_out
from flanrepro.collection.named import named_mixture
from flanrepro.collection.suites import at_hand
from flanrepro.collection.task import Collection, MissingTasks, Suite
from flanrepro.errors import InputError
from flanrepro.experiments.flan2021 import FLAN2021
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.runner import run_sweep
from flanrepro.experiments.scores import COVERAGE, suite_of, told
from flanrepro.experiments.shipped_scores import shipped_run, shipped_table
from flanrepro.experiments.sweep import SWEEPS, Evaluation
from flanrepro.experiments.unknown_scores import known
from flanrepro.fields import shown
from flanrepro.sources import load_collection
from flanrepro.training.spec import RUN_ID, RunSpec
from flanrepro.whole import kind_of, read_json

OF_SPEC = ("collection", "model", "seed", "mixture", "few_shot_fraction", "subset")
OF_FLAN2021 = ("state", "clusters", "templates", "instructions", "examples")
DESCRIBED = ("run", *OF_SPEC, "inversion_rate", "formats", "tasks", *OF_FLAN2021)
COLUMNS = (
    *("run", "suite", "shots", "asking", "items"),
    *("metric", "value", "chance", "standard_error", "n"),
)


def scores(job: Job, sweep: str, train: bool = True):
    """The suite scores of a sweep's runs, as a DataFrame. Finished runs are read, not trained.

    Args:
        job: notebook parameters; engine `shipped` reads the scores that ship, others train here.
        sweep: a key of `flanrepro.experiments.sweep.SWEEPS`, or of
            `flanrepro.experiments.flan2021.FLAN2021`.
        train: false: leave out unfinished runs instead of training them.

    Returns:
        a row per run, suite and shots: run, collection, model, seed, mixture, few_shot_fraction,
        inversion_rate (inverted prompts per regular one; NaN: the mixture's own rate), formats (how
        prompts are written, see `flanrepro.collection.mixture.Mixture`), subset (number of tasks
        asked for; NaN: all), tasks (number of tasks), state (`untuned`: no step, or a soft prompt
        for a model that is not tuned; else `tuned`), clusters (number of FLAN 2021's clusters that
        are not held out), templates (number per task; NaN: all), instructions (form of the prompts,
        see `RunSpec`), examples (records per task; NaN: all), suite, shots, setting (`zero_shot`,
        `few_shot`), asking (label of `flanrepro.collection.asking.Asking`; empty: first templates,
        with options), items (asked for per task; NaN: all), metric, value and chance in per cent,
        standard_error (over items), n (items). If a suite lacks tasks here, also the columns
        `flanrepro.experiments.scores.COVERAGE`; one that lacks all of them has no row.

    Raises:
        InputError: runs failed, see `run_sweep`; no run of the sweep ships, or no suite has data.
    """
    import pandas as pd

    asked = _sweep(sweep).asked(job)
    specs = list(asked)
    if job.engine == "shipped":
        found = _shipped(job, asked)
    else:
        if train and (before := _sweep(sweep).after):
            scores(job, before)  # the runs that these start from
        _warn_of_lost_suites(job, asked)
        done = functools.partial(_evaluated, job, asked)
        specs = specs if train else [spec for spec in specs if done(spec)]
        do = functools.partial(_scored, job, asked)
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


def _sweep(name: str):
    return (SWEEPS | FLAN2021)[name]


def train_all(job: Job, sweeps: Iterable[str] = tuple(SWEEPS)) -> None:
    """Trains and evaluates the runs of sweeps; `single_task` is left to its notebook.

    Args:
        job: notebook parameters; with engine `shipped` there is nothing to train.
        sweeps: names as of `scores`.
    """
    if job.engine == "shipped":
        return
    # One list for all sweeps: with a list per sweep, cores would idle at the end of each, and each
    # would start and compile in processes of its own. Runs that start from others are a second one.
    for later in (False, True):
        every: dict[RunSpec, tuple[Evaluation, ...]] = {}
        for sweep in map(_sweep, sweeps):
            if bool(sweep.after) is later:
                for spec, asked in sweep.asked(job).items():
                    every[spec] = tuple(dict.fromkeys((*every.get(spec, ()), *asked)))
        if every:
            done = functools.partial(_evaluated, job, every)
            run_sweep(functools.partial(_scored, job, every), list(every), done=done)


def finished(job: Job) -> dict:
    """The available scores by sweep, `single_task` included; nothing is trained.

    A sweep is left out if it has no run, or of its settings one alone: other sweeps share it.
    """
    from flanrepro.experiments.single_task import curves

    tables = {name: scores(job, name, train=False) for name in (*SWEEPS, *FLAN2021)}
    tables = {name: table for name, table in tables.items() if compared(table)}
    single = curves(job, train=False)
    return tables | ({"single_task": single} if len(single) else {})


def beside(job: Job, *sweeps: str) -> dict:
    """The scores of further sweeps by name, see `scores`; those that ship if the job's engine says.

    A sweep is left out if it has fewer than two settings: it was not run.
    """
    found = {name: scores(job, name, train=job.engine != "shipped") for name in sweeps}
    return {name: table for name, table in found.items() if compared(table)}


def compared(table) -> bool:
    """True if a sweep's scores are of two settings or more; seeds and sizes are no settings."""
    return len(table[list(VARIED)].drop_duplicates()) > 1


VARIED = (
    "mixture",
    "few_shot_fraction",
    "subset",
    "inversion_rate",
    "formats",
    *OF_FLAN2021,
)


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
    if spec.mixture:
        every = _every_task(spec.collection, spec.mixture, spec.without_clusters)
        row |= {"tasks": min(spec.subset or every, every)}
    else:
        row |= {"tasks": len(spec.tasks)}
    row |= {"clusters": len(cluster_names()) - len(held_out(spec.without_clusters))}
    untuned = not spec.steps or (spec.prompt_length and not RUN_ID.fullmatch(spec.start))
    row |= {name: getattr(spec, name) for name in ("templates", "instructions")}
    return row | {"state": "untuned" if untuned else "tuned", "examples": spec.max_examples}


@functools.cache
def _every_task(collection: str, mixture: str, without_clusters: tuple[str, ...]) -> int:
    made = named_mixture(mixture, load_collection(collection), without_clusters=without_clusters)
    return len(made.mixture.tasks)


Asked = Mapping[RunSpec, Iterable[Evaluation]]
"""The evaluations of runs."""


def _shipped(job: Job, asked: Asked):
    table = shipped_table(job.collection, "scores")
    suites = {one.suite for of in asked.values() for one in of}
    items = table["suite"].map({suite: job.settings.items_of(suite) for suite in suites})
    # NaN stands for all items, and NaN == NaN is false.
    same = (table["items"] == items) | (table["items"].isna() & items.isna())
    # In the order in which `_scored` gives the rows of a run, so that tables come out the same.
    order = {
        (spec.run_id, one.suite, one.shots, label(one)): place
        for spec, of in asked.items()
        for place, one in enumerate(of)
    }
    keys = zip(*(table[name] for name in ("run", "suite", "shots", "asking")), strict=True)
    table = table.assign(rank=[order.get(key, -1) for key in keys])
    wanted = table[(table["rank"] >= 0) & same]
    return wanted.sort_values("rank", kind="stable")[list(COLUMNS)]


def label(one: Evaluation) -> str:
    """How an evaluation asks, as text; empty for the first templates, with options."""
    return one.asking.label if one.asking else ""


def _evaluated(job: Job, asked: Asked, spec: RunSpec) -> bool:
    """True if the run is finished and all scores that the data here allow are kept."""
    run = job.store.find(spec)
    if not run:
        return False
    items = job.settings.items_of
    return all(
        run.has_scores(one.suite, one.shots, items(one.suite), one.asking)
        or not _tasks_here(spec, one)
        for one in asked[spec]
    )


def _scored(job: Job, asked: Asked, spec: RunSpec) -> list[dict]:
    """A run's rows of suite scores; trains and evaluates what is not kept."""
    run = job.store.get(spec, bar=spec.label())
    rows = []
    for one in asked[spec]:
        items = job.settings.items_of(one.suite)
        how = (one.suite, one.shots, items)
        # One suite without data must not cost the scores of the others.
        if not run.has_scores(*how, one.asking) and not _tasks_here(spec, one):
            continue
        # The last row is the suite's; those before are of tasks and clusters.
        row = run.scores(*how, asking=one.asking)[-1] | {"items": items, "asking": label(one)}
        rows.append({name: row[name] for name in (*COLUMNS, *COVERAGE)})
    return rows


def _tasks_here(spec: RunSpec, one: Evaluation) -> bool:
    """True if any of the suite's tasks can be evaluated here."""
    return bool(at_hand(_suite(spec.load_collection(), one), one.shots)[0].tasks)


def _suite(collection: Collection, one: Evaluation) -> Suite:
    return asked_suite(suite_of(collection, one.suite), one.asking)


def _warn_of_lost_suites(job: Job, asked: Asked) -> None:
    for one in dict.fromkeys(one for of in asked.values() for one in of):
        full = _suite(load_collection(job.collection), one)
        here, missing = at_hand(full, one.shots)
        if not here.tasks:
            warnings.warn(
                f"suite '{one.suite}' with {one.shots} exemplars is left out, since none of its "
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
