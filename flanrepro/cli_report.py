"""`flanrepro scorecard`, `figures` and `trace`: from scores to verdicts, and back to runs."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

CollectionName = Annotated[str, typer.Option("--collection", "-c", help="pocket or flan2022")]
Profile = Annotated[str, typer.Option(help="whose runs: smoke, quick, full or paper")]
Engine = Annotated[str, typer.Option(help="local: runs that are here; shipped: those that ship")]
Seeds = Annotated[int, typer.Option(help="of the runs; 0: the profile's")]
Model = Annotated[str, typer.Option(help="empty: the profile's")]
Out = Annotated[str, typer.Option(help="folder with runs/ and figures/; empty: the project's")]


def scorecard(
    collection: CollectionName = "pocket",
    profile: Profile = "quick",
    engine: Engine = "local",
    seeds: Seeds = 0,
    model: Model = "",
    out: Out = "",
    csv: Annotated[Path | None, typer.Option(help="write the table there, too")] = None,
) -> None:
    """Judge every claim of the papers on the scores that are there; nothing is trained."""
    from flanrepro.errors import InputError
    from flanrepro.experiments.profiles import Job
    from flanrepro.experiments.results import finished
    from flanrepro.report.claims import printed, scorecard

    job = Job(collection, model, profile, seeds, engine, out)
    tables = finished(job)
    table = scorecard(tables)
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


def figures(
    collection: CollectionName = "pocket",
    profile: Annotated[str, typer.Option(help="empty: every profile with scores")] = "",
    engine: Engine = "shipped",
    seeds: Seeds = 0,
    model: Model = "",
    out: Out = "",
) -> None:
    """Draw every figure and table anew from the scores that are there; nothing is trained."""
    from flanrepro.experiments.profiles import Job, profile_names
    from flanrepro.experiments.results import finished
    from flanrepro.report.redraw import redraw

    for name in [profile] if profile else profile_names(collection):
        job = Job(collection, model, name, seeds, engine, out)
        if profile or job.settings.shipped_seeds:
            paths = redraw(job, finished(job))
            print(f"{name}: {len(paths)} files in {job.figures}")


def trace(
    run: Annotated[str, typer.Argument(help="a name from the column `runs` of a CSV")],
    collection: CollectionName = "pocket",
    out: Out = "",
) -> None:
    """Print what is behind a run's name: spec, seconds, device, versions, predictions."""
    from flanrepro.experiments.profiles import Job
    from flanrepro.experiments.results import trace

    print(json.dumps(trace(Job(collection, out=out), run), indent=1))
