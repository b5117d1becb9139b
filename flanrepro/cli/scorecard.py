"""`flanrepro scorecard`: prints a verdict on every claim."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flanrepro.cli.options import CollectionName, Engine, Model, Out, Seeds

Profile = Annotated[str, typer.Option(help="profile of the runs: smoke, quick, full or paper")]


def scorecard(
    collection: CollectionName = "pocket",
    profile: Profile = "quick",
    engine: Engine = "local",
    seeds: Seeds = 0,
    model: Model = "",
    out: Out = "",
    csv: Annotated[Path | None, typer.Option(help="file to write the table to, as CSV")] = None,
) -> None:
    """Judge every claim of the papers on the available scores; nothing is trained."""
    from flanrepro.errors import InputError
    from flanrepro.experiments.profiles import Job
    from flanrepro.experiments.results import finished
    from flanrepro.report.claims import printed, scorecard

    job = Job(collection, model, profile, seeds, engine, out)
    tables = finished(job)
    table = scorecard(tables, job.settings.targets)
    print(printed(table, job))
    if not tables:
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
