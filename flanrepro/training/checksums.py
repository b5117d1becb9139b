"""Checksums of a folder's files, kept in a file of the folder."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flanrepro.whole import kind_of, write_whole

NAME = "checksums.json"


def write_checksums(folder: Path) -> None:
    """Writes the SHA-256 of every file in a folder; InputError if that cannot be written."""
    # One JSON object, so that a file that is cut is no checksums, and not checksums of fewer files.
    write_whole(folder / NAME, json.dumps({"sha256": _digests(folder)}, indent=1))


def damage(folder: Path) -> str:
    """Says which file is not what its checksum says; empty: none, or there are no checksums.

    Raises:
        PermissionError: a file may not be read.
    """
    try:
        if (kind := kind_of(folder / NAME)) != "a file":
            return kind and f"{NAME} is {kind}"
        kept = json.loads((folder / NAME).read_text("utf-8"))["sha256"]
        found = _digests(folder)
        wrong = next((name for name, digest in kept.items() if found.get(name) != digest), "")
    except PermissionError:
        raise  # it says nothing of the content
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        return f"{NAME} or a file that it names cannot be read: {type(error).__name__}"
    if wrong:
        return f"{wrong} is not what was written" if wrong in found else f"{wrong} is missing"
    return "" if kept else f"{NAME} names no file"


def _digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file by its name in the folder; a pipe is none, and would never end."""
    paths = sorted(path for path in folder.rglob("*") if path.name != NAME and path.is_file())
    with ThreadPoolExecutor() as pool:  # hashing leaves Python's lock
        digests = list(pool.map(_digest, paths))
    names = (path.relative_to(folder).as_posix() for path in paths)
    return dict(zip(names, digests, strict=True))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
