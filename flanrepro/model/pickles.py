"""Looks through a state dict's pickles before PyTorch reads them. Nothing is run here.

A pickle can name an object again: in 100 bytes it holds tuples of tuples, 2 to the power of 30 in
all, and each is counted when they are a dictionary's key. Some classes make as much memory as they
are told. What PyTorch writes is shallow, names texts, numbers, classes and tensors alone again, and
calls for few classes.
"""

import io
import pickletools
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

LARGEST = 1 << 20
"""Number of bytes of the largest pickle, without tensors' numbers: T5's have up to 120 kB."""

DEEPEST = 16
"""Number of containers in containers; a state dict has 5."""

_CALLED = re.compile(
    r"collections OrderedDict|torch \w+Storage|torch Size|torch\._utils _rebuild_tensor(_v2)?|"
    r"torch\._utils _rebuild_parameter|torch\.nn\.parameter Parameter"
)
"""Classes and functions that a state dict's pickle calls for, as `pickletools` gives them."""

_OF_TENSORS = ("torch._utils ", "torch.nn.parameter ")

_GROWING = ("APPEND", "APPENDS", "SETITEM", "SETITEMS", "BUILD")

Entry = tuple[str, int]
"""What is known of an object: its kind, or the name of what is called, and its depth."""


def zipped(path: Path) -> bool:
    """True if PyTorch reads the file as a ZIP archive: files before its version 1.6 are none."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def check(path: Path) -> None:
    """Raises an error, whose text is the reason, if a file's pickles are no state dict's."""
    for pickle in _pickles(path):
        memo: dict[int, Entry] = {}
        stack: list[Entry] = []
        for code, argument, _ in pickletools.genops(pickle):
            _step(code, argument, stack, memo)


def _pickles(path: Path) -> Iterator[io.BytesIO]:
    """Yields the pickle of an archive, or five times the start of an older file, to be read on."""
    if not zipped(path):
        with path.open("rb") as file:
            head = io.BytesIO(file.read(LARGEST))
        # A number, the version, facts of the machine, the state dict, the names of its storages.
        yield from [head] * 5
        return
    with zipfile.ZipFile(path) as archive:
        found = [entry for entry in archive.infolist() if entry.filename.endswith("data.pkl")]
        # Of two with one name PyTorch may read the other, and it maps tensors as they lie there.
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("its entries are compressed, and PyTorch compresses none")
        if damaged := archive.testzip():  # mapped, nothing else looks at the checksums
            raise ValueError(f"its entry {damaged[-60:]!r} is not what its checksum says")
        if len(found) != 1 or found[0].file_size > LARGEST:
            sizes = [entry.file_size for entry in found[:5]]
            raise ValueError(f"it has pickles of {sizes} bytes, expected one of {LARGEST} at most")
        yield io.BytesIO(archive.read(found[0]))


def _step(code, argument, stack: list[Entry], memo: dict[int, Entry]) -> None:
    """Does to kinds and depths what an opcode does to objects."""
    if "PUT" in code.name:
        memo[argument] = stack[-1]
    elif "GET" in code.name:
        stack.append(memo[argument])
        if stack[-1][0] == "container":
            raise ValueError("its pickle names a container twice, as no state dict's does")
    elif code.name == "GLOBAL":
        if not _CALLED.fullmatch(argument):
            raise ValueError(f"its pickle calls for {argument[:60]!r}, as no T5's does")
        stack.append((argument, 0))
    elif code.name == "MARK":
        stack.append(("mark", 0))
    else:
        taken = _taken(code, stack)
        made = (
            "container" if taken or code.name.startswith("EMPTY") else "atom",
            _depth(code, taken),
        )
        if code.name == "REDUCE" and taken[0][0].startswith(_OF_TENSORS):
            made = "tensor", 0
        if made[1] > DEEPEST:
            raise ValueError(f"its pickle has more than {DEEPEST} containers in each other")
        stack += [made] * len(code.stack_after)


def _depth(code, taken: list[Entry]) -> int:
    depths = [1 + depth for _, depth in taken]
    if code.name in _GROWING:
        depths[0] -= 1  # the container itself
    return max(depths, default=0)


def _taken(code, stack: list[Entry]) -> list[Entry]:
    """Takes from the stack what an opcode takes: a number of objects, or those above a mark."""
    before = [one.name for one in code.stack_before]
    number = before.index("mark") if "mark" in before else len(before)
    above = []
    while "mark" in before and (top := stack.pop())[0] != "mark":
        above.append(top)
    fixed = [stack.pop() for _ in range(number)]
    return [*reversed(fixed), *reversed(above)]
