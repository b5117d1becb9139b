"""`flanrepro cache`: renders a mixture once, for SeqIO."""

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


def cache(
    name: MixtureName,
    out: Annotated[Path, typer.Option(help="folder of caches")] = Path("cache"),
    examples: Annotated[int, typer.Option(min=1, help="number of prompts")] = 100_000,
    workers: Annotated[int, typer.Option(min=1, help="number of processes")] = 1,
    collection: CollectionName = "flan2022",
    seed: StreamSeed = 0,
    subset: Subset = 0,
    few_shot_fraction: FewShotFraction = -1.0,
    vocabulary: Annotated[str, typer.Option(help="vocabulary; empty: the collection's")] = "",
    inputs_length: Annotated[
        int, typer.Option(min=2, help="most input tokens; longer prompts lose exemplars first")
    ] = 2048,
    targets_length: Annotated[
        int, typer.Option(min=2, help="most target tokens; longer answers are left out")
    ] = 512,
) -> None:
    """Render and tokenize a mixture's prompts into files that SeqIO reads with use_cached=True.

    A killed job goes on with the missing shards. The bytes do not depend on the number of workers.
    Read them with `flanrepro.data.seqio_tasks.register_named` and the same lengths.
    """
    from flanrepro.data.cache import Cached, write_cache
    from flanrepro.data.fates import say_losses
    from flanrepro.whole import read_json

    cached = Cached(
        mixture=name,
        collection=collection,
        examples=examples,
        vocabulary=vocabulary,
        seed=seed,
        subset=subset or None,
        # 0 is a share, so "not given" needs a negative number on the command line.
        few_shot_fraction=None if few_shot_fraction < 0 else few_shot_fraction,
        inputs_length=inputs_length,
        targets_length=targets_length,
    )
    if missing := cached.load().report():
        print(missing, file=sys.stderr)
    folder = write_cache(cached, out, workers, bar=name)
    stats = read_json(folder / "stats.train.json")
    print(f"{folder}: {stats['examples']:,} examples in {cached.shards} files")
    if lost := say_losses(stats | {"examples": examples}):
        print(f"{lost}; the lengths are {inputs_length} input and {targets_length} target tokens")
