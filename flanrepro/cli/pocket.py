"""`flanrepro pocket`: measures what the pocket collection shows, and how fast it is.

Runs start from the shipped checkpoint, have the profile's hyperparameters, and stay in the run
store. Tables go to figures/PROFILE/ as CSV; intervals are 95 % t-intervals over seeds.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

    from flanrepro.experiments.profiles import Job
    from flanrepro.training.spec import RunSpec

app = typer.Typer(help="Measure the pocket collection; tables go to figures/.")
Profile = Annotated[str, typer.Option(help="quick; smoke to try the command")]
Seeds = Annotated[int, typer.Option(help="number of seeds")]
Model = Annotated[str, typer.Option(help="size of the model: nano or micro")]


def scores_of(job: "Job", specs: Iterable["RunSpec"], **columns) -> "pd.DataFrame":
    """A row per run, suite of the profile and setting: the suite's score, with `columns` added."""
    import pandas as pd

    rows = []
    for run in map(job.store.get, specs):
        for suite in job.settings.suites:
            for shots in (0, job.settings.shots):
                rows.append(run.scores(suite, shots, job.settings.items_of(suite))[-1] | columns)
    return pd.DataFrame(rows)


def write(job: "Job", table: "pd.DataFrame", name: str) -> None:
    """Writes a table as CSV and prints it without its run ids."""
    path = job.figures / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, float_format="%.2f")
    print(table.drop(columns=["runs"], errors="ignore").to_string(index=False, float_format="%.1f"))
    print(f"-> {path}\n", flush=True)


@app.command()
def tuned(profile: Profile = "quick", seeds: Seeds = 3, model: Model = "nano") -> None:
    """Score the base model on every suite, before and after tuning on Flan 2022's mixture."""
    import pandas as pd

    from flanrepro.experiments.profiles import Job
    from flanrepro.experiments.sweep import untuned
    from flanrepro.report.statistics import over_seeds

    job = Job(profile=profile, seeds=seeds, model=model)
    before = scores_of(job, [untuned(job)], state="untuned")
    # For the checkpoint's card: `flanrepro pretrain --export FOLDER --scores` this file.
    write(job, before[["suite", "shots", "value", "chance", "n"]], f"pocket_untuned_{model}")
    after = scores_of(job, job.specs(mixture="flan2022"), state="tuned")
    table = over_seeds(pd.concat([before, after]), ["state", "suite", "shots"])
    base = table[table["state"] == "untuned"].set_index(["suite", "shots"])["value"]
    keys = pd.MultiIndex.from_frame(table[["suite", "shots"]])
    table["gain"] = table["value"] - base.reindex(keys).to_numpy()
    table["above_chance"] = table["value"] - table["chance"]
    write(job, table, f"pocket_tuned_{model}")


# The program of `timing`. A process of its own pays for its imports and compilations, as a user's
# does; a store in a temporary folder has no finished run to read.
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
            run.scores(suite, shots, job.settings.items_of(suite))
_, first, begun, trained = at
seconds = (first - began, trained - begun, time.monotonic() - trained)
print(json.dumps(dict(zip(("start_to_first_step", "run", "suites"), seconds))))
"""


@app.command()
def timing(profile: Profile = "quick") -> None:
    """Measure the seconds from a fresh process to its first step, of a run, and of its suites."""
    import pandas as pd

    from flanrepro.experiments.profiles import Job

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
    """Measure the seconds to make a million records of all tasks in one process."""
    import pandas as pd

    from flanrepro.experiments.profiles import Job
    from flanrepro.sources import load_collection
    from flanrepro.sources.pocket import world

    loads = [task.load for task in load_collection("pocket").every_task.values()]
    makers = [load.args for load in loads if load.func is world.load]
    began, made, again = time.monotonic(), 0, 0
    while made < number:  # all tasks together have fewer records: another round
        for make, args, name, splits in makers:
            # Another name is another seed; the task's own name would be read from a cache.
            made += len(world.make_all(make, args, f"{name}/{again}", sum(dict(splits).values())))
        again += 1
    seconds = time.monotonic() - began
    row = {"records": made, "seconds": seconds, "per_million": 1e6 * seconds / made}
    write(Job(), pd.DataFrame([row]), "pocket_records")


@app.command(name="all")
def everything(profile: Profile = "quick", seeds: Seeds = 3) -> None:
    """Run tuned, timing and records, one after the other."""
    tuned(profile=profile, seeds=seeds)
    timing(profile)
    records()
