"""Origins of a split's records: which files a mirror has, and if they have changed."""

import fnmatch
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flanrepro.errors import InputError
from flanrepro.raw import files, hub
from flanrepro.raw.dataset import Dataset

READING = 4
"""Version of the code that makes records of rows (parsers, converters, fields). It is raised when
the same file gives other records; those in the record store are then read again."""


@dataclass(frozen=True)
class Origin:
    """The place that a split's records are read from.

    Attributes:
        kind: `file` (original files), `folder` (the Hub's folder in a mirror) or `cache` (the
            record store, filled from the Hub).
        path: key of `Dataset.files`, path of the folder, or id on the Hub.
        version: text that names the version of the reading code and, for files of the manifest, of
            the files.
        marked: paths of a mirror's files; empty for the others.
    """

    kind: str
    path: str
    version: str
    marked: tuple[Path, ...] = ()

    @property
    def fingerprint(self) -> str:
        """A text that changes when other records would be read; InputError if a file is gone.

        It names the state of files on this machine. What their records say has a digest of its own,
        which is kept beside them in the record store and is the same on all machines.
        """
        # Only when it is asked for: a folder may hold hundreds of files, and `find` is called for
        # every task.
        marks = [hub.mark(Path(self.path))] if self.kind == "folder" else map(_mark, self.marked)
        return f"{self.version}:{','.join(marks)}"


def _mark(path: Path) -> str:
    if status := files.status_of(path):
        return files.mark(path, status)
    raise InputError(f"{path} is gone: another program has removed it meanwhile; start again")


def find(dataset: Dataset, split: str) -> Origin | None:
    """Finds the origin of a split's records; None: there is none.

    A mirror's original files come first, then its copy of the Hub's folder. Without a mirror it is
    the cache for what is on the Hub, else the manifest's files.

    Raises:
        InputError: a file is a broken link or may not be read.
    """
    made_by = f"{READING}:{_digest(dataset)}"
    mirror = files.mirror()
    on_hub = dataset.hub is not None and split in dataset.splits
    for path, parser in dataset.files.get(split, {}).items():
        names = file_names(path)
        read_by = f"{made_by}:{parser}:{names}"
        if mirror is not None:
            marked = tuple(mirror / name for name in names)
            if marked and all([files.status_of(path) for path in marked]):
                return Origin("file", path, read_by, marked)
        elif not on_hub and names and all(name in files.manifest() for name in names):
            marks = ",".join(files.manifest()[name].sha256 for name in names)
            return Origin("file", path, f"{read_by}:{marks}")
    if not on_hub:
        return None
    if mirror is None:
        return Origin("cache", dataset.hub.id, f"{made_by}:hub")
    there = hub.held(mirror, dataset.hub, dataset.splits[split]["hub"])
    if not there or (dataset.beside and not files.status_of(files.beside(dataset.beside))):
        return None
    return Origin("folder", str(hub.folder_in(mirror, dataset.hub)), made_by)


def file_names(key: str) -> list[str]:
    """Names of the files that a key of `Dataset.files` stands for; none if a pattern fits none."""
    names = []
    for part in key.split():
        fits = _fitting(part) if "*" in part else [part]
        if not fits:
            return []
        names += fits
    return names


def _fitting(pattern: str) -> Sequence[str]:
    """Names of the mirror's files that fit a pattern, sorted; without any, of the manifest's."""
    mirror = files.mirror()
    # Folders fit too, and files such as `._x` that an operating system keeps beside others.
    found = [path for path in mirror.glob(pattern) if path.name[0] != "."] if mirror else []
    here = [path.relative_to(mirror).as_posix() for path in found if files.status_of(path)]
    return sorted(here or fnmatch.filter(files.manifest(), pattern))


# Cached, since `find` is called for every task and split. It takes a text because a data set's
# mappings cannot be hashed.
@functools.cache
def _digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _digest(dataset: Dataset) -> str:
    # Only what changes the records: neither the licence nor the notes. `find` names the parser.
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
