"""`flanrepro figures`: every figure and table, drawn anew."""

from typing import Annotated

import typer

from flanrepro.cli.options import CollectionName, Engine, Model, Out, Seeds


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
