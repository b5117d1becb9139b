"""`flanrepro mixture`: prints the sources and tasks of a mixture of the paper."""

import sys
import textwrap
from pathlib import Path
from typing import Annotated

import typer

from flanrepro.cli.options import (
    CollectionName,
    FewShotFraction,
    MixtureName,
    StreamSeed,
    Subset,
    WithoutClusters,
)
from flanrepro.errors import InputError

NAMED = 100
"""Most tasks that are named as missing."""


def mixture(
    name: MixtureName,
    table: Annotated[bool, typer.Option(help="also print a line per task")] = False,
    collection: CollectionName = "flan2022",
    seed: StreamSeed = 0,
    subset: Subset = 0,
    few_shot_fraction: FewShotFraction = -1.0,
    csv: Annotated[Path | None, typer.Option(help="file for the table of tasks, as CSV")] = None,
    without_clusters: WithoutClusters = "",
) -> None:
    """Print a mixture's sources: rates, available tasks, what is held out and what is missing."""
    from flanrepro.collection.clusters import said_left_out
    from flanrepro.collection.named import named_mixture
    from flanrepro.sources import load_collection

    clusters = tuple(part.strip() for part in without_clusters.split(",") if part.strip())
    made = named_mixture(
        name,
        load_collection(collection),
        seed=seed,
        subset=subset or None,
        # 0 is a share, so "not given" needs a negative number on the command line.
        few_shot_fraction=None if few_shot_fraction < 0 else few_shot_fraction,
        without_clusters=clusters,
    )
    frame = made.table()
    if csv:
        try:
            csv.parent.mkdir(parents=True, exist_ok=True)
            frame.to_csv(csv, index=False)
        except OSError as error:
            raise InputError(
                f"cannot write the table to {csv} ({error.strerror}): give the path of a file in a "
                f"folder that can be written"
            ) from None
    if table:
        print(frame.to_string(index=False, float_format=lambda x: f"{x:.4f}"))
    totals = frame.groupby("source").agg(
        tasks=("task", "size"),
        examples=("examples", "sum"),
        rate=("rate", "sum"),
        share=("share", "sum"),
    )
    print(totals.to_string(float_format=lambda x: f"{x:.3f}"))
    print("rate, share: per cent as stated of what is here, and of the first million draws")
    # On stderr: the table can be piped.
    if clusters:
        print(said_left_out(made.held_out, clusters), file=sys.stderr)
    if made.report():
        print(made.report(), file=sys.stderr)
    if made.missing:
        more = f" and {len(made.missing) - NAMED:,} more" if len(made.missing) > NAMED else ""
        named = f"not available: {', '.join([*made.missing][:NAMED])}{more}"
        print(textwrap.fill(named, width=100, subsequent_indent="  "), file=sys.stderr)
