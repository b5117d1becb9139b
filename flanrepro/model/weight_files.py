"""The tensors in a Hugging Face folder: safetensors or PyTorch's format, in one file or in shards.

No JAX import here.
"""

import functools
from collections.abc import Callable
from pathlib import Path

import ml_dtypes  # NumPy, and with it safetensors, then knows bfloat16
import numpy as np

from flanrepro.errors import InputError
from flanrepro.model import pytorch_file, tree
from flanrepro.raw.files import status_of
from flanrepro.raw.reading import read_json_object

Tensors = dict[str, tuple[tree.Shape, Callable[[], np.ndarray]]]
"""By name, a tensor's shape and a function that reads its numbers: with one read at a time, a large
model is in memory once."""

_FILES = ("model.safetensors", "pytorch_model.bin")

_FLOATS = {np.dtype(kind) for kind in ("float16", "float32", "float64", ml_dtypes.bfloat16)}


def tensors(folder: Path) -> Tensors:
    """Finds the tensors of `model.safetensors`, else of `pytorch_model.bin`; or of its shards.

    Raises:
        InputError: the folder has none of these, or a file is missing or damaged.
    """
    for name in _FILES:
        index = folder / f"{name}.index.json"
        if status_of(folder / name):
            return _of_file(folder / name)
        if status_of(index):
            return {k: v for shard in _shards(index) for k, v in _of_file(folder / shard).items()}
    raise InputError(
        f"{folder} has no weights: expected {' or '.join(_FILES)} there, or its shards and their "
        f"index; download the repository again"
    )


def float32(name: str, load: Callable[[], np.ndarray], where: Path) -> np.ndarray:
    """Reads a tensor as float32; InputError if it holds no floats of 16, 32 or 64 bits."""
    try:
        array = load()
        if array.dtype in _FLOATS:
            return array.astype(np.float32)
        found = str(array.dtype)
    except Exception as error:  # safetensors raises nearly anything where NumPy has no such type
        found = " ".join(str(error).split())[:100]
    raise InputError(
        f"{where}: tensor '{name}' is of type {found}: expected float32, float16 or bfloat16; take "
        f"a checkpoint that is not quantized"
    )


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


def _of_file(path: Path) -> Tensors:
    if not status_of(path):
        raise InputError(f"{path} is missing, but the index beside it lists it: download it again")
    if path.suffix != ".safetensors":
        return pytorch_file.read(path)
    from safetensors import SafetensorError, safe_open

    try:
        file = safe_open(path, framework="numpy")
        return {
            name: (
                tuple(file.get_slice(name).get_shape()),
                functools.partial(file.get_tensor, name),
            )
            for name in file.keys()  # noqa: SIM118 (it is no dictionary)
        }
    except (OSError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:150]
        raise InputError(
            f"{path} is damaged or cut short ({reason}): expected a safetensors file; download it "
            f"again"
        ) from None
