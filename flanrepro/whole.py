"""Files that are written whole or not at all."""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

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
            f"{path} could not be written ({reason}; {_free(path)}): free some space or give "
            f"another folder, what was written before is whole"
        ) from None


def _free(path: Path) -> str:
    there = next(folder for folder in path.absolute().parents if folder.is_dir())
    return f"{shutil.disk_usage(there).free / 1e6:.0f} MB free"
