"""`flanrepro convert`: writes a model for other programs."""

from pathlib import Path
from typing import Annotated

import typer


def convert(
    checkpoint: Annotated[str, typer.Argument(help="name or folder, as in `flanrepro evaluate`")],
    folder: Annotated[Path, typer.Argument(help="folder to write")],
    format: Annotated[str, typer.Option(help="huggingface or t5x")] = "huggingface",
    vocabulary: Annotated[
        str, typer.Option(help="name or .model file, if the checkpoint has no vocabulary")
    ] = "",
) -> None:
    """Write a checkpoint in the format of `transformers` or T5X."""
    from flanrepro.experiments.load import load, save

    print(save(load(checkpoint, vocabulary), folder, format))
