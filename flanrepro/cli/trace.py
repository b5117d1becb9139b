"""`flanrepro trace`: from a number's run to what it is."""

import json
from typing import Annotated

import typer

from flanrepro.cli.options import CollectionName, Out


def trace(
    run: Annotated[str, typer.Argument(help="a name from the column `runs` of a CSV")],
    collection: CollectionName = "pocket",
    out: Out = "",
) -> None:
    """Print what is behind a run's name: spec, seconds, device, versions, predictions."""
    from flanrepro.experiments.profiles import Job
    from flanrepro.experiments.results import trace

    print(json.dumps(trace(Job(collection, out=out), run), indent=1))
