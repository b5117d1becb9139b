"""The collections by name, and what each of their data sets is.

`pocket` is generated from a seed; `flan2022` reads real data, a module per source of the paper.
"""

import functools
import importlib
from typing import Protocol

from flanrepro.collection.task import Collection
from flanrepro.errors import InputError

_MODULES = {
    "pocket": "pocket",
    "flan2022": "flan2022",
    "flan2022_rendered": "flan2022.rendered",
}
COLLECTIONS = tuple(_MODULES)
SAID = {
    "pocket": (
        "pocket is a made-up world of some 750 words; its tasks bear the names of the real data "
        "sets whose form they have"
    ),
}
"""What stands beside every score of a collection; scores on real data need no word."""


@functools.cache
def load_collection(name: str) -> Collection:
    """Makes the collection called `name`; no data is read or downloaded until records are used.

    Raises:
        InputError: no collection has this name; the sentence lists those that exist.
    """
    if name not in _MODULES:
        raise InputError(f"unknown collection '{name}': choose one of {', '.join(COLLECTIONS)}")
    # Imported by name, so that `pocket` starts without the readers of real data, and vice versa.
    return importlib.import_module(f"flanrepro.sources.{_MODULES[name]}").collection()


class Documents(Protocol):
    """An endless sequence of texts, at random access."""

    def __getitem__(self, i: int) -> str: ...


def documents(collection: str, seed: int, first: int | None = None) -> Documents:
    """Returns a collection's endless pretraining texts.

    Args:
        collection: name of the collection.
        seed: number that decides what texts say.
        first: number of the first text; None: what stands behind the text's beginning, if it has
            one of its own.

    Raises:
        InputError: the collection has no texts.
    """
    if collection != "pocket":
        raise InputError(
            f"collection '{collection}' has no pretraining text: choose pocket, or start from a "
            "released checkpoint"
        )
    text = importlib.import_module(f"flanrepro.sources.{collection}.text")  # late, as above
    return text.Documents(seed) if first is None else text.Documents(seed, first)
