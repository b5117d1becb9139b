"""`flanrepro predictions`: collects the predictions behind Table 1, and scores them again."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flanrepro.cli.options import CollectionName, Model, Out, Seeds
from flanrepro.cli.said import say

app = typer.Typer()


@app.callback()
def predictions() -> None:
    """Collect the predictions behind Table 1 in one file; score them again, without training."""


@app.command()
def collect(
    file: Annotated[Path, typer.Argument(help="file to write, e.g. predictions.jsonl.xz")],
    collection: CollectionName = "pocket",
    profile: Annotated[str, typer.Option(help="profile of the runs")] = "quick",
    seeds: Seeds = 0,
    model: Model = "",
    out: Out = "",
) -> None:
    """Write the predictions of Table 1's finished runs into one file; nothing is trained."""
    from flanrepro.experiments import predictions as module
    from flanrepro.experiments.profiles import Job
    from flanrepro.experiments.sweep import SWEEPS

    job = Job(collection, model, profile, seeds, out=out)
    found = module.collect(job)
    size = module.write(found, file)
    runs = f"{len(found.specs)} of Table 1's {len(set(SWEEPS['ablations'].specs(job)))} runs"
    print(f"{file}: {len(found.table):,} predictions of {runs}, {size:,} bytes")


@app.command()
def score(
    file: Annotated[
        Path | None, typer.Argument(help="file of `collect`; none: the one that ships")
    ] = None,
    collection: CollectionName = "pocket",
    profile: Annotated[str, typer.Option(help="profile of the file; empty: any")] = "",
    model: Annotated[str, typer.Option(help="model of the file; empty: any")] = "",
) -> None:
    """Score predictions again and print Table 1, each number beside the one that ships.

    The exit status is 1 if a score is not the shipped one.
    """
    from flanrepro.experiments import predictions as module
    from flanrepro.report import rescored

    path = file or module.shipped_predictions(collection)
    read = module.read(path, collection=collection, profile=profile, model=model)
    found = module.beside_shipped(module.rescored(read), read.collection)
    print(f"{path}: profile {read.profile}, collection {read.collection}, model {read.model}")
    say(read.collection)
    print(rescored.table(found).to_string(index=False, float_format="{:.4f}".format))
    print(rescored.said(found))
    if (found["shipped"].notna() & ~found["same"]).any():
        sys.exit(1)
