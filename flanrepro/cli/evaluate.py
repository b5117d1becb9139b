"""`flanrepro evaluate`: models on suites, without training."""

from typing import Annotated

import typer

from flanrepro.cli.options import CollectionName


def evaluate(
    checkpoints: Annotated[
        list[str],
        typer.Argument(
            help="pocket-nano, google/flan-t5-small, a folder (Hugging Face, T5X, a run's), "
            "random or majority; any number of them"
        ),
    ],
    suite: Annotated[
        str, typer.Option(help="suites, or tasks by name, with commas between; empty: all suites")
    ] = "",
    collection: CollectionName = "pocket",
    shots: Annotated[
        str, typer.Option(help="e.g. 0,5; empty: zero-shot and each suite's own number")
    ] = "",
    items: Annotated[int, typer.Option(min=0, help="per task at most; 0: all")] = 0,
    method: Annotated[
        str, typer.Option(help="decode, rank or rank_per_token; empty: the suite's own")
    ] = "",
    dtype: Annotated[
        str,
        typer.Option(help="of activations: float32 or bfloat16; empty: a run's own, or float32"),
    ] = "",
    per_task: Annotated[bool, typer.Option(help="print each task and cluster, too")] = False,
    out: Annotated[
        str, typer.Option(help="where `evaluations/` is made; empty: the project's folder")
    ] = "",
) -> None:
    """Score checkpoints on suites; what was evaluated before is read."""
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
    )
    if not per_task:
        table = table[table["level"] == "suite"]
    columns = ["checkpoint", "suite", "shots", "task", "metric", "value", "chance"]
    columns += ["standard_error", "detectable", "n", "decoded", "shortened", "cut"]
    print(table[columns].to_string(index=False, float_format="{:.1f}".format))
    for folder in dict.fromkeys(table["folder"]):
        print(f"items: {folder}/predictions")
