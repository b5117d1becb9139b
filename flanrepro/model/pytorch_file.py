"""State dicts in PyTorch's format, through PyTorch itself where it is installed.

`torch.load(weights_only=True)` runs nothing that a file's pickle asks for, and
`flanrepro.model.pickles` looks through it before. Without PyTorch such a
file is not read: T5-LM has a copy in T5X's format, which needs no PyTorch (t5x/docs/models.md:
gs://t5-data/pretrained_models/t5x/t5_1_1_lm100k_SIZE), and other models are there as safetensors.
"""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from flanrepro.errors import InputError
from flanrepro.model import pickles
from flanrepro.model.tree import Shape


def read(path: Path) -> dict[str, tuple[Shape, Callable[[], np.ndarray]]]:
    """Finds the tensors of a state dict, see `flanrepro.model.weight_files.Tensors`.

    The file is mapped into memory, so that a tensor is read when its numbers are asked for.

    Raises:
        InputError: PyTorch is not installed; the file is missing, damaged or no PyTorch file; its
            pickle calls for anything but tensors; or it holds something else than tensors.
    """
    try:
        import torch
    except ImportError:
        raise InputError(
            f"{path} is in PyTorch's format, and PyTorch is not installed: install it (the extra "
            f"`interop`), or give the model as safetensors or in T5X's format"
        ) from None
    try:
        pickles.check(path)
        found = _load(torch, path)
        tensors = {name: (tuple(x.shape), _numbers(torch, x)) for name, x in found.items()}
    except Exception as error:  # a damaged pickle or archive raises nearly anything
        said = str(error).rpartition("WeightsUnpickler error:")[2] or type(error).__name__
        reason = " ".join(said.split())[:150]
        raise InputError(
            f"{path} cannot be read as a PyTorch state dict ({reason}): expected the "
            f"`pytorch_model.bin` of a T5 model; download it again, or take `model.safetensors`"
        ) from None
    return tensors


def _load(torch, path: Path) -> dict:
    with warnings.catch_warnings():
        # It warns of pickles newer than it writes, and then refuses most of them.
        warnings.filterwarnings("ignore", "Detected pickle protocol")
        return torch.load(path, map_location="cpu", weights_only=True, mmap=pickles.zipped(path))


def _numbers(torch, tensor) -> Callable[[], np.ndarray]:
    """Makes a function that gives a tensor's numbers; those of bfloat16 come as float32.

    Raises:
        ValueError: it shows the same bytes again and again, as it claims more numbers than it has.
    """
    # PyTorch gives NumPy no tensor that tracks gradients, as parameters do, and no bfloat16.
    tensor = tensor.detach()
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise ValueError(f"it claims a tensor of shape {tuple(tensor.shape)} and has fewer numbers")
    # A copy: the file that is mapped may change or go later.
    return lambda: (tensor.float() if tensor.dtype == torch.bfloat16 else tensor.clone()).numpy()
