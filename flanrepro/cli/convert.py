"""`flanrepro convert`: a model for other people's programs."""

from pathlib import Path
from typing import Annotated

import typer


def convert(
    checkpoint: Annotated[str, typer.Argument(help="what `flanrepro evaluate` takes")],
    folder: Annotated[Path, typer.Argument(help="to write")],
    format: Annotated[str, typer.Option(help="huggingface or t5x")] = "huggingface",
    vocabulary: Annotated[
        str, typer.Option(help="of a checkpoint without its own: a name or a .model file")
    ] = "",
) -> None:
    """Write a checkpoint for `transformers` or for T5X."""
    from flanrepro.experiments.load import load, save

    print(save(load(checkpoint, vocabulary), folder, format))
