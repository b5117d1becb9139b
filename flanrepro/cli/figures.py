"""`flanrepro figures`: redraws every figure and table; those that ship too, for maintainers."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flanrepro.cli.options import CollectionName, Engine, Model, Out, Seeds

if TYPE_CHECKING:
    from flanrepro.experiments.profiles import Job

Notebooks = Annotated[
    bool,
    typer.Option(
        "--notebooks", help="also execute every notebook, into the checkout's notebooks/executed"
    ),
]


def figures(
    collection: CollectionName = "pocket",
    profile: Annotated[str, typer.Option(help="profile; empty: all whose scores ship")] = "",
    engine: Engine = "shipped",
    seeds: Seeds = 0,
    model: Model = "",
    out: Out = "",
    notebooks: Notebooks = False,
) -> None:
    """Redraw every figure and table from the available scores; nothing is trained.

    In a checkout, from the scores that ship, these are the figures that ship, in its `figures`.
    """
    from flanrepro.experiments.profiles import Job, near, profile_names
    from flanrepro.experiments.results import finished
    from flanrepro.report.redraw import redraw

    for name in [profile] if profile else profile_names(collection):
        job = Job(collection, model, name, seeds, engine, out)
        # Unasked, only profiles that ship: the others would give a scorecard of "not run".
        if profile or job.settings.shipped_seeds:
            print(f"{name}: figures and tables go to {near(folder := _folder(job))}", flush=True)
            print(f"{name}: {len(redraw(job, finished(job), folder))} files in {near(folder)}")
    if notebooks:
        from flanrepro.experiments.shipped_notebooks import execute_all

        for path in execute_all():
            print(near(path), flush=True)


def _folder(job: "Job") -> Path:
    """The folder of figures: the checkout's own for what ships, else the job's."""
    from flanrepro.experiments.profiles import project, workspace

    if job.variant != f"{job.profile}.shipped":  # another model, engine or number of seeds
        return job.figures
    elsewhere = job.out or os.environ.get("FLANREPRO_OUT")
    base = workspace(job.out) if elsewhere else project() or workspace()
    return base / "figures" / job.profile
