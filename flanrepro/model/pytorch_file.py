"""Reads a PyTorch state dict without PyTorch, and without running what its pickles ask for.

There are two layouts: a zip archive with `data.pkl` and a member per storage (PyTorch 1.6 and
newer), and before that five pickles in a row with the storages behind them. In both, a pickle says
how tensors are made of storages by naming functions to call. Here the few that a state dict needs
stand for descriptions, and nothing else can be named: no code of the file's choice runs. No JAX
import here.
"""

import io
import math
import pickle
import pickletools
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import ml_dtypes
import numpy as np

from flanrepro.errors import InputError

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
"""The first two pickles of the older layout."""

_DTYPES = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}

# What pickles of plain data and of calls need. Left out are those that make objects in other ways
# (INST, NEWOBJ, EXT1), or that reserve memory by a number in the file (BYTEARRAY8).
_OPCODES = frozenset(
    """PROTO FRAME STOP MARK POP POP_MARK DUP GLOBAL STACK_GLOBAL REDUCE BUILD BINPERSID NONE
    NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 BINFLOAT STRING SHORT_BINSTRING
    BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST
    LIST APPEND APPENDS EMPTY_DICT DICT SETITEM SETITEMS PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET
    LONG_BINGET""".split()
)


# Tuples: a pickle can set attributes of whatever it is given, and these have none to set.
class _Storage(NamedTuple):
    key: str
    dtype: np.dtype
    size: int  # elements


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int  # as the strides, in elements
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Known(NamedTuple):
    """What a name in a pickle stands for: one of our functions, or a storage's dtype."""

    meaning: Any

    def __call__(self, *args: Any) -> Any:
        return self.meaning(*args)


class _Damaged(Exception):
    """A reason why a file is no state dict; `read` makes the sentence of it."""


def read(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a state dict by name, in the file's dtypes.

    They are read-only views of the file in memory: it is read where and when they are used.

    Raises:
        InputError: the file is missing, damaged or no PyTorch file; its pickle calls for anything
            but tensors; a tensor reaches beyond its storage, or a storage beyond the file.
    """
    try:
        with path.open("rb") as file:
            of_zip = file.read(4) == b"PK\x03\x04"
            file.seek(0)
            described, storages = _of_zip(file) if of_zip else _of_pickles(file)
        content = np.memmap(path, np.uint8, mode="r")
        return {name: _view(name, t, content, storages) for name, t in _named(described)}
    except _Damaged as error:
        reason = str(error)
    except OSError as error:
        reason = error.strerror or str(error)
    except Exception as error:  # a damaged pickle or archive raises nearly anything
        reason = f"damaged or cut short: {' '.join(str(error).split())[:100]}"
    raise InputError(
        f"{path} cannot be read as a PyTorch state dict ({reason}): expected the "
        f"`pytorch_model.bin` of a T5 model; download it again, or take `model.safetensors`"
    )


def _named(described: Any) -> Iterator[tuple[str, _Tensor]]:
    if type(described) not in (dict, _Dict) or not described:
        raise _Damaged("it holds no dictionary of tensors")
    for name, tensor in described.items():
        if type(name) is not str:
            raise _Damaged("it holds a tensor whose name is no text")
        if type(tensor) is not _Tensor:
            raise _Damaged(f"its entry '{name[:80]}' is no tensor")
        yield name, tensor


def _view(name: str, tensor: _Tensor, content: np.ndarray, storages: dict) -> np.ndarray:
    """The tensor's numbers where they are in the file."""
    storage, count = tensor.storage, math.prod(tensor.shape)
    start, size = storages.get(storage.key, (0, -1))
    if size != storage.size * storage.dtype.itemsize:
        raise _Damaged(f"tensor '{name}': storage '{storage.key}' is missing or of another size")
    steps = [(n, stride) for n, stride in zip(tensor.shape, tensor.strides, strict=True) if n > 1]
    last = tensor.offset + sum((n - 1) * stride for n, stride in steps)
    # More numbers than the storage has: few of them, repeated many times.
    if not 0 < count <= storage.size or last >= storage.size:
        raise _Damaged(
            f"tensor '{name}' is empty or reaches beyond its storage of {storage.size} numbers"
        )
    numbers = np.frombuffer(content[start : start + size], storage.dtype)[tensor.offset :]
    shape, strides = [n for n, _ in steps], [stride * storage.dtype.itemsize for _, stride in steps]
    view = np.lib.stride_tricks.as_strided(numbers, shape, strides, writeable=False)
    return view.reshape(tensor.shape)


def _of_zip(file: BinaryIO) -> tuple[Any, dict[str, tuple[int, int]]]:
    """What the archive's pickle describes, and each storage's place in the file, in bytes."""
    members = {info.filename: info for info in zipfile.ZipFile(file).infolist()}
    pickles = [name for name in members if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        raise _Damaged("it is a zip archive without one `data.pkl`")
    prefix = pickles[0].removesuffix("data.pkl")
    if "byteorder" in (name.removeprefix(prefix) for name in members):
        start, size = _place(file, members[f"{prefix}byteorder"])
        file.seek(start)
        if file.read(size) != b"little":
            raise _Damaged("its numbers are not in little-endian order")
    start, size = _place(file, members[pickles[0]])
    file.seek(start)
    described, _ = _unpickle(io.BytesIO(file.read(size)))
    data = f"{prefix}data/"
    storages = {
        name.removeprefix(data): _place(file, info)
        for name, info in members.items()
        if name.startswith(data)
    }
    return described, storages


def _place(file: BinaryIO, info: zipfile.ZipInfo) -> tuple[int, int]:
    """Where a member's bytes begin, and how many they are."""
    file.seek(info.header_offset)
    header = file.read(30)
    if info.compress_type != zipfile.ZIP_STORED or header[:4] != b"PK\x03\x04":
        raise _Damaged(f"its member '{info.filename[:80]}' is compressed or damaged")
    name, extra = (int.from_bytes(header[i : i + 2], "little") for i in (26, 28))
    start = info.header_offset + 30 + name + extra
    if info.file_size != info.compress_size or start + info.file_size > _length(file):
        raise _Damaged(f"its member '{info.filename[:80]}' reaches beyond its end")
    return start, info.file_size


def _of_pickles(file: BinaryIO) -> tuple[Any, dict[str, tuple[int, int]]]:
    """As `_of_zip`, of the older layout."""
    if _unpickle(file)[0] != MAGIC or _unpickle(file)[0] != PROTOCOL:
        raise _Damaged("it does not begin as one")
    system = _unpickle(file)[0]
    if type(system) is not dict or system.get("little_endian") is not True:
        raise _Damaged("its numbers are not in little-endian order")
    described, asked = _unpickle(file)
    keys, _ = _unpickle(file)
    if type(keys) is not list or not all(type(key) is str for key in keys):
        raise _Damaged("it has no list of storages")
    storages = {}
    for key in keys:
        # The number of elements, 8 bytes, then the elements.
        stated = int.from_bytes(file.read(8), "little")
        if key not in asked or stated != asked[key].size:
            raise _Damaged(f"storage '{key[:80]}' is of another size than its tensors say")
        start, size = file.tell(), stated * asked[key].dtype.itemsize
        if start + size > _length(file):
            raise _Damaged(f"storage '{key[:80]}' reaches beyond its end; it may be cut short")
        storages[key] = (start, size)
        file.seek(start + size)
    return described, storages


def _length(file: BinaryIO) -> int:
    here = file.tell()
    end = file.seek(0, io.SEEK_END)
    file.seek(here)
    return end


def _unpickle(file: BinaryIO) -> tuple[Any, dict[str, _Storage]]:
    """The next pickle's object, and the storages that it names, by key."""
    start = file.tell()
    for opcode, argument, position in pickletools.genops(file):
        if opcode.name not in _OPCODES:
            raise _Damaged(f"its pickle has the instruction {opcode.name}")
        # For a slot far behind the others, the table of slots would be as long as the file says.
        if opcode.name in ("PUT", "LONG_BINPUT") and argument > position:
            raise _Damaged("its pickle is damaged")
    size = file.tell() - start
    file.seek(start)
    unpickler = _Unpickler(io.BytesIO(file.read(size)), encoding="utf-8")
    return unpickler.load(), unpickler.storages


class _Unpickler(pickle.Unpickler):
    """Knows the names in `_FUNCTIONS` and those of storages, and no other."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> _Known:
        if module in ("torch", "torch.storage") and name in _DTYPES:
            return _Known(_DTYPES[name])
        if (module, name) not in _FUNCTIONS:
            raise _Damaged(f"its pickle calls for {f'{module}.{name}'[:100]}, which is not run")
        return _Known(_FUNCTIONS[module, name])

    def persistent_load(self, pid: Any) -> _Storage:
        # The older layout has a sixth field, for a storage that is a part of another.
        kind, known, key, _, size, *part = pid
        right = type(known) is _Known and isinstance(known.meaning, np.dtype) and not any(part)
        if not right or (kind, type(key), type(size)) != ("storage", str, int) or size < 0:
            raise _Damaged("its pickle names a storage of an unknown kind")
        storage = _Storage(key, known.meaning, size)
        if self.storages.setdefault(key, storage) != storage:
            raise _Damaged(f"storage '{key[:80]}' is there in two sizes or types")
        return storage


class _Dict(dict):
    """For OrderedDict; the attribute `_metadata` that PyTorch sets is left out."""

    def __setstate__(self, state: Any) -> None:
        pass


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    numbers = (offset, *shape, *strides)
    if type(storage) is not _Storage or not all(type(n) is int and n >= 0 for n in numbers):
        raise _Damaged("its pickle makes a tensor of something else than a storage")
    if len(shape) != len(strides) or len(shape) > 8:
        raise _Damaged("its pickle makes a tensor whose strides do not fit its shape")
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


_FUNCTIONS: dict[tuple[str, str], Callable] = {
    ("collections", "OrderedDict"): _Dict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
}
