"""What the pocket collection shows, measured: `python ci/pocket.py all`, or one of its parts.

Runs start from the shipped checkpoint, with the profile's own hyperparameters, and are kept in the
run store; tables go to figures/PROFILE/ as CSV. Intervals are 95 % t-intervals over seeds.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Annotated

import pandas as pd
import typer
from scipy import stats

from flanrepro.collection import load_collection
from flanrepro.collection.sources.pocket import world
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.spec import RunSpec
from flanrepro.experiments.sweep import leave_one_out, run_all, single_task, untuned

app = typer.Typer(add_completion=False, help=__doc__)
Profile = Annotated[str, typer.Option(help="quick, or smoke to try it")]
Seeds = Annotated[int, typer.Option(help="runs per setting")]
Model = Annotated[str, typer.Option(help="nano, micro")]

FRACTIONS = (0.0, 0.1, 0.5, 0.9, 1.0)
"""Figure 3's five shares of few-shot prompts."""

TARGETS = ("wanli", "mednli", "condaqa", "pubmedqa", "cxc")


def scores_of(job: Job, specs: Iterable[RunSpec], **columns) -> pd.DataFrame:
    """Suite scores of the runs on all suites of the profile, zero- and few-shot."""
    rows = []
    for run in run_all(job.store, list(specs)):
        for suite in job.settings.suites:
            for shots in (0, job.settings.shots):
                scores = run.evaluate(suite, shots, job.settings.items_of(suite))
                rows.append(scores[-1] | columns | {"mixture": run.spec.mixture})
    return pd.DataFrame(rows)


def summarised(scores: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Mean and interval over seeds, beside chance."""
    groups = scores.groupby(list(keys), sort=False)["value"]
    table = groups.agg(value="mean", seeds="count", sem="sem").reset_index()
    half = stats.t.ppf(0.975, (table["seeds"] - 1).clip(lower=1)) * table["sem"]
    table["low"], table["high"] = table["value"] - half, table["value"] + half
    chance = scores.groupby(list(keys), sort=False)["chance"].mean().reset_index(drop=True)
    runs = scores.groupby(list(keys), sort=False)["run"].agg(" ".join).reset_index(drop=True)
    return table.drop(columns="sem").assign(chance=chance, runs=runs)


def write(job: Job, table: pd.DataFrame, name: str) -> None:
    path = job.figures / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, float_format="%.2f")
    print(table.drop(columns=["runs"], errors="ignore").to_string(index=False, float_format="%.1f"))
    print(f"-> {path}\n", flush=True)


@app.command()
def tuned(profile: Profile = "quick", seeds: Seeds = 3, model: Model = "nano") -> None:
    """The base model on every suite, before and after tuning on Flan 2022's mixture."""
    job = Job(profile=profile, seeds=seeds, model=model)
    before = scores_of(job, [untuned(job)], state="untuned")
    # For the checkpoint's card: `flanrepro pretrain --export FOLDER --scores` this file.
    write(job, before[["suite", "shots", "value", "chance", "n"]], f"pocket_untuned_{model}")
    after = scores_of(job, job.specs(mixture="flan2022"), state="tuned")
    table = summarised(pd.concat([before, after]), ["state", "suite", "shots"])
    base = table[table["state"] == "untuned"].set_index(["suite", "shots"])["value"]
    keys = pd.MultiIndex.from_frame(table[["suite", "shots"]])
    table["gain"] = table["value"] - base.reindex(keys).to_numpy()
    table["above_chance"] = table["value"] - table["chance"]
    write(job, table, f"pocket_tuned_{model}")


@app.command()
def figure3(profile: Profile = "quick", seeds: Seeds = 3) -> None:
    """Figure 3's sweep at five fractions, on Flan 2021 alone as the authors say of theirs."""
    job = Job(profile=profile, seeds=seeds)
    parts = [
        scores_of(job, job.specs(mixture="flan2021", few_shot_fraction=f), few_shot_fraction=f)
        for f in FRACTIONS
    ]
    table = summarised(pd.concat(parts), ["suite", "shots", "few_shot_fraction"])
    write(job, table.sort_values(["suite", "shots"], kind="stable"), "pocket_figure_3")


@app.command()
def table2(profile: Profile = "quick", seeds: Seeds = 3) -> None:
    """Table 2: equal weights, each source left out in turn, and the paper's weights."""
    job = Job(profile=profile, seeds=seeds)
    table = summarised(scores_of(job, leave_one_out(job)), ["mixture", "suite", "shots"])
    write(job, table.sort_values(["suite", "shots"], kind="stable"), "pocket_table_2")


@app.command()
def single(profile: Profile = "quick", seeds: Seeds = 3) -> None:
    """Single-task runs from the tuned and from the untuned model: validation score by step."""
    job = Job(profile=profile, seeds=seeds)
    rows = [
        row
        for target in TARGETS
        for size in ("", "_small")
        for seed, tuned_spec in enumerate(job.specs(mixture="flan2022"))
        for state, start in (("untuned", ""), ("tuned", tuned_spec.run_id))
        for row in _curve(job, f"{target}{size}", seed, state, start)
    ]
    curves = pd.DataFrame(rows)
    write(job, curves, "pocket_single_task_curves")
    write(job, steps_to_best(curves), "pocket_single_task")


def _curve(job: Job, target: str, seed: int, state: str, start: str) -> list[dict]:
    rows = single_task(job, target, seed=seed, start=start).to_dict("records")
    return [{"target": target, "seed": seed, "state": state, **row} for row in rows]


def steps_to_best(curves: pd.DataFrame) -> pd.DataFrame:
    """Of the means over seeds: the untuned model's best validation score and its step, and the
    first step at which the tuned model reaches it (none: it does not)."""
    means = curves.groupby(["target", "state", "step"], sort=False)["value"].mean()
    rows = []
    for target in curves["target"].unique():
        before, after = means[target, "untuned"], means[target, "tuned"]
        reached = after[after >= before.max()].index
        rows.append(
            {
                "target": target,
                "metric": curves.loc[curves["target"] == target, "metric"].iloc[0],
                "seeds": curves["seed"].nunique(),
                "untuned_best": before.max(),
                "untuned_step": before.idxmax(),
                "tuned_step": reached.min() if len(reached) else float("nan"),
                "tuned_best": after.max(),
                "tuned_before": after.loc[0],
            }
        )
    table = pd.DataFrame(rows)
    return table.assign(fewer=table["tuned_step"] < table["untuned_step"])


# In a process that imports what a run needs and no more: one step; then a run that no store has
# yet, and its evaluation.
TIMED = """
import time; began = time.monotonic()
import dataclasses, json, sys, tempfile
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.store import RunStore

job = Job(profile=sys.argv[1], seeds=1)
spec = next(job.specs(mixture="flan2022"))
one = dataclasses.replace(spec, steps=1, warmup_steps=0, decay_steps=0)
at = []
with tempfile.TemporaryDirectory() as folder:
    store = RunStore(folder)
    store.get(one, each=lambda step, params: at.append(time.monotonic()), every=1)
    at.append(time.monotonic())
    run = store.get(spec)
    at.append(time.monotonic())
    for suite in job.settings.suites:
        for shots in (0, job.settings.shots):
            run.evaluate(suite, shots, job.settings.items_of(suite))
_, first, begun, trained = at
seconds = (first - began, trained - begun, time.monotonic() - trained)
print(json.dumps(dict(zip(("start_to_first_step", "run", "suites"), seconds))))
"""


@app.command()
def timing(profile: Profile = "quick") -> None:
    """Seconds from a fresh process to its first step, of one run, and of all its suites."""
    child = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TIMED, profile],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    row = json.loads(child.stdout) | {"cpus": len(os.sched_getaffinity(0))}
    write(Job(profile=profile), pd.DataFrame([row]), "pocket_timing")


@app.command()
def records(number: int = 1_000_000) -> None:
    """Seconds to make a million records, in one process: all tasks' in turn, from other seeds."""
    loads = [task.load for task in load_collection("pocket").every_task.values()]
    makers = [load.args for load in loads if load.func is world.load]
    began, made, again = time.monotonic(), 0, 0
    while made < number:
        for make, args, name, splits in makers:
            made += len(world.make_all(make, args, f"{name}/{again}", sum(dict(splits).values())))
        again += 1
    seconds = time.monotonic() - began
    row = {"records": made, "seconds": seconds, "per_million": 1e6 * seconds / made}
    write(Job(), pd.DataFrame([row]), "pocket_records")


@app.command(name="all")
def everything(profile: Profile = "quick", seeds: Seeds = 3) -> None:
    """All parts, one after the other."""
    for part in (tuned, figure3, table2, single):
        part(profile=profile, seeds=seeds)
    timing(profile)
    records()


if __name__ == "__main__":
    app()
