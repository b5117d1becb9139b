"""`flanrepro mixture`: prints the sources and tasks of a mixture of the paper."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flanrepro.cli.options import (
    CollectionName,
    FewShotFraction,
    MixtureName,
    StreamSeed,
    Subset,
)
from flanrepro.errors import InputError


def mixture(
    name: MixtureName,
    table: Annotated[bool, typer.Option(help="also print a line per task")] = False,
    collection: CollectionName = "flan2022",
    seed: StreamSeed = 0,
    subset: Subset = 0,
    few_shot_fraction: FewShotFraction = -1.0,
    csv: Annotated[Path | None, typer.Option(help="file for the table of tasks, as CSV")] = None,
) -> None:
    """Print a mixture's sources: rates, available tasks, and what is missing."""
    from flanrepro.collection.named import named_mixture
    from flanrepro.sources import load_collection

    made = named_mixture(
        name,
        load_collection(collection),
        seed=seed,
        subset=subset or None,
        # 0 is a share, so "not given" needs a negative number on the command line.
        few_shot_fraction=None if few_shot_fraction < 0 else few_shot_fraction,
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
    if made.report():  # on stderr: the table can be piped
        print(made.report(), file=sys.stderr)
