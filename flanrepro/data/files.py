"""Data files by name: downloads with checksums, and readers that name the line that is wrong.

`manifest.csv` lists every file that this version uses: its name, URL, size in bytes, SHA-256,
number of records and licence. Two environment variables say where files come from and go:

- `FLANREPRO_CACHE`: folder for downloads; the platform's cache folder where it is unset;
- `FLANREPRO_MIRROR`: folder that already holds the files under their names in the manifest; where
  it is set, nothing is downloaded.
"""

import csv
import difflib
import functools
import hashlib
import json
import os
import stat
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from flanrepro.errors import InputError


@dataclass(frozen=True)
class DataFile:
    """One row of the manifest.

    Attributes:
        path: the file's name here, relative to the cache or the mirror, with forward slashes.
        url: where it is published, at a fixed commit.
        bytes, sha256: of its content.
        rows: records in it.
        licence: as the publishing repository states it.
    """

    path: str
    url: str
    bytes: int
    sha256: str
    rows: int
    licence: str


@functools.cache
def manifest() -> Mapping[str, DataFile]:
    """The files of this version by name, from the package's `manifest.csv`."""
    text = (resources.files("flanrepro.data") / "manifest.csv").read_text(encoding="utf-8")
    return {
        row["path"]: DataFile(**{**row, "bytes": int(row["bytes"]), "rows": int(row["rows"])})
        for row in csv.DictReader(text.split("\n"))
    }


def data_file(path: str) -> DataFile:
    """The manifest's row for `path`; InputError lists the closest names if there is none."""
    known = manifest()
    if path not in known:
        close = difflib.get_close_matches(path, known, n=3, cutoff=0.5) or sorted(known)
        raise InputError(
            f"there is no data file '{path}' in the manifest of this version: did you mean "
            f"{' or '.join(close)}?"
        )
    return known[path]


def cache_folder() -> Path:
    """Where downloads are kept: `FLANREPRO_CACHE`, else the platform's cache folder."""
    named = os.environ.get("FLANREPRO_CACHE")
    if named:
        return Path(named).expanduser()
    try:
        return Path(import_pooch().os_cache("flanrepro"))
    except ImportError:  # where nothing is downloaded: a run is trained from files alone
        return Path.home() / ".cache" / "flanrepro"


def import_pooch():
    """Pooch; it imports tqdm, which warns in a notebook without the widgets of its bars."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "IProgress not found")
        import pooch
    return pooch


def mirror() -> Path | None:
    """The folder that `FLANREPRO_MIRROR` names, or None where it is unset."""
    named = os.environ.get("FLANREPRO_MIRROR")
    return Path(named).expanduser() if named else None


def fetch(path: str) -> Path:
    """A local copy of the file `path`, its checksum verified where the manifest has one.

    The copy is the mirror's where `FLANREPRO_MIRROR` is set, else the cache's, which is downloaded
    if it is not there or damaged. A checksum is computed once per process as long as the file does
    not change. A mirror may hold more files of a data set than the manifest lists.

    Raises:
        InputError: the name is neither in the mirror nor in the manifest; the mirror lacks the file
            or holds another one; the download fails, is cut short or brings another file. The cache
            is then as before.
    """
    folder = mirror()
    if folder and path not in manifest() and status_of(folder / path):
        return folder / path
    file = data_file(path)
    return _from_mirror(file, folder) if folder else _from_cache(file)


def missing(path: str) -> str:
    """Why the manifest's file `path` cannot be had without the network, in a mirror that lacks it;
    empty where it can, and where there is no mirror, since it is then downloaded."""
    folder = mirror()
    try:
        if folder is None or status_of(folder / path):
            return ""
    except InputError as error:
        return str(error)
    return (
        f"the mirror {folder} (FLANREPRO_MIRROR) has no file '{path}': put a copy of "
        f"{data_file(path).url} there, or unset FLANREPRO_MIRROR to download it"
    )


def status_of(path: Path, folder: bool = False) -> os.stat_result | None:
    """A file's size and times, or those of a folder; None where there is none.

    Raises:
        InputError: it is a broken link, which is a file that somebody meant to be there, or it
            cannot be looked at.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise InputError(
                f"{path} is a link to {path.readlink()}, which is not there: mend or remove it"
            ) from None
        return None
    except OSError as error:
        raise _unreadable(path, error) from None
    return status if (stat.S_ISDIR if folder else stat.S_ISREG)(status.st_mode) else None


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"cannot read {path}: {error.strerror}; expected a file there and the permission to read it"
    )


def _from_mirror(file: DataFile, folder: Path) -> Path:
    local = folder / file.path
    if not status_of(local):
        raise InputError(missing(file.path))
    problem = _difference(file, local)
    if problem:
        raise InputError(
            f"{local} is not the file that this version uses: {problem}; replace it by a copy of "
            f"{file.url}, or unset FLANREPRO_MIRROR to download it"
        )
    return local


def _from_cache(file: DataFile) -> Path:
    from flanrepro.data.download import download

    folder = cache_folder()
    local = folder / file.path
    damaged = status_of(local) and _difference(file, local)
    if damaged == "":
        return local
    also = f" (the copy in the cache, {local}, is damaged: {damaged})" if damaged else ""
    download(file, folder, also)
    return local


def _difference(file: DataFile, local: Path) -> str:
    """How `local` differs from the manifest; empty if it does not."""
    status = status_of(local)
    if status is None:
        return "it is gone"
    if status.st_size != file.bytes:
        return f"it has {status.st_size} bytes and {file.bytes} are expected"
    found = _sha256(local, status.st_size, status.st_mtime_ns)
    return "" if found == file.sha256 else f"its SHA-256 is {found} and {file.sha256} is expected"


@functools.cache
def _sha256(local: Path, size: int, mtime_ns: int) -> str:
    # Size and time are in the key so that a file that changes is read again.
    try:
        with local.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(local, error) from None


def read_text(path: Path) -> str:
    """A UTF-8 file's text without a byte-order mark, its line ends kept as they are.

    Raises:
        InputError: the file cannot be read, or a line (named) is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise _unreadable(path, error) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}, line {line}: not UTF-8 ({error.reason}); expected UTF-8 text, so save the "
            f"file again in that encoding or replace it"
        ) from None


def _lines(path: Path) -> list[str]:
    # Records hold U+2028, U+0085 and the like, which str.splitlines takes for line ends.
    lines = read_text(path).split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _parse(text: str, path: Path, line: int, make: Callable | None = None) -> Any:
    try:
        return json.loads(text, object_pairs_hook=make)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}, line {line + error.lineno - 1}: not JSON ({error.msg}, column {error.colno});"
            f" mend the line or replace the file"
        ) from None
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        # A whole number of thousands of digits, or lists in lists in lists: the reader has limits.
        where = f"{path}, line {line}" if "\n" not in text else path
        raise InputError(
            f"{where}: JSON that cannot be read ({error}); mend the line or replace the file"
        ) from None


def _check(record: Any, fields: Sequence[str], where: str) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise InputError(
            f"{where}: expected a JSON object, found {type(record).__name__}; mend the file or "
            f"replace it"
        )
    for name in fields:
        value = record
        for part in name.split("."):
            if not isinstance(value, dict) or part not in value:
                raise InputError(
                    f"{where}: the record has no field '{name}' (it has {', '.join(record)}); mend "
                    f"the file or replace it"
                )
            value = value[part]
    return record


def read_jsonl(path: Path, fields: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The records of a file with one JSON object per line.

    Args:
        path: a UTF-8 file.
        fields: what every record must have; `question.stem` is a field within a field.

    Raises:
        InputError: a line is no JSON object or lacks a field.
    """
    return [
        _check(_parse(text, path, number), fields, f"{path}, line {number}")
        for number, text in enumerate(_lines(path), 1)
    ]


def read_json(path: Path, fields: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The records of a file that is one JSON list of objects; `fields` as in `read_jsonl`.

    Raises:
        InputError: the file is no such list or a record lacks a field. The line of a record in such
            a file is not known, so its number is given, from 1.
    """
    records = _parse(read_text(path), path, 1)
    if not isinstance(records, list):
        raise InputError(
            f"{path}: expected a JSON list of records, found {type(records).__name__}; replace the "
            f"file"
        )
    return [
        _check(record, fields, f"{path}, record {number}")
        for number, record in enumerate(records, 1)
    ]


def read_json_object(path: Path, fields: Sequence[str] = ()) -> dict[str, Any]:
    """A file that is one JSON object; `fields` as in `read_jsonl`.

    Raises:
        InputError: the file is no JSON object, lacks a field or has one twice, which JSON would let
            pass with the loss of the first.
    """

    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f"{path}: '{twice}' is there twice; mend the file or replace it")
        return made

    return _check(_parse(read_text(path), path, 1, distinct), fields, str(path))


def read_tsv(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a tab-separated file without header and without quoting.

    Args:
        path: a UTF-8 file.
        columns: the names of its columns, in order.

    Raises:
        InputError: a row has more or fewer columns.
    """
    records = []
    for number, text in enumerate(_lines(path), 1):
        cells = text.split("\t")
        if len(cells) != len(columns):
            raise InputError(
                f"{path}, line {number}: {len(cells)} tab-separated columns, expected "
                f"{len(columns)} ({', '.join(columns)}); mend the line or replace the file"
            )
        records.append(dict(zip(columns, cells, strict=True)))
    return records
