"""`flanrepro evaluate`: checkpoints on suites, and `flanrepro convert`: checkpoints for others."""

from pathlib import Path
from typing import Annotated

import typer


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
    collection: Annotated[
        str, typer.Option("--collection", "-c", help="pocket (embedded) or flan2022 (real data)")
    ] = "pocket",
    shots: Annotated[
        str, typer.Option(help="e.g. 0,5; empty: zero-shot and each suite's own number")
    ] = "",
    items: Annotated[int, typer.Option(min=0, help="per task at most; 0: all")] = 0,
    method: Annotated[
        str, typer.Option(help="decode, rank or rank_per_token; empty: the suite's own")
    ] = "",
    per_task: Annotated[bool, typer.Option(help="print each task and cluster, too")] = False,
    out: Annotated[
        str, typer.Option(help="where `evaluations/` is made; empty: the project's folder")
    ] = "",
) -> None:
    """Score checkpoints on suites; what was evaluated before is read."""
    from flanrepro.collection import load_collection
    from flanrepro.errors import InputError
    from flanrepro.experiments.checkpoints import evaluate_checkpoints, listed
    from flanrepro.experiments.profiles import workspace

    numbers = listed(shots, ())
    if not all(part.isdigit() for part in numbers):
        raise InputError(f"shots is '{shots}': expected whole numbers with commas between")
    table = evaluate_checkpoints(
        checkpoints,
        collection,
        listed(suite, load_collection(collection).suites),
        workspace(out) / "evaluations",
        shots=[int(part) for part in numbers] or None,
        items=items or None,
        method=method,
    )
    if not per_task:
        table = table[table["level"] == "suite"]
    columns = ["checkpoint", "suite", "shots", "task", "metric", "value", "chance"]
    columns += ["standard_error", "detectable", "n", "decoded", "shortened", "cut"]
    print(table[columns].to_string(index=False, float_format="{:.1f}".format))
    for folder in dict.fromkeys(table["folder"]):
        print(f"items: {folder}/predictions")


def convert(
    checkpoint: Annotated[str, typer.Argument(help="what `flanrepro evaluate` takes")],
    folder: Annotated[Path, typer.Argument(help="to write")],
    layout: Annotated[str, typer.Option(help="huggingface or t5x")] = "huggingface",
    vocabulary: Annotated[
        str, typer.Option(help="of a checkpoint without its own: a name or a .model file")
    ] = "",
) -> None:
    """Write a checkpoint for `transformers` or for T5X."""
    from flanrepro.model.load import load, save

    print(save(load(checkpoint, vocabulary), folder, layout))
