"""`flanrepro vocabulary`: trains a vocabulary."""

from pathlib import Path
from typing import Annotated

import typer

from flanrepro.cli.options import CollectionName
from flanrepro.errors import InputError


def vocabulary(
    path: Annotated[Path, typer.Argument(help="SentencePiece model to write")],
    size: Annotated[int, typer.Option(min=1, help="largest number of pieces")] = 4096,
    model_type: Annotated[
        str, typer.Option(help="unigram (as T5's), bpe, or words (for a generated collection)")
    ] = "unigram",
    collection: CollectionName = "pocket",
) -> None:
    """Train a vocabulary on a collection's text."""
    from flanrepro.data.vocabulary import (
        Vocabulary,
        collection_text,
        train_vocabulary,
        write_word_vocabulary,
    )
    from flanrepro.sources import load_collection

    loaded = load_collection(collection)
    if model_type == "words":
        if not loaded.texts:
            raise InputError(
                f"collection '{collection}' has no list of its words: choose pocket, or the model "
                "type unigram or bpe"
            )
        write_word_vocabulary(loaded.texts(), path)
    elif model_type in ("unigram", "bpe"):
        train_vocabulary(collection_text(loaded), path, size, model_type)
    else:
        raise InputError(f"unknown model type '{model_type}': choose unigram, bpe or words")
    print(f"{path}: {Vocabulary(path).size} ids with sentinels and padding")
