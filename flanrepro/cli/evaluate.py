"""`flanrepro evaluate`: scores models on suites, without training."""

from typing import Annotated

import typer

from flanrepro.cli.options import CollectionName
from flanrepro.cli.said import say


def evaluate(
    checkpoints: Annotated[
        list[str],
        typer.Argument(
            help="one or more of: pocket-nano, google/flan-t5-small, a folder (Hugging Face, T5X, "
            "a run's), random, majority"
        ),
    ],
    suite: Annotated[
        str,
        typer.Option(
            help="suites, clusters of FLAN 2021 or tasks, separated by commas; empty: all suites"
        ),
    ] = "",
    collection: CollectionName = "pocket",
    shots: Annotated[
        str, typer.Option(help="numbers of exemplars, e.g. 0,5; empty: 0 and each suite's own")
    ] = "",
    items: Annotated[int, typer.Option(min=0, help="largest number of items per task; 0: all")] = 0,
    method: Annotated[
        str, typer.Option(help="decode, rank or rank_per_token; empty: the suite's own")
    ] = "",
    template: Annotated[
        str,
        typer.Option(
            help="each: every task's items in its templates in turn; 1 to 10: the one of that "
            "number; empty: the first"
        ),
    ] = "",
    instructions: Annotated[
        str,
        typer.Option(help="none: inputs without a template; name: behind the data set's name"),
    ] = "",
    options: Annotated[bool, typer.Option(help="list the answer options in prompts")] = True,
    split: Annotated[
        str, typer.Option(help="split that is asked, e.g. train as a dev set; empty: the suite's")
    ] = "",
    dtype: Annotated[
        str,
        typer.Option(help="activations in float32 or bfloat16; empty: a run's own, else float32"),
    ] = "",
    per_task: Annotated[bool, typer.Option(help="also print each task and cluster")] = False,
    out: Annotated[str, typer.Option(help="folder for `evaluations/`; empty: the project's")] = "",
) -> None:
    """Score checkpoints on suites; finished evaluations are read."""
    from flanrepro.collection.asking import Asking
    from flanrepro.errors import InputError
    from flanrepro.experiments.models import listed, score_models
    from flanrepro.experiments.profiles import workspace
    from flanrepro.sources import load_collection

    numbers = listed(shots, ())
    if not all(part.isdigit() for part in numbers):
        raise InputError(f"shots is '{shots}': expected whole numbers with commas between")
    table = score_models(
        checkpoints,
        collection,
        listed(suite, load_collection(collection).suites),
        workspace(out) / "evaluations",
        shots=[int(part) for part in numbers] or None,
        items=items or None,
        method=method,
        dtype=dtype,
        asking=Asking(template, instructions, options, split),
    )
    suites = table[table["level"] == "suite"]
    table = table if per_task else suites
    columns = ["checkpoint", "suite", "split", "shots", "task", "metric", "value", "chance"]
    columns += ["standard_error", "detectable", "n", "decoded", "shortened", "cut"]
    print(table[columns].to_string(index=False, float_format="{:.1f}".format))
    say(collection)
    for row in suites.drop_duplicates(["suite", "shots", "left_out"]).itertuples():
        if row.left_out:
            print(f"{row.suite}, {row.shots} exemplars: {row.evaluated}; {row.left_out}")
    for folder in dict.fromkeys(table["folder"]):
        print(f"items: {folder}/predictions")
