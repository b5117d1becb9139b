"""Files that are written whole or not at all, folders, locks, and what is in their place."""

import contextlib
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock

from flanrepro.errors import InputError


def write_whole(path: Path, content: str | bytes | Callable[[Path], object]) -> None:
    """Writes a file whole, or leaves an older one as it was.

    Args:
        path: file to write; its folder is made if it is missing.
        content: text (written as UTF-8), bytes, or a function that writes to the path it is given.

    Raises:
        InputError: the folder or the file cannot be written.
    """
    # Beside the file, since only a rename within one file system is atomic; with the process's id,
    # since several processes may write the same file.
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if callable(content):
            content(part)
        else:
            part.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(part, path)
    except Exception as error:
        # Any class: `content` may be a library's writer with its own errors.
        with contextlib.suppress(OSError):
            part.unlink()
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise InputError(
            f"{path} could not be written ({reason}; {free_space(path)}): free some space or give "
            f"another folder, what was written before is whole"
        ) from None


def free_space(path: Path) -> str:
    """The free space of the disk that a path is, or would be, on."""
    # Not `Path.is_dir`, which fails at a name that is too long.
    there = next(folder for folder in path.absolute().parents if os.path.isdir(folder))
    return f"{shutil.disk_usage(there).free / 1e6:.0f} MB free"


def kind_of(path: Path) -> str:
    """What a path is: `a file`, `a folder` or, in words, something else; empty: nothing is there.

    Raises:
        OSError: a folder above it may not be read.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "a link to what does not exist" if path.is_symlink() else ""
    kinds = {stat.S_IFREG: "a file", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe"}
    return kinds.get(stat.S_IFMT(mode), "a device or a socket")


def make_folder(folder: Path, what: str) -> Path:
    """Makes a folder, and those above it, where it is missing.

    Args:
        folder: path of the folder.
        what: its name for people, e.g. `run folder`.

    Returns:
        the folder.

    Raises:
        InputError: it cannot be made, or something else is in its place.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise InputError(
            f"the {what} {folder} is {kind_of(folder)}: expected a folder; move it away and run "
            "again"
        ) from None
    except OSError as error:
        raise InputError(
            f"the {what} {folder} could not be made ({error.strerror}): give another `out`"
        ) from None
    return folder


@contextlib.contextmanager
def locked(path: Path, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Holds a lock file, as one process at a time can.

    Args:
        path: the lock file, made if missing.
        waiting: function that is called once if another process holds the lock.

    Raises:
        InputError: the file cannot be made, or something else is in its place.
    """
    lock = filelock.FileLock(path)
    try:
        if (kind := kind_of(path)) not in ("", "a file"):
            raise InputError(
                f"the lock {path} is {kind}: expected a file; move it away and run again"
            )
        try:
            lock.acquire(timeout=0)  # only to find out whether there is something to wait for
        except filelock.Timeout:
            waiting()
            lock.acquire()
    except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise InputError(
            f"the lock {path} could not be taken ({reason}): allow this user to write there, or "
            "give another folder"
        ) from None
    try:
        yield
    finally:
        lock.release()


def read_json(path: Path) -> dict:
    """Reads a file with one JSON object; InputError if there is no such file, or it is no such."""
    try:
        kind = kind_of(path)
        found = json.loads(path.read_text("utf-8")) if kind == "a file" else {}
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}): allow this user to read it"
        ) from None
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path} cannot be read ({type(error).__name__}): expected a JSON object; it is damaged"
        ) from None
    if kind != "a file":
        raise InputError(f"{path} is {kind or 'missing'}: expected a file with a JSON object")
    if not isinstance(found, dict):
        raise InputError(f"{path} holds a {type(found).__name__}: expected a JSON object")
    return found


def write_sealed(path: Path, content: dict) -> None:
    """Writes a JSON object whole, with the digest of its content; errors as in `write_whole`."""
    write_whole(path, json.dumps(content | {"sha256": _seal(content)}, indent=1))


def read_sealed(path: Path) -> dict:
    """Reads a file of `write_sealed`, or one of an older version, without a digest.

    Raises:
        InputError: there is no such file, it is no JSON object, or its content is another one.
    """
    found = read_json(path)
    seal = found.pop("sha256", None)
    if seal is not None and seal != _seal(found):
        raise InputError(f"{path} is not what was written: it is damaged, or was edited")
    return found


def _seal(content: dict) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
