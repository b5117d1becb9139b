"""The tensors in a Hugging Face folder: safetensors or PyTorch's format, in one file or in shards.

No JAX import here.
"""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import ml_dtypes  # NumPy, and with it safetensors, then knows bfloat16
import numpy as np

from flanrepro.errors import InputError
from flanrepro.model import pytorch_file, tree
from flanrepro.raw.files import status_of
from flanrepro.raw.reading import read_json_object, shown


@dataclass(frozen=True)
class Tensor:
    """A tensor that is not read yet: with one read at a time, a large model is in memory once.

    Attributes:
        shape: sizes of its axes.
        load: function that reads its numbers.
        file: path of its file.
    """

    shape: tree.Shape
    load: Callable[[], np.ndarray]
    file: Path


_FILES = ("model.safetensors", "pytorch_model.bin")

_FLOATS = {np.dtype(kind) for kind in ("float16", "float32", "float64", ml_dtypes.bfloat16)}


def tensors(folder: Path) -> dict[str, Tensor]:
    """Finds the tensors of `model.safetensors`, else of `pytorch_model.bin`, by name.

    Where there is no such file, there may be shards of it, which an index lists.

    Raises:
        InputError: the folder has none of these, a file is missing or damaged, or two shards have
            a tensor of one name.
    """
    for name in _FILES:
        index = folder / f"{name}.index.json"
        if status_of(folder / name):
            return _of_file(folder / name)
        if status_of(index):
            return _together(_of_file(folder / shard) for shard in _shards(index))
    raise InputError(
        f"{folder} has no weights: expected {' or '.join(_FILES)} there, or its shards and their "
        f"index; download the repository again"
    )


def float32(name: str, tensor: Tensor) -> np.ndarray:
    """Reads a tensor as float32.

    Raises:
        InputError: it holds no floats of 16, 32 or 64 bits, or numbers that float32 has not.
    """
    try:
        array = tensor.load()
        found = str(array.dtype)
    except Exception as error:  # safetensors raises nearly anything where NumPy has no such type
        array, found = None, " ".join(str(error).split())[:100]
    if array is None or array.dtype not in _FLOATS:
        raise InputError(
            f"{tensor.file}: tensor '{name}' is of type {found}: expected float32, float16 or "
            f"bfloat16; take a checkpoint that is not quantized"
        )
    return tree.as_float32(name, array, str(tensor.file))


def _together(shards: Iterable[dict[str, Tensor]]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for shard in shards:
        for name in found.keys() & shard.keys():
            raise InputError(
                f"{shard[name].file} has a tensor {shown(name)}, and so has "
                f"{found[name].file.name}: expected one file of each; download them again"
            )
        found |= shard
    return found


def _shards(index: Path) -> list[str]:
    names = read_json_object(index, ["weight_map"])["weight_map"]
    files = list(names.values()) if isinstance(names, dict) else []
    # A damaged or hostile index may name any path; files of the same folder are read, no others.
    right = (isinstance(file, str) and file == Path(file).name for file in files)
    if not files or not all(right):
        raise InputError(
            f"{index}: 'weight_map' does not name files of its own folder: expected the file of "
            f"every tensor; download the index again"
        )
    return sorted(set(files))


def _of_file(path: Path) -> dict[str, Tensor]:
    if not status_of(path):
        raise InputError(f"{path} is missing, but the index beside it lists it: download it again")
    if path.suffix != ".safetensors":
        return {name: Tensor(*found, path) for name, found in pytorch_file.read(path).items()}
    from safetensors import SafetensorError, safe_open

    try:
        file = safe_open(path, framework="numpy")
        return {
            name: Tensor(
                tuple(file.get_slice(name).get_shape()),
                functools.partial(file.get_tensor, name),
                path,
            )
            for name in file.keys()  # noqa: SIM118 (it is no dictionary)
        }
    except (OSError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:150]
        raise InputError(
            f"{path} is damaged or cut short ({reason}): expected a safetensors file; download it "
            f"again"
        ) from None
