"""Runs the campaign of faults: `python -m ci.chaos`, or some of its parts.

Prints what was tried, what held and what fell. Exit status 1: something fell.
"""

import importlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from ci.chaos.page import COLUMNS, PARTS, versions, write_page

app = typer.Typer(add_completion=False, help=__doc__)


@app.command()
def main(
    parts: Annotated[
        list[str] | None, typer.Argument(help=f"{', '.join(PARTS)}; none: all")
    ] = None,
    seed: Annotated[int, typer.Option(help="number that decides every fault")] = 0,
    share: Annotated[float, typer.Option(min=0.0, help="share of the trials")] = 1.0,
    write: Annotated[bool, typer.Option(help="also write ci/RELIABILITY.md")] = False,
) -> None:
    """Break things, and see whether the package holds."""
    asked = parts or list(PARTS)
    if unknown := [part for part in asked if part not in PARTS]:
        raise typer.BadParameter(f"no part {', '.join(unknown)}: choose of {', '.join(PARTS)}")
    tables = []
    for part in asked:
        tables.append(run(part, seed, share))
        if write:  # part by part: the whole takes a while
            write_page(tables[-1])
    table = pd.concat(tables, ignore_index=True)
    print(table.drop(columns="versions").to_string(index=False))
    sys.exit(int(table["fell"].sum() > 0))


def run(part: str, seed: int = 0, share: float = 1.0) -> pd.DataFrame:
    """Runs a part, and prints each fall when it happens.

    Returns:
        a row per kind of fault, with the columns of `ci/chaos/results.csv`.
    """
    module, rows, began = importlib.import_module(f"ci.chaos.{part}"), {}, time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"chaos-{part}-") as folder:
        for trial in module.trials(max(1, round(module.NUMBER * share)), seed, Path(folder)):
            row = rows.setdefault(
                trial.kind, dict.fromkeys(("tried", "held", "fell", "seconds"), 0)
            )
            row["tried"] += 1
            row["fell" if trial.fell else "held"] += 1
            row["seconds"] += time.monotonic() - began
            began = time.monotonic()
            if trial.fell:
                print(f"{trial.kind}: {trial.what}\n    {trial.fell}", flush=True)
    table = pd.DataFrame([{"part": part, "kind": kind, **row} for kind, row in rows.items()])
    table = table.assign(seed=seed, versions=versions(), seconds=table["seconds"].round(1))
    return table[list(COLUMNS)]


if __name__ == "__main__":
    app()
