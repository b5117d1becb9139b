"""Compares the sizes that Zarr arrays claim with the bytes of their files, before one is read.

TensorStore makes an array as large as its `.zarray` says, and ends the process where there is no
memory for it.
"""

import math
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorstore as ts

from flanrepro.errors import InputError
from flanrepro.raw.files import status_of

RATIO = 100
"""How many times smaller a checkpoint may be in its files: trained weights get 1.1 times smaller by
gzip, 3 times where they are bfloat16 in float32."""

LEAST = 16
"""Number of bytes that a chunk has at least, with its name."""


def check(
    arrays: Mapping[str, np.ndarray | ts.TensorStore], held: int, folder: Path, mend: str
) -> None:
    """Raises InputError if arrays claim more than their files can hold.

    Args:
        arrays: arrays by name; those in memory claim nothing.
        held: number of bytes that `size_of` gives.
        folder: path of the checkpoint.
        mend: what to do, for the message.
    """
    claimed, chunks = 0, 0
    for name, array in arrays.items():
        if isinstance(array, np.ndarray):
            continue
        chunk = array.chunk_layout.read_chunk.shape
        number = math.prod(-(-size // part) for size, part in zip(array.shape, chunk, strict=True))
        chunks += number
        claimed += number * math.prod(chunk) * array.dtype.numpy_dtype.itemsize
        if claimed > RATIO * held or LEAST * chunks > held:
            raise InputError(
                f"{folder}: tensor '{name}' has the shape {array.shape} in chunks of {chunk}, and "
                f"the folder's files have {held:,} bytes in all, which cannot hold it: {mend}"
            )


def size_of(folder: Path, mend: str) -> int:
    """Adds up the bytes of a folder's files; InputError if one is a pipe, which nobody may fill."""
    total = 0
    for place, _, names in os.walk(folder):
        for path in (Path(place, name) for name in names):
            if not (status := status_of(path)):
                raise InputError(f"{path} is no file, expected a part of a checkpoint: {mend}")
            total += status.st_size
    return total
