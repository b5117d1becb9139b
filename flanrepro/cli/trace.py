"""`flanrepro trace`: prints what a run is, from the run id behind a number."""

import json
from typing import Annotated

import typer

from flanrepro.cli.options import CollectionName, Out


def trace(
    run: Annotated[str, typer.Argument(help="run id, from the column `runs` of a CSV")],
    collection: CollectionName = "pocket",
    out: Out = "",
) -> None:
    """Print the facts behind a run id: spec, seconds, device, versions, predictions."""
    from flanrepro.experiments.profiles import Job
    from flanrepro.experiments.results import trace

    print(json.dumps(trace(Job(collection, out=out), run), indent=1))
