"""Store of records on disk, read from their source once, then at random access in bounded memory.

One SQLite file in the cache folder holds the records of every task that was read. A whole mixture
of Flan 2022 is larger than memory, and one file per task would need thousands of open files. A
split is stored whole or not at all: its row in `contents` is written last. No id is used twice, so
that a process that holds records which were replaced gets an error and never other records.

A split's digest is computed while it is stored and kept in its row, so that nobody has to read the
records again to know what they say.
"""

import errno
import json
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path

from flanrepro.collection.content import Content, canonical
from flanrepro.errors import InputError
from flanrepro.raw.files import cache_folder
from flanrepro.whole import kind_of, locked

# In one transaction: a reader finds no table or both. AUTOINCREMENT never uses an id twice.
_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT NOT NULL, crc INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS contents (
    name TEXT NOT NULL, fingerprint TEXT NOT NULL, first INTEGER NOT NULL, rows INTEGER NOT NULL,
    digest TEXT NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (name, fingerprint)
);
COMMIT;
"""
_SELECT = "SELECT json, crc FROM records WHERE id = ?"
# Rows per transaction: small enough that readers never wait long for a writer.
_CHUNK = 10_000
_connections = threading.local()

KEPT = 4
"""Number of fingerprints per name whose records are kept. Work that goes back and forth between
mirrors or versions reads each once, and a file that keeps changing does not fill the disk."""


class StoredRecords(Sequence[Mapping[str, str]]):
    """A split's records, each read from disk when it is asked for.

    Holds a path, two numbers and a digest, so that it can be pickled; reading raises InputError if
    another process has replaced the records.

    Attributes:
        digest: 16 hexadecimal digits of the records' content, see `flanrepro.collection.content`.
    """

    def __init__(self, path: Path, first: int, rows: int, digest: str):
        self._path, self._first, self._rows, self.digest = path, first, rows, digest

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, i: int) -> Mapping[str, str]:
        # Ids beyond the last record are another split's.
        if not 0 <= i < self._rows:
            raise IndexError(f"record {i} of {self._rows}")
        try:
            found = _connection(self._path).execute(_SELECT, (self._first + i,)).fetchone()
        except sqlite3.DatabaseError as error:
            raise _sentence(self._path, error) from None
        if found is None:
            raise InputError(
                f"record {i} is gone from {self._path}: another process has replaced the data that "
                f"it was made from, so start again"
            )
        text, crc = found
        # SQLite does not see a flipped byte within a text.
        if not isinstance(text, str) or _crc(text) != crc:
            raise _damaged(self._path, f"record {i} is not what was written")
        return json.loads(text)

    def __iter__(self) -> Iterator[Mapping[str, str]]:
        return (self[i] for i in range(self._rows))


def stored(name: str, fingerprint: str) -> StoredRecords | None:
    """The records kept under `name` that were made from `fingerprint`; None: there are none."""
    path = store_path()
    if (kind := kind_of(path)) not in ("", "a file"):
        raise InputError(f"the record store {path} is {kind}: expected a file; move it away")
    # A file that another process has just opened for the first time is empty.
    if not kind or not path.stat().st_size:
        return None
    with _errors(path):
        row = _connection(path).execute(
            "SELECT first, rows, digest, crc FROM contents WHERE name = ? AND fingerprint = ?",
            (name, fingerprint),
        )
        found = row.fetchone()
    if not found:
        return None
    *content, crc = found
    if _crc(repr((name, fingerprint, *content))) != crc:
        raise _damaged(path, f"the row of '{name}' is not what was written")
    return StoredRecords(path, *content)


def store(
    name: str, fingerprint: str, read: Callable[[], Iterable[Mapping[str, str]]]
) -> StoredRecords:
    """Stores the records that `read()` gives, unless they are stored already.

    Args:
        name: key of the split, e.g. `cot/cot_gsm8k/train`.
        fingerprint: text that changes when the source gives other records.
        read: function that gives the records; called at most once, under a lock.

    Raises:
        InputError: the cache folder cannot be written or the file in it is damaged.
    """
    path = store_path()
    _make_cache_folder(path.parent)
    with locked(path.with_name(f"{path.name}.lock")), _errors(path):
        # Again, under the lock: another process may have stored them in the meantime.
        there = stored(name, fingerprint)
        return _write(path, name, fingerprint, read()) if there is None else there


def _make_cache_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The database writes beside its file, whose own permission says nothing of that.
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise InputError(
            f"cannot write into {folder} ({error.strerror}): set FLANREPRO_CACHE to a folder that "
            f"can be written"
        ) from None


def _write(
    path: Path, name: str, fingerprint: str, records: Iterable[Mapping[str, str]]
) -> StoredRecords:
    connection = _connection(path, create=True)
    first = _make_room(connection, name)
    ids, rest, content = count(first), iter(records), Content()
    while chunk := list(islice(rest, _CHUNK)):
        rows = []
        for text in map(canonical, chunk):
            content.add(text)
            rows.append((next(ids), text, _crc(text)))
        with connection:
            connection.executemany("INSERT INTO records VALUES (?, ?, ?)", rows)
    row = (name, fingerprint, first, content.rows, content.digest)
    with connection:
        sealed = (*row, _crc(repr(row)))
        connection.execute("INSERT INTO contents VALUES (?, ?, ?, ?, ?, ?)", sealed)
    return StoredRecords(path, *row[2:])


def _make_room(connection: sqlite3.Connection, name: str) -> int:
    """Deletes old records and an interrupted writer's remains; gives the first new id."""
    with connection:
        old = connection.execute(
            "SELECT fingerprint, first, rows FROM contents WHERE name = ? ORDER BY first DESC",
            (name,),
        ).fetchall()
        for fingerprint, first, rows in old[KEPT - 1 :]:
            connection.execute(
                "DELETE FROM contents WHERE name = ? AND fingerprint = ?", (name, fingerprint)
            )
            connection.execute(
                "DELETE FROM records WHERE id >= ? AND id < ?", (first, first + rows)
            )
        connection.execute(
            "DELETE FROM records WHERE id >= (SELECT COALESCE(MAX(first + rows), 0) FROM contents)"
        )
        last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'records'")
        (highest,) = last.fetchone() or (None,)
    # A new file may replace one that was deleted while a process still holds its records. Its ids
    # begin at the clock's nanoseconds, far above any id of the old file.
    return time.time_ns() if highest is None else highest + 1


def store_path() -> Path:
    """Path of the SQLite file."""
    # Named with its schema's number: another schema's file is left to the version that made it.
    return cache_folder() / "records-4.sqlite"


def _connection(path: Path, create: bool = False) -> sqlite3.Connection:
    # A connection must not cross threads or forks, and data workers are either.
    key = (os.getpid(), path)
    known = _connections.__dict__.setdefault("by_path", {})
    # A user may have deleted the file under an open connection; what is written there is lost.
    if key not in known or (create and not path.is_file()):
        # Seconds to wait for another writer's transaction.
        known[key] = sqlite3.connect(path, timeout=120)
        known[key].executescript(_SCHEMA if create else "")
        # 1 GiB of the file is mapped: data workers share its pages instead of copying them.
        known[key].execute("PRAGMA mmap_size = 1073741824")
    elif create:
        known[key].executescript(_SCHEMA)
    return known[key]


@contextmanager
def _errors(path: Path):
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _sentence(path, error) from None


def _sentence(path: Path, error: sqlite3.DatabaseError) -> InputError:
    # OperationalError: disk full, no permission, locked. Its base class: the content is damaged.
    if isinstance(error, sqlite3.OperationalError):
        return InputError(
            f"cannot keep records in {path} ({error}): give the folder room and write permission, "
            f"or set FLANREPRO_CACHE to another folder"
        )
    return _damaged(path, str(error))


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(
        f"the record store {path} is damaged ({reason}): delete it, and it is made again from the "
        f"data when it is needed"
    )


def _crc(text: str) -> int:
    return zlib.crc32(text.encode())
