"""Parameter trees as leaves by name, and checks that they are a model's. No JAX import here."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from flanrepro.errors import InputError
from flanrepro.raw.reading import shown

Shape = tuple[int, ...]


def flat(params: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Gives a tree's leaves under their paths, such as `encoder/encoder_norm/scale`."""
    leaves = {}
    for key, value in params.items():
        if isinstance(value, Mapping):
            leaves |= flat(value, f"{prefix}{key}/")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves


def nested(leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Gives the tree whose leaves `flat` gives; arrays are not copied."""
    params: dict[str, Any] = {}
    for name, leaf in leaves.items():
        *path, last = name.split("/")
        node = params
        for key in path:
            node = node.setdefault(key, {})
        node[last] = leaf
    return params


def count(params: Mapping[str, Any]) -> int:
    """Counts the numbers in a parameter tree."""
    return sum(np.size(leaf) for leaf in flat(params).values())


def check(found: Mapping[str, Shape], expected: Mapping[str, Shape], where: str) -> None:
    """Raises InputError for the first tensor that is missing, unexpected, or of another shape.

    Args:
        found, expected: shapes by the tensors' names in the file.
        where: path of the file or folder, for the message.
    """
    mend = "take another copy of the checkpoint, or the one that fits its configuration"
    for name, shape in expected.items():
        if name not in found:
            raise InputError(
                f"{where} has no tensor '{name}', expected one of shape {shape}: {mend}"
            )
        if tuple(found[name]) != tuple(shape):
            raise InputError(
                f"{where}: tensor '{name}' has the shape {tuple(found[name])}, expected "
                f"{tuple(shape)}: {mend}"
            )
    for name in found:
        if name not in expected:
            raise InputError(
                f"{where} has a tensor {shown(name)} of shape {tuple(found[name])}, which the "
                f"model does not have: {mend}"
            )


def as_float32(name: str, array: np.ndarray, where: str) -> np.ndarray:
    """Gives an array in float32; InputError if one of its numbers is none there.

    One NaN in a matrix is NaN in every answer, and the likeliest of all options.

    Args:
        name: the tensor's name in the file.
        array: floats of any width.
        where: path of the file or folder, for the message.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # told below, with the name
        numbers = np.asarray(array, np.float32)
    # Both are NaN if one of the numbers is, and need no second array as large as the first.
    if numbers.size and not np.isfinite([numbers.min(), numbers.max()]).all():
        odd = np.asarray(array)[~np.isfinite(numbers)]
        raise InputError(
            f"{where}: tensor '{name}' has {odd.size} numbers that are none or beyond float32, the "
            f"first is {odd[0]}: expected finite ones; take another copy of the checkpoint, or an "
            f"earlier one, if its training diverged"
        )
    return numbers
