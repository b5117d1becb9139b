"""`flanrepro pocket`: measures what the pocket collection shows.

Runs start from the shipped checkpoint, have the profile's hyperparameters, and stay in the run
store. Tables go to figures/PROFILE/ as CSV; intervals are 95 % t-intervals over seeds.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from flanrepro.whole import write_whole

if TYPE_CHECKING:
    import pandas as pd

    from flanrepro.experiments.profiles import Job
    from flanrepro.training.spec import RunSpec

app = typer.Typer()


@app.callback()
def pocket() -> None:
    """Measure the pocket collection; tables go to figures/."""


Profile = Annotated[str, typer.Option(help="quick; smoke to try the command")]
Seeds = Annotated[int, typer.Option(help="number of seeds")]
Model = Annotated[str, typer.Option(help="size of the model: nano or micro")]


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
