"""Where a split's records are to be read: which files a mirror has, and when they have changed."""

import fnmatch
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flanrepro.raw import files, hub
from flanrepro.raw.dataset import Dataset

READING = 1
"""Version of the code that makes records of rows (parsers, converters, fields). It goes up when the
same file would give other records: those in the record store are then read again."""


@dataclass(frozen=True)
class Origin:
    """Where a split's records are: original files, the Hub's folder in a mirror, or the cache.

    Attributes:
        kind: `file`, `folder` or `cache`.
        path: a key of `Dataset.files`, the folder, or the place on the Hub.
        version: of the code that reads and, where it is `file`, of the files.
    """

    kind: str
    path: str
    version: str

    @property
    def fingerprint(self) -> str:
        """Changes when other records would be read."""
        # A folder may hold hundreds of files, and whether it is there is asked for every task.
        mark = hub.mark(Path(self.path)) if self.kind == "folder" else ""
        return f"{self.version}:{mark}"


def find(dataset: Dataset, split: str) -> Origin | None:
    """Where the records of a split are to be had without `flanrepro data fetch`; None: nowhere.

    Raises:
        InputError: a file there is a broken link or may not be read.
    """
    made_by = f"{READING}:{_digest(dataset)}"
    mirror = files.mirror()
    on_hub = dataset.hub is not None and split in dataset.splits
    for path in dataset.files.get(split, ()):
        names = file_names(path)
        if mirror is not None:
            stats = [files.status_of(mirror / name) for name in names]
            if stats and all(stats):
                marks = ",".join(f"{s.st_size}-{s.st_mtime_ns}" for s in stats)
                return Origin("file", path, f"{made_by}:{names}:{marks}")
        elif not on_hub and names and all(name in files.manifest() for name in names):
            marks = ",".join(files.manifest()[name].sha256 for name in names)
            return Origin("file", path, f"{made_by}:{names}:{marks}")
    if not on_hub:
        return None
    if mirror is None:
        return Origin("cache", dataset.hub.id, f"{made_by}:hub")
    folder = hub.folder_in(mirror, dataset.hub)
    return Origin("folder", str(folder), made_by) if files.status_of(folder, True) else None


def file_names(key: str) -> list[str]:
    """The files that a key of `Dataset.files` stands for here; none if nothing fits a pattern."""
    names = []
    for part in key.split():
        fits = _fitting(part) if "*" in part else [part]
        if not fits:
            return []
        names += fits
    return names


def _fitting(pattern: str) -> Sequence[str]:
    """The mirror's files that fit a pattern, else the manifest's."""
    mirror = files.mirror()
    # Folders fit too, and files such as `._x` that an operating system keeps beside others.
    found = [path for path in mirror.glob(pattern) if path.name[0] != "."] if mirror else []
    here = [path.relative_to(mirror).as_posix() for path in found if files.status_of(path)]
    return sorted(here or fnmatch.filter(files.manifest(), pattern))


@functools.cache
def _digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _digest(dataset: Dataset) -> str:
    return _digest_of(
        repr(
            (
                dataset.hub,
                dataset.splits,
                dataset.fields,
                dataset.convert,
                dataset.keep,
                dataset.names,
            )
        )
    )
