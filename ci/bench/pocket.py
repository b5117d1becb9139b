"""How fast the pocket collection is: `python -m ci.bench.pocket timing`, `records`.

Tables go to the checkout's figures/PROFILE/ as CSV.
"""

import json
import os
import subprocess
import sys
import time

import pandas as pd
import typer

from ci.bench.common import ROOT
from flanrepro.cli.pocket import Profile, write
from flanrepro.experiments.profiles import Job
from flanrepro.sources import load_collection

app = typer.Typer(add_completion=False, help=__doc__)

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
        for shots in (0, job.shots(suite)):
            run.scores(suite, shots, job.settings.items_of(suite))
_, first, begun, trained = at
seconds = (first - began, trained - begun, time.monotonic() - trained)
print(json.dumps(dict(zip(("start_to_first_step", "run", "suites"), seconds))))
"""


@app.command()
def timing(profile: Profile = "quick") -> None:
    """Measure the seconds from a fresh process to its first step, of a run, and of its suites."""
    child = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TIMED, profile],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    # A run says in lines before what did not fit its rows.
    row = json.loads(child.stdout.splitlines()[-1]) | {"cpus": len(os.sched_getaffinity(0))}
    write(Job(profile=profile, out=str(ROOT)), pd.DataFrame([row]), "pocket_timing")


@app.command()
def records(number: int = 1_000_000, collection: str = "pocket") -> None:
    """Measure the seconds to make a million records of all tasks in one process."""
    tasks = load_collection(collection).every_task.values()
    began, made = time.monotonic(), 0
    while made < number:  # all tasks together have fewer records: another round
        for task in tasks:
            # Not `records`, which keeps them; `load` keeps those of four tasks.
            made += sum(len(task.load(split)) for split in task.splits)
    seconds = time.monotonic() - began
    row = {"records": made, "seconds": seconds, "per_million": 1e6 * seconds / made}
    write(Job(collection=collection, out=str(ROOT)), pd.DataFrame([row]), f"{collection}_records")


if __name__ == "__main__":
    app()
