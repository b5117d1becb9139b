"""Data sets on the Hugging Face Hub, or in a copy of its folders, read through `datasets`."""

import contextlib
import functools
import glob
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flanrepro.errors import InputError
from flanrepro.raw import files
from flanrepro.raw.files import cache_folder, mirror, status_of
from flanrepro.raw.reading import without_nan
from flanrepro.raw.records import KEPT

PARQUET = "refs/convert/parquet"
"""Branch where the Hub keeps its own Parquet copy of a data set that is published as a script."""


MOST_ROWS = 300_000
"""Number of rows of a task beyond which only every k-th is read, k = rows // MOST_ROWS. No mixture
uses more than 200,000 records (`mixtures.yaml`), and translation sets have tens of millions."""


@dataclass(frozen=True)
class Hub:
    """A place on the Hub.

    Attributes:
        id: `owner/name`.
        config: name of the configuration; None: there is one. In a converted copy (`PARQUET`)
            `*` is the only one, whatever its name, and None the one named `default`.
        revision: branch, tag or commit; None: the default branch.
        column: name of the column that names the task, if one data set holds many; two names: the
            second column names the split. A version after a name (`:1.0.0`) is ignored.
    """

    id: str
    config: str | None = None
    revision: str | None = None
    column: str | tuple[str, ...] | None = None

    def __post_init__(self):
        # YAML gives a list, which could not be hashed (`_open` is cached by place).
        if isinstance(self.column, list):
            object.__setattr__(self, "column", tuple(self.column))


def download(name: str, files: Sequence[str]) -> Path:
    """Downloads a model's repository unless it is in the Hub's cache; gives its folder.

    If FLANREPRO_MIRROR is set, the folder is `models/OWNER/NAME` there, and nothing is downloaded.

    Args:
        name: `OWNER/NAME` of the repository.
        files: patterns of the files to download.

    Raises:
        InputError: the mirror lacks it; the extra `hub` is not installed; the Hub cannot be reached
            or has no such repository.
    """
    if folder := mirror():
        local = folder / "models" / name
        if not status_of(local, folder=True):
            raise InputError(
                f"the mirror {folder} (FLANREPRO_MIRROR) has no folder 'models/{name}': put a copy "
                f"of that repository's files there, or unset FLANREPRO_MIRROR to download it"
            )
        return local
    try:
        import huggingface_hub
    except ImportError:
        raise InputError(
            f"'{name}' comes from the Hugging Face Hub: pip install 'flanrepro[hub]'"
        ) from None
    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=list(files)))
    except Exception as error:
        # Any class: the network's failures come from several libraries without a common base.
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"'{name}' could not be downloaded from the Hugging Face Hub ({reason}); check its "
            f"name and the network, or give the path of a folder with its files"
        ) from None


def open_split(hub: Hub, split: str, mirror: Path | None):
    """Opens a split as a memory-mapped `datasets.Dataset`.

    Args:
        hub: place on the Hub.
        split: the Hub's name of the split.
        mirror: folder with copies of the Hub's folders under `hub/ID`; None: the Hub itself.

    Raises:
        InputError: `datasets` is not installed; the Hub cannot be reached or has no such data set.
    """
    return _open(hub, split, mirror, mark(folder_in(mirror, hub)) if mirror else "")


# A split of many tasks is opened once for all of them.
@functools.lru_cache(maxsize=8)
def _open(hub: Hub, split: str, mirror: Path | None, mark: str):
    # The mark is in the key so that a folder that changes is read again.
    try:
        import datasets
    except ImportError:
        raise InputError(
            f"'{hub.id}' is read through `datasets`, which is not installed: "
            f"pip install 'flanrepro[hub]'"
        ) from None
    datasets.disable_progress_bars()
    root = str(folder_in(mirror, hub)) if mirror else hub.id
    options: dict[str, Any] = {"cache_dir": str(_own_cache(hub, mark))}
    if mirror and hub.revision != PARQUET and glob.escape(root) != root:
        raise InputError(
            f"the path '{root}' has a bracket, star or question mark, which `datasets` takes for a "
            f"pattern: move the mirror to a path without"
        )
    try:
        if hub.revision == PARQUET:
            base = glob.escape(root) if mirror else f"hf://datasets/{hub.id}@~parquet"
            pattern = f"{base}/{split_of(hub, split)}/*.parquet"
            return datasets.load_dataset(
                "parquet", data_files={split: pattern}, split=split, **options
            )
        revision = None if mirror else hub.revision
        return datasets.load_dataset(root, hub.config, split=split, revision=revision, **options)
    except Exception as error:
        # Any class: the network, Parquet, JSON and `datasets` itself each have their own.
        reason = " ".join(str(error).split())[:300]
        config = f", configuration '{hub.config}'" if hub.config else ""
        raise InputError(
            f"the data set '{root}'{config}, split '{split}', could not be read ({reason}): check "
            f"the network and that it is still there, or put a copy of its folder into "
            f"FLANREPRO_MIRROR as hub/{hub.id}"
        ) from None


def _own_cache(hub: Hub, mark: str) -> Path:
    """The folder for what `datasets` makes of a place; one per state of a mirror's copy.

    By itself `datasets` names what it made of a local folder by its README, if that has its splits,
    and would give the old rows of a file that was mended.
    """
    every = cache_folder() / "hub"
    if not mark:  # it looks up the Hub's own commit
        return every
    states = every / "mirrors" / hub.id.replace("/", "--")
    if not (states / mark).is_dir():
        with contextlib.suppress(OSError):  # another process may do the same
            by_time = sorted(states.glob("*"), key=lambda path: path.stat().st_mtime, reverse=True)
            for old in by_time[KEPT - 1 :]:
                shutil.rmtree(old)  # records that were made of it are in the store
    return states / mark


def rows(
    table, hub: Hub, names: Sequence[str], split: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields (where, row) for a task's rows in an open split, thinned out beyond `MOST_ROWS`.

    A number that is none (NaN) is missing (None).

    Args:
        table: the split, from `open_split`.
        hub: place on the Hub; without a `column`, all rows are the task's.
        names: the task's names in the first column.
        split: the split's name in the second column, if there are two.
    """
    chosen = range(len(table))
    if hub.column is not None:
        chosen = _positions(table, hub, names, split)
    # Most places have no column of floats, and so no number that is none (NaN).
    floats = re.search(r"float|double", str(table.features))
    for i in chosen[:: max(1, len(chosen) // MOST_ROWS)]:
        row = table[int(i)]
        yield f"{hub.id}, row {i + 1}", without_nan(row) if floats else row


def _positions(table, hub: Hub, names: Sequence[str], split: str):
    import numpy as np

    columns = (hub.column,) if isinstance(hub.column, str) else hub.column
    chosen = np.ones(len(table), bool)
    # Not strict: with one column there is no split to compare.
    for name, wanted in zip(columns, (names, [split]), strict=False):
        if name not in table.column_names:
            raise InputError(
                f"'{hub.id}', split '{split}': there is no column '{name}' that names the task (it "
                f"has {', '.join(table.column_names)}); take another copy of the data set"
            )
        codes, texts = _factorized(table, name)
        fits = [i for i, text in enumerate(texts) if text in wanted]
        chosen &= np.isin(codes, fits)
    return np.flatnonzero(chosen)


def _factorized(table, column: str):
    """A text column as int codes [rows], and the text of each code."""
    # Kept on the table: a split that holds 1,500 tasks is asked once for each.
    kept = table.__dict__.setdefault("_flanrepro_codes", {})
    if column not in kept:
        encoded = table.with_format("arrow")[column].combine_chunks().dictionary_encode()
        texts = [re.sub(r":[\d.]+$", "", str(text)) for text in encoded.dictionary.to_pylist()]
        kept[column] = encoded.indices.to_numpy(zero_copy_only=False), texts
    return kept[column]


def folder_in(mirror: Path, hub: Hub) -> Path:
    """The path of a place's copy in a mirror."""
    return mirror / f"hub/{hub.id}"


def held(mirror: Path, hub: Hub, split: str) -> bool:
    """Tells if a mirror has a copy of a place; of a converted one, if it has that very split.

    Raises:
        InputError: the folder is a broken link, or its status may not be read.
    """
    folder = folder_in(mirror, hub)
    if not status_of(folder, folder=True):
        return False
    return hub.revision != PARQUET or any(folder.glob(f"{split_of(hub, split)}/*.parquet"))


def split_of(hub: Hub, split: str) -> str:
    """The path of a split within the Hub's converted copy of a place."""
    return f"{hub.config or 'default'}/{split}"


def mark(folder: Path) -> str:
    """16 hexadecimal digits that change when a file in the folder does.

    Hidden files (`.git`, `._x`) are not part of the data.

    Raises:
        InputError: a file is a broken link, or its status may not be read.
    """
    found = []
    try:
        for place, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
            # In place: `os.walk` goes into what is left.
            folders[:] = [name for name in folders if name[0] != "."]
            for path in (os.path.join(place, name) for name in names if name[0] != "."):
                found.append(f"{path}-{files.mark(Path(path), os.stat(path))}")
    except OSError as error:
        raise InputError(
            f"cannot read {error.filename}: {error.strerror}; expected files of a data set there, "
            f"and the permission to read them"
        ) from None
    return hashlib.sha256("\n".join(sorted(found)).encode(errors="replace")).hexdigest()[:16]


def _raise(error: OSError) -> None:
    # `os.walk` skips folders that it cannot read unless it is told otherwise.
    raise error
