"""`flanrepro figures`: redraws every figure and table."""

from typing import Annotated

import typer

from flanrepro.cli.options import CollectionName, Engine, Model, Out, Seeds


def figures(
    collection: CollectionName = "pocket",
    profile: Annotated[str, typer.Option(help="profile; empty: all whose scores ship")] = "",
    engine: Engine = "shipped",
    seeds: Seeds = 0,
    model: Model = "",
    out: Out = "",
) -> None:
    """Redraw every figure and table from the available scores; nothing is trained."""
    from flanrepro.experiments.profiles import Job, profile_names
    from flanrepro.experiments.results import finished
    from flanrepro.report.redraw import redraw

    for name in [profile] if profile else profile_names(collection):
        job = Job(collection, model, name, seeds, engine, out)
        # Unasked, only profiles that ship: the others would give a scorecard of "not run".
        if profile or job.settings.shipped_seeds:
            paths = redraw(job, finished(job))
            print(f"{name}: {len(paths)} files in {job.figures}")
