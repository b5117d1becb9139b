"""Data files by name: downloads with checksums, or a mirror's copies.

`manifest.csv` lists every file that this version uses: its name, URL, size in bytes, SHA-256,
number of records and licence. Two environment variables name the folders:

- `FLANREPRO_CACHE`: folder for downloads; unset: the platform's cache folder;
- `FLANREPRO_MIRROR`: folder that already holds the files under their names in the manifest; if it
  is set, nothing is downloaded.
"""

import csv
import difflib
import functools
import hashlib
import os
import stat
import time
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
        path: name relative to the cache or the mirror, with forward slashes.
        url: address of the publisher's copy, at a fixed commit.
        bytes: size of the content.
        sha256: checksum of the content, in hexadecimal digits.
        rows: number of records.
        licence: text that the publishing repository states.
    """

    path: str
    url: str
    bytes: int
    sha256: str
    rows: int
    licence: str


@functools.cache
def manifest() -> Mapping[str, DataFile]:
    """Reads `manifest.csv`: this version's files by name."""
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
    """The folder for downloads: `FLANREPRO_CACHE`, else the platform's cache folder."""
    named = os.environ.get("FLANREPRO_CACHE")
    if named:
        return expanded(named)
    try:
        return Path(import_pooch().os_cache("flanrepro"))
    except ImportError:
        # Training from packed files needs few packages, and downloads nothing.
        return Path.home() / ".cache" / "flanrepro"


def import_pooch():
    """Imports Pooch without its warning."""
    # It imports tqdm, which warns in a notebook if the widgets of its progress bars are missing.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "IProgress not found")
        import pooch
    return pooch


def mirror() -> Path | None:
    """The folder that `FLANREPRO_MIRROR` names; None: it is unset."""
    named = os.environ.get("FLANREPRO_MIRROR")
    return _mirror(named, os.environ.get("HOME")) if named else None


# Cached, since a collection asks for it thousands of times. `~` depends on HOME.
@functools.lru_cache(maxsize=4)
def _mirror(named: str, home: str | None) -> Path:
    return expanded(named)


def expanded(name: str | Path) -> Path:
    """The path that a user names, where `~` and `~somebody` are home folders.

    Raises:
        InputError: there is no such user, or a path cannot hold one of the name's characters.
    """
    try:
        if b"\0" in os.fsencode(name):
            raise _no_path(name)
        return Path(name).expanduser()
    except UnicodeError:
        raise _no_path(name) from None
    except RuntimeError as error:
        raise InputError(
            f"'{name}' is no path here ({error}): expected ~ or the name of a user with a home "
            f"folder after it; write the path out"
        ) from None


def _no_path(name: str | Path) -> InputError:
    return InputError(
        f"'{name}' is no path: it has U+0000 or half of a surrogate pair, which no path can have; "
        f"give another name"
    )


def fetch(path: str) -> Path:
    """Finds or downloads the file `path`, and verifies its checksum if the manifest has one.

    The copy is the mirror's if `FLANREPRO_MIRROR` is set, else the cache's, which is downloaded if
    it is missing or damaged. A checksum is computed once per process unless the file changes. A
    mirror may hold more files of a data set than the manifest lists.

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
    """The reason why the mirror does not give the file `path`; empty if it does.

    It is empty without a mirror as well, since the file is then downloaded.
    """
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


def beside(path: str) -> Path:
    """The place of a file that users get by themselves: in the mirror; without one, the cache."""
    return (mirror() or cache_folder()) / path


def status_of(path: Path, folder: bool = False) -> os.stat_result | None:
    """The size and times of a file, or of a folder if `folder`; None: there is none.

    Raises:
        InputError: it is a broken link, or its status may not be read.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        # A mirror may be a folder of links; a broken one is a file that was meant to be there.
        if path.is_symlink():
            raise InputError(
                f"{path} is a link to {path.readlink()}, which does not exist: mend or remove it"
            ) from None
        return None
    except OSError as error:
        raise unreadable(path, error) from None
    except ValueError:
        raise _no_path(path) from None
    return status if (stat.S_ISDIR if folder else stat.S_ISREG)(status.st_mode) else None


_TICK = 0.05
"""Seconds within which two changes of a file may get the same time: a few ticks of the clock."""


def mark(path: Path, status: os.stat_result) -> str:
    """A text that changes when the file's content does; the content is read only where it must be.

    Size and time of modification are not enough: a label may be mended by one of the same length,
    and `os.utime`, `cp -p` and `rsync -t` set the time back. No program can set the time of the
    last change of content or status (ctime). A file that was only moved or got other permissions
    is read again, which costs time and changes no digest of its records. Where a file system has
    no such time (it gives whole seconds: FAT, squashfs, some of FUSE), the content is hashed, once
    per process.

    Raises:
        InputError: the content has to be read, and cannot be.
    """
    # Changes within one tick of the clock share their time: whoever asked reads behind that tick.
    time.sleep(_TICK if 0 <= time.time() - status.st_ctime < _TICK else 0)
    if status.st_ctime_ns % 1_000_000_000 == 0 or os.name == "nt":  # there it is the file's birth
        return f"{status.st_size}-{_sha256_now(path, status)}"
    return f"{status.st_size}-{status.st_ctime_ns}"


def unreadable(path: Path, error: OSError) -> InputError:
    """The error that says why `path` cannot be read."""
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
    # None: no copy; empty: a good copy; else what is wrong with it.
    damaged = status_of(local) and _difference(file, local)
    if damaged == "":
        return local
    also = f" (the copy in the cache, {local}, is damaged: {damaged})" if damaged else ""
    _download(file, folder, also)
    return local


def _download(file: DataFile, folder: Path, also: str) -> None:
    """Downloads the file into `folder`; `also` is added to an error's sentence.

    Raises:
        InputError: the download fails or brings other content; the folder is then as before.
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
    """The reason for a failed download, as part of a sentence."""
    from requests import exceptions

    if isinstance(error, exceptions.HTTPError):
        return f"{file.url} answered with HTTP status {error.response.status_code}"
    if isinstance(error, (exceptions.ChunkedEncodingError, exceptions.ContentDecodingError)):
        return f"{file.url} broke off before its {file.bytes} bytes were there"
    if isinstance(error, (exceptions.ConnectionError, exceptions.Timeout)):
        return f"no connection to {file.url}"
    # Pooch raises a bare ValueError for a wrong checksum; some errors of requests are both classes.
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return (
            f"{file.url} brought other content than the expected {file.bytes} bytes with SHA-256 "
            f"{file.sha256} (it was cut short, or has changed)"
        )
    return " ".join(str(error).split())


def _difference(file: DataFile, local: Path) -> str:
    """The difference between `local` and the manifest; empty: there is none."""
    # Between two looks another process may remove the file.
    status = status_of(local)
    if status is None:
        return "it is gone"
    if status.st_size != file.bytes:
        return f"it has {status.st_size} bytes and {file.bytes} are expected"
    found = _sha256_now(local, status)
    return "" if found == file.sha256 else f"its SHA-256 is {found} and {file.sha256} is expected"


def _sha256_now(local: Path, status: os.stat_result) -> str:
    return _sha256(local, (status.st_size, status.st_mtime_ns, status.st_ctime_ns))


@functools.cache
def _sha256(local: Path, state: tuple[int, int, int]) -> str:
    # The state is in the key so that a file that changes is read again.
    try:
        with local.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(local, error) from None
