"""`flanrepro data`: what data is here, and how it gets here."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flanrepro.cli.options import CollectionName

app = typer.Typer(help="The data: fetch it from the Hub, verify it, see what is here.")


@app.command()
def status(
    collection: CollectionName = "flan2022",
    source: Annotated[str, typer.Option(help="only this source's; empty: all")] = "",
    missing: Annotated[
        bool, typer.Option(help="a sentence for each split that is missing")
    ] = False,
) -> None:
    """Say per source how many tasks' splits are at hand, and where they are from."""
    from flanrepro.sources.status import status_lines

    print("\n".join(status_lines(collection, source, missing)))


@app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(help="tasks or sources, e.g. cot bool_q")],
    split: Annotated[str, typer.Option(help="only this split; empty: all")] = "",
    collection: CollectionName = "flan2022",
) -> None:
    """Bring tasks' records into the cache; says what could not be had, and goes on."""
    from flanrepro.sources.status import fetch_tasks

    if fetch_tasks(collection, names, split):
        sys.exit(1)


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="tasks or sources; none: all")] = None,
    collection: CollectionName = "flan2022",
) -> None:
    """Read all records at hand, check files against their checksums, fill every template."""
    from flanrepro.sources.status import verify_tasks

    if verify_tasks(collection, names or []):
        sys.exit(1)


@app.command()
def cards(
    folder: Annotated[Path, typer.Argument(help="e.g. data_cards")],
    measure: Annotated[
        bool, typer.Option(help="measure contamination anew, of the data at hand")
    ] = False,
) -> None:
    """Write the data cards anew from the data sets' descriptions."""
    from flanrepro.cards import data_cards as module

    if measure:
        module.measure(folder)
    module.write(folder)
