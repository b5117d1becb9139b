"""`flanrepro pocket`: measures what the pocket collection shows, and the conditions that it meets.

Runs start from the shipped checkpoint, have the profile's hyperparameters, and stay in the run
store. Tables go to figures/PROFILE/ as CSV; intervals are 95 % t-intervals over seeds.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from flanrepro.cli import options
from flanrepro.cli.said import say
from flanrepro.whole import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from flanrepro.experiments.profiles import Job
    from flanrepro.training.spec import RunSpec

app = typer.Typer()


@app.callback()
def pocket() -> None:
    """Measure the pocket collection; tables go to figures/."""


Profile = Annotated[str, typer.Option(help="quick; smoke to try the command")]
Seeds = Annotated[int, typer.Option(help="number of seeds")]
Model = Annotated[str, typer.Option(help="size of the model")]


def scores_of(job: "Job", specs: Iterable["RunSpec"], **columns) -> "pd.DataFrame":
    """A row per run, suite of the profile and setting: the suite's score, with `columns` added."""
    import pandas as pd

    rows = []
    for run in map(job.store.get, specs):
        for suite in job.settings.suites:
            for shots in (0, job.shots(suite)):
                rows.append(run.scores(suite, shots, job.settings.items_of(suite))[-1] | columns)
    return pd.DataFrame(rows)


def write(job: "Job", table: "pd.DataFrame", name: str) -> None:
    """Writes a table as CSV and prints it without its run ids."""
    path = job.figures / f"{name}.csv"
    write_whole(path, table.to_csv(index=False, float_format="%.2f"))
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
    say(job.collection)


Conditions = Annotated[
    str, typer.Option(help="conditions, C1 to C9, with commas between; empty: all")
]
Sizes = Annotated[
    str, typer.Option(help="sizes that C8 compares, from the smallest; empty: all that ship")
]


def table_of(job: "Job", collection: str = "") -> "Path":
    """The file with the conditions of a collection, or of the job's."""
    return job.figures / f"conditions_{collection or job.collection}_{job.model}.csv"


@app.command()
def check(
    collection: options.CollectionName = "pocket",
    profile: Profile = "quick",
    seeds: options.Seeds = 0,
    model: Model = "nano",
    conditions: Conditions = "",
    sizes: Sizes = "",
    out: options.Out = "",
) -> None:
    """Measure the conditions that come before any contrast, and say which of them hold."""
    import pandas as pd

    from flanrepro.experiments.conditions import CONDITIONS, measure
    from flanrepro.experiments.models import listed
    from flanrepro.experiments.profiles import Job
    from flanrepro.report import conditions as report

    job = Job(collection, model, profile, seeds, out=out)
    names, path = listed(conditions, CONDITIONS), table_of(job)
    rows = report.read(path) if path.is_file() else report.table([])
    measured = measure(job, names, listed(sizes, ()))
    for name, own in zip(names, measured, strict=True):
        # Each condition at once: a check that is stopped keeps what it has.
        rows = pd.concat([rows[rows["condition"] != name], report.table(own)])
        rows = rows.sort_values("condition", kind="stable")
        write_whole(path, rows.to_csv(index=False, float_format="%.4g"))
    print(report.printed(rows))
    say(collection)
    if differences := report.smallest_differences(rows):
        print(f"\n{differences}")
    print(f"-> {path}")


@app.command()
def editions(
    collections: Annotated[
        str, typer.Option(help="collections that were checked, with commas between")
    ] = "pocket1,pocket",
    profile: Profile = "quick",
    model: Model = "nano",
    out: options.Out = "",
) -> None:
    """Print the conditions of several editions side by side, as `pocket check` measured them."""
    from flanrepro.experiments.models import listed
    from flanrepro.experiments.profiles import Job
    from flanrepro.report import conditions as report

    job = Job(model=model, profile=profile, out=out)
    print(report.side_by_side({n: report.read(table_of(job, n)) for n in listed(collections, ())}))
    say(job.collection)
