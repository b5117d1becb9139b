"""What is done to a file, a folder or a lock of one's own, drawn from a seed."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

Tamper = Callable[[Path, np.random.Generator], object]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def delete(path: Path, rng: np.random.Generator) -> None:
    _remove(path)


def become_folder(path: Path, rng: np.random.Generator) -> None:
    _remove(path)
    path.mkdir()
    (path / "something").write_text("else")


def become_file(path: Path, rng: np.random.Generator) -> None:
    _remove(path)
    path.write_text("something else\n")


def become_link(path: Path, rng: np.random.Generator) -> None:
    """A link to a folder that does not exist."""
    _remove(path)
    path.symlink_to(path.parent / "gone" / "away")


def become_fifo(path: Path, rng: np.random.Generator) -> None:
    _remove(path)
    os.mkfifo(path)


def empty(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(b"")


def cut(path: Path, rng: np.random.Generator) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: rng.integers(len(content))] if content else b"")


def flip(path: Path, rng: np.random.Generator) -> None:
    """Another byte in the place of one."""
    content = bytearray(path.read_bytes() or b"\0")
    content[rng.integers(len(content))] ^= int(rng.integers(1, 256))
    path.write_bytes(content)


def grow(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(path.read_bytes() + rng.bytes(20))


OTHERS = (
    None,
    "x",
    "",
    2**70,
    -1,
    True,
    [],
    {},
    [[]],
    float("nan"),
    float("inf"),
    "a\nb",
    "\ud800",
)
"""Values that a field of a JSON file gets."""


def edit_json(path: Path, rng: np.random.Generator) -> None:
    """One value of a file, or of one of its lines, is another, its key is gone, or all is."""
    text = path.read_text("utf-8")
    lines = [text] if path.suffix == ".json" else text.splitlines(keepends=True)
    i = int(rng.integers(len(lines)))
    lines[i] = json.dumps(_edited(json.loads(lines[i]), rng)) + "\n"
    path.write_text("".join(lines), "utf-8")


def _edited(whole, rng: np.random.Generator):
    inside, choice = whole, int(rng.integers(len(OTHERS) + 2))
    if choice > len(OTHERS) or not whole:
        return OTHERS[int(rng.integers(len(OTHERS)))]
    while True:
        keys = list(inside) if isinstance(inside, dict) else range(len(inside))
        key = keys[int(rng.integers(len(keys)))]
        deeper = isinstance(inside[key], dict | list) and inside[key]
        if not deeper or rng.random() < 0.3:
            break
        inside = inside[key]
    if choice == len(OTHERS):
        del inside[key]
    else:
        inside[key] = OTHERS[choice]
    return whole


KINDS: tuple[Tamper, ...] = (delete, become_folder, become_link, become_fifo)
"""What any file may become."""

CONTENT: tuple[Tamper, ...] = (empty, cut, flip, flip, grow)
"""What a file's content may become; a byte is flipped more often, as it is the hardest to see."""

LOCKS: tuple[Tamper, ...] = (become_folder, become_link, become_fifo, become_file)

FOLDERS: tuple[Tamper, ...] = (become_file, become_link, become_fifo)


# --- folders of checkpoints ---


def _newest(folder: Path) -> Path:
    return max((p for p in folder.iterdir() if p.name.isdecimal()), key=lambda p: int(p.name))


def later_empty_step(folder: Path, rng: np.random.Generator) -> None:
    (folder / str(int(_newest(folder).name) + 1)).mkdir()


def odd_name(folder: Path, rng: np.random.Generator) -> None:
    """A step's folder whose name is no step's."""
    names = ("007", "9" * 40, "-3", "5.0", "step", "5 ", "\u0665")
    shutil.copytree(_newest(folder), folder / names[int(rng.integers(len(names)))])


def interrupted_copy(folder: Path, rng: np.random.Generator) -> None:
    """The newest checkpoint again under a later step, with some of its files missing."""
    copy = folder / str(int(_newest(folder).name) + 1)
    shutil.copytree(_newest(folder), copy)
    files = [path for path in sorted(copy.rglob("*")) if path.is_file()]
    for path in rng.permutation(np.array(files, dtype=object))[: int(rng.integers(1, len(files)))]:
        path.unlink()


def step_without_a_part(folder: Path, rng: np.random.Generator) -> None:
    """The newest checkpoint without one of its folders or files."""
    parts = sorted(_newest(folder).iterdir())
    _remove(parts[int(rng.integers(len(parts)))])


def step_becomes(folder: Path, rng: np.random.Generator) -> None:
    LOCKS[int(rng.integers(len(LOCKS)))](_newest(folder), rng)


def remains(folder: Path, rng: np.random.Generator) -> None:
    """What an interrupted saving leaves."""
    copy = folder / f"{int(_newest(folder).name) + 1}.orbax-checkpoint-tmp"
    shutil.copytree(_newest(folder), copy)


CHECKPOINTS: tuple[Tamper, ...] = (
    later_empty_step,
    odd_name,
    interrupted_copy,
    step_without_a_part,
    step_becomes,
    remains,
)
