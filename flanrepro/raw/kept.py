"""Findings about records that take long to make: kept in the cache folder by a digest."""

from collections.abc import Callable
from typing import Any

from flanrepro.errors import InputError
from flanrepro.raw.files import cache_folder
from flanrepro.whole import kind_of, read_sealed, write_sealed


def keep(name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Gives what `make` gave for this name before, or calls it and keeps what it gives.

    Args:
        name: digest of all that the content follows from.
        make: function that makes the content, a JSON object.

    Raises:
        InputError: the cache folder cannot be written; or as `make`.
    """
    path = cache_folder() / "kept" / f"{name}.json"
    if kind_of(path):
        try:
            return read_sealed(path)
        except InputError:
            pass  # damaged: it is made again from the data
    made = make()
    write_sealed(path, made)
    return made
