"""Data files by name: downloads with checksums, or a mirror's copies.

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
import os
import stat
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

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
    text = (resources.files("flanrepro.raw") / "manifest.csv").read_text(encoding="utf-8")
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
        raise unreadable(path, error) from None
    return status if (stat.S_ISDIR if folder else stat.S_ISREG)(status.st_mode) else None


def unreadable(path: Path, error: OSError) -> InputError:
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
    folder = cache_folder()
    local = folder / file.path
    damaged = status_of(local) and _difference(file, local)
    if damaged == "":
        return local
    also = f" (the copy in the cache, {local}, is damaged: {damaged})" if damaged else ""
    _download(file, folder, also)
    return local


def _download(file: DataFile, folder: Path, also: str) -> None:
    """Brings the file into `folder`.

    Raises:
        InputError: it cannot be had, or is another file; the folder is then as before. `also` goes
            into the sentence.
    """
    pooch = import_pooch()
    # Streamed responses stay open if they fail; the files are small enough to be read at once.
    downloader = pooch.HTTPDownloader(stream=False)
    sha256 = f"sha256:{file.sha256}"
    try:
        pooch.retrieve(file.url, sha256, fname=file.path, path=folder, downloader=downloader)
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot download '{file.path}' to {folder}: {_reason(file, error)}{also}; nothing was "
            f"kept, so try again, or set FLANREPRO_MIRROR to a folder that holds '{file.path}'"
        ) from error


def _reason(file: DataFile, error: Exception) -> str:
    """What a failed download comes to, as part of a sentence."""
    from requests import exceptions

    if isinstance(error, exceptions.HTTPError):
        return f"{file.url} answered with HTTP status {error.response.status_code}"
    if isinstance(error, (exceptions.ChunkedEncodingError, exceptions.ContentDecodingError)):
        return f"{file.url} broke off before its {file.bytes} bytes were there"
    if isinstance(error, (exceptions.ConnectionError, exceptions.Timeout)):
        return f"no connection to {file.url}"
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return (
            f"{file.url} brought other content than the expected {file.bytes} bytes with SHA-256 "
            f"{file.sha256} (it was cut short, or has changed)"
        )
    return " ".join(str(error).split())


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
        raise unreadable(local, error) from None
