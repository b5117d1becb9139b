"""`flanrepro data`: shows, fetches and verifies the data."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flanrepro.cli.options import CollectionName

app = typer.Typer(help="Show, fetch and verify the data; write the data cards.")


@app.command()
def status(
    collection: CollectionName = "flan2022",
    source: Annotated[str, typer.Option(help="only this source; empty: all")] = "",
    missing: Annotated[bool, typer.Option(help="print the reason for each missing split")] = False,
) -> None:
    """Print the number of available splits per source, and where they come from."""
    from flanrepro.sources.status import status_lines

    print("\n".join(status_lines(collection, source, missing)))


@app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(help="tasks or sources, e.g. cot bool_q")],
    split: Annotated[str, typer.Option(help="only this split; empty: all")] = "",
    collection: CollectionName = "flan2022",
) -> None:
    """Fetch tasks' records into the cache; report what fails, and go on."""
    from flanrepro.sources.status import fetch_tasks

    if fetch_tasks(collection, names, split):
        sys.exit(1)


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="tasks or sources; none: all")] = None,
    collection: CollectionName = "flan2022",
) -> None:
    """Read all available records, check files against their checksums, fill the templates."""
    from flanrepro.sources.status import verify_tasks

    if verify_tasks(collection, names or []):
        sys.exit(1)


@app.command()
def said(
    names: Annotated[list[str], typer.Argument(help="tasks or sources, e.g. mbpp bbh")],
    vocabulary: Annotated[str, typer.Option(help="t5, pocket, flan2022-4096, a path")] = "t5",
    split: Annotated[str, typer.Option(help="only this split; empty: all")] = "",
    collection: CollectionName = "flan2022",
) -> None:
    """Count what a vocabulary cannot say of tasks: line ends, characters without a piece."""
    import pandas as pd

    from flanrepro.cards.t5_vocabulary import rows
    from flanrepro.data.vocabulary import load_vocabulary
    from flanrepro.sources.status import chosen_tasks

    found = list(rows(load_vocabulary(vocabulary), chosen_tasks(collection, names), split))
    lost = [row for row, loss in found if loss.any or loss.line_ends]
    if lost:
        print(pd.DataFrame(lost).to_string(index=False))
    print(f"{len(found) - len(lost)} of {len(found)} available splits are said whole")


@app.command()
def cards(
    folder: Annotated[Path, typer.Argument(help="folder to write, e.g. data_cards")],
    measure: Annotated[
        bool, typer.Option(help="measure contamination again, on the available data")
    ] = False,
    measure_vocabulary: Annotated[
        bool, typer.Option(help="count again what T5's vocabulary cannot say")
    ] = False,
) -> None:
    """Write the data cards from the data sets' descriptions."""
    from flanrepro.cards import data_cards as module

    if measure:
        module.measure(folder)
    if measure_vocabulary:
        module.measure_vocabulary(folder)
    module.write(folder)
