"""`flanrepro scorecard`: prints a verdict on every claim."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flanrepro.cli.options import CollectionName, Engine, Model, Out, Seeds
from flanrepro.cli.said import say

Sizes = Annotated[
    str, typer.Option(help="sizes to put side by side with the paper, e.g. nano,micro,mini")
]
Profile = Annotated[str, typer.Option(help="profile of the runs: smoke, quick, full or paper")]


def scorecard(
    collection: CollectionName = "pocket",
    profile: Profile = "quick",
    engine: Engine = "local",
    seeds: Seeds = 0,
    model: Model = "",
    out: Out = "",
    csv: Annotated[Path | None, typer.Option(help="file to write the table to, as CSV")] = None,
    sizes: Sizes = "",
) -> None:
    """Judge every claim of the papers on the available scores; nothing is trained."""
    from flanrepro.errors import InputError
    from flanrepro.experiments.profiles import Job
    from flanrepro.report import by_size

    if sizes and model:
        raise InputError(
            f"--sizes {sizes} names the models to compare, and --model {model} another one: leave "
            "one of the two out"
        )
    job = Job(collection, model, profile, seeds, engine, out)
    if sizes:
        table = by_size.table(job, by_size.read_sizes(sizes))
        say(collection)
        print(by_size.printed(table))
        found = table["seeds"].any()
    else:
        table, found = _judged(job)
    if not found:
        print(
            f"no run of this profile is in {job.store.root}: run the notebooks (`flanrepro "
            "reproduce`), name their folder with --out, or take the scores that ship with --engine "
            "shipped",
            file=sys.stderr,
        )
    if csv:
        try:
            table.to_csv(csv, index=False)
        except OSError as error:
            raise InputError(
                f"cannot write the scorecard to {csv} ({error.strerror}): give the path of a file "
                "in a folder that can be written"
            ) from None


def _judged(job):
    """The scorecard of a job, printed, and if there are scores."""
    from flanrepro.experiments.results import finished
    from flanrepro.report.claims import scorecard
    from flanrepro.report.item_noise import answers_in
    from flanrepro.report.scorecard import printed

    tables = finished(job)
    table = scorecard(tables, job.settings.targets, answers_in(job))
    print(printed(table, job))
    return table, bool(tables)
