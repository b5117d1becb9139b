"""What each data set is, and the two collections that are made of them.

`pocket` is embedded and generated; `flan2022` is real data, a module per source of the paper.
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


@functools.cache
def load_collection(name: str) -> Collection:
    """The collection called `name`; nothing is read or downloaded before its records are used.

    Raises:
        InputError: there is no such collection; the sentence lists them.
    """
    if name not in _MODULES:
        raise InputError(f"unknown collection '{name}': choose one of {', '.join(COLLECTIONS)}")
    # Imported by name: `pocket` does without the readers of real data, and the other way round.
    return importlib.import_module(f"flanrepro.sources.{_MODULES[name]}").collection()


class Documents(Protocol):
    """Texts at random access, without end."""

    def __getitem__(self, i: int) -> str: ...


def documents(collection: str, seed: int) -> Documents:
    """The pretraining texts of a collection; InputError if it has none."""
    if collection != "pocket":
        raise InputError(
            f"collection '{collection}' has no pretraining text: choose pocket, or start from a "
            "released checkpoint"
        )
    from flanrepro.sources.pocket.text import Documents

    return Documents(seed)
