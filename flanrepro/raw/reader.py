"""Readers: from a data set, wherever it lies, to a task's records.

Records are looked for

1. in the folder `FLANREPRO_MIRROR`, if it is set: original files under their names, or a copy of
   the Hub's folder as `hub/ID`; they are read when they are first asked for;
2. without a mirror, in the cache, where `flanrepro data fetch` stores records from the Hub;
3. if they are not on the Hub, at the manifest's URL (`flanrepro.raw.files`);
4. where all that is in vain, at the places of what they can be made of (`Dataset.otherwise`).
"""

import functools
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flanrepro.collection.task import Record, Task
from flanrepro.errors import InputError
from flanrepro.raw import files, hub, records
from flanrepro.raw.dataset import Dataset
from flanrepro.raw.fields import OTHER_SHAPE, Converter, reason, record_of, records_of
from flanrepro.raw.origin import file_names, find
from flanrepro.raw.parsers import PARSERS, Parser


@dataclass(frozen=True)
class Reader:
    """Reads a source's data sets.

    Attributes:
        source: name of the submixture.
        module: dotted name of the module with the source's own `PARSERS` and `CONVERTERS`; empty:
            it has none. A name, so that tasks can be pickled for other processes.
        collection: name of the collection for `flanrepro data fetch`; empty: `flan2022`.
    """

    source: str
    module: str = ""
    collection: str = ""

    @property
    def parsers(self) -> Mapping[str, Parser]:
        """The source's own parsers of original files, by name."""
        return _of_module(self.module, "PARSERS")

    @property
    def converters(self) -> Mapping[str, Converter]:
        """The source's converters of irregular rows, by name."""
        return _of_module(self.module, "CONVERTERS")

    def read(self, dataset: Dataset, split: str, path: str) -> list[Record]:
        """Reads the records of original files.

        Args:
            dataset: data set of the files.
            split: name of the split that they hold.
            path: key of `Dataset.files`: their names in the mirror or the manifest.

        Raises:
            InputError: a file is not available, or a row is not as its parser expects.
        """
        parse = self._parser(dataset.files[split][path])
        paths = [files.fetch(name) for name in file_names(path)]
        found = []
        try:
            for row in parse(*paths):
                found.append(row)
        except InputError:
            raise
        except OTHER_SHAPE as error:
            # The parser has no name for the row that it was reading.
            place = f"behind {found[-1][0]}" if found else "at its start"
            raise InputError(
                f"{paths[0]}: {place} the file is not as expected ({reason(error)}); mend the "
                f"file or replace it"
            ) from None
        if not found:
            raise InputError(f"{paths[0]} holds no record: replace the file")
        made = list(self.records(dataset, found))
        if not made:
            raise InputError(
                f"{paths[0]}: none of its {len(found)} rows is a record of '{dataset.name}': "
                f"replace the file"
            )
        return made

    def records(
        self, dataset: Dataset, rows: Iterable[tuple[str, Mapping[str, Any]]]
    ) -> Iterable[Record]:
        """Yields the records of (where, row) pairs, without the rows that `keep` excludes."""
        for where, row in rows:
            # As lower-cased text: copies of one data set differ in types (-1, "-1", True, "true").
            if not all(_text(row.get(c)) in map(_text, kept) for c, kept in dataset.keep.items()):
                continue
            if dataset.convert:
                yield from records_of(self.converters[dataset.convert], row, where)
            else:
                yield record_of(dataset.fields, row, where)

    def _parser(self, name: str) -> Parser:
        return self.parsers[name] if name in self.parsers else PARSERS[name]


def _text(value: Any) -> str:
    return str(value).strip().lower()


def load(reader: Reader, dataset: Dataset, split: str) -> Sequence[Record]:
    """The records of a split, read from their origin the first time and later from the store.

    Raises:
        InputError: the split is not available, a row is bad, or the store cannot be written.
    """
    other = dataset.otherwise
    if other and _lacks(reader, dataset, split) and not _lacks(reader, other, split):
        return load(reader, other, split)
    origin = find(dataset, split)
    name, fingerprint = _name(reader, dataset, split), origin.fingerprint if origin else ""
    there = records.stored(name, fingerprint) if origin else None
    if there is not None:
        return there
    # Nothing is downloaded from the Hub in the middle of a run: `flanrepro data fetch` does that.
    if origin is None or origin.kind == "cache":
        raise InputError(missing(reader, dataset, split))
    if origin.kind == "folder":
        kept, failed = fetch(reader, (dataset,), split)
        if failed:
            raise failed[dataset.name]
        return kept[dataset.name]
    read = functools.partial(_file_records, reader, dataset, split, origin.path, fingerprint)
    return records.store(name, fingerprint, read)


def _file_records(
    reader: Reader, dataset: Dataset, split: str, path: str, fingerprint: str
) -> list[Record]:
    made = reader.read(dataset, split, path)
    _check_unchanged(dataset, split, path, fingerprint)
    return made


def _check_unchanged(dataset: Dataset, split: str, place: str, fingerprint: str) -> None:
    """InputError if the place is not what it was when `fingerprint` was taken."""
    after = find(dataset, split)
    if after is None or after.fingerprint != fingerprint:
        raise InputError(
            f"task '{dataset.name}', split '{split}': '{place}' has changed while it was read: "
            f"nothing was kept, so start again"
        )


def _name(reader: Reader, dataset: Dataset, split: str) -> str:
    return f"{reader.source}/{dataset.name}/{split}"


def missing(reader: Reader, dataset: Dataset, split: str) -> str:
    """The reason why a split's records are not available; empty if they are."""
    if split not in dataset.split_rows:
        return (
            f"task '{dataset.name}' has no split '{split}': it has {', '.join(dataset.split_rows)}"
        )
    reason = _lacks(reader, dataset, split)
    if reason and dataset.otherwise:
        other = _lacks(reader, dataset.otherwise, split)
        # Without a mirror both are fetched by one command.
        reason = other and (f"{reason}; nor can it be made: {other}" if files.mirror() else reason)
    return f"task '{dataset.name}', split '{split}': {reason}" if reason else ""


def _lacks(reader: Reader, dataset: Dataset, split: str) -> str:
    """What is lacking to read a split, as part of a sentence; empty: nothing."""
    try:
        origin = find(dataset, split)
    except InputError as error:
        return str(error)
    if origin and origin.kind != "cache":
        return ""
    if origin and records.stored(_name(reader, dataset, split), origin.fingerprint) is not None:
        return ""
    places = [" and ".join(path.split()) for path in dataset.files.get(split, ())]
    if dataset.hub and split in dataset.splits:
        places.append(_not_there(dataset, split))
    where = files.mirror()
    if where is not None:
        wanted = (
            f"the mirror {where} (FLANREPRO_MIRROR) has no {' or '.join(places) or 'file of it'}"
        )
    elif origin:
        which = f" -c {reader.collection}" if reader.collection else ""
        command = f"flanrepro data fetch {dataset.name}{which}"
        wanted = f"it was not fetched from the Hub yet: run `{command}`"
    else:
        wanted = "it is neither on the Hub nor in the manifest"
    # What is beside the data set is said to be got by hand only where it is not there.
    got = dataset.beside and files.status_of(files.beside(dataset.beside))
    by_hand = f"; {dataset.manual}" if dataset.manual and not got else ""
    return f"{wanted}{by_hand}"


def _not_there(dataset: Dataset, split: str) -> str:
    """The names of what a mirror lacks of a place on the Hub and of the file beside it."""
    name, lacking = dataset.splits[split]["hub"], []
    if not (mirror := files.mirror()) or not hub.held(mirror, dataset.hub, name):
        part = f"/{hub.split_of(dataset.hub, name)}" * (dataset.hub.revision == hub.PARQUET)
        lacking.append(f"hub/{dataset.hub.id}{part}")
    if dataset.beside and not files.status_of(files.beside(dataset.beside)):
        lacking.append(dataset.beside)
    return " and ".join(lacking)


def fetch(
    reader: Reader, datasets: Sequence[Dataset], split: str
) -> tuple[dict[str, Sequence[Record]], dict[str, InputError]]:
    """Stores a split of data sets that share a place on the Hub, which is opened once.

    Returns:
        Records by data set's name, and the error by name of each data set that has none.

    Raises:
        InputError: the Hub cannot be reached or has no such data set, and what the records could
            be made of otherwise is not to be had either.
    """
    try:
        return _fetch(reader, datasets, split)
    except InputError as error:
        others = [dataset.otherwise for dataset in datasets if dataset.otherwise]
        # A mirror's copy that cannot be read is to be mended: `load` looks for what is not there.
        if len(others) < len(datasets) or files.mirror() is not None:
            raise
        try:
            return _fetch(reader, others, split)
        except InputError as other:
            raise InputError(f"{error}; nor can it be made: {other}") from None


def _fetch(
    reader: Reader, datasets: Sequence[Dataset], split: str
) -> tuple[dict[str, Sequence[Record]], dict[str, InputError]]:
    # All 1,500 tasks of Super-Natural Instructions are rows of one place.
    first = datasets[0]
    # Before the place is opened, so that a later change is noticed and not stored as current.
    fingerprints = [find(dataset, split).fingerprint for dataset in datasets]
    if first.beside and not files.status_of(path := files.beside(first.beside)):
        raise InputError(f"there is no file {path}: {first.manual}; put it there")
    table = hub.open_split(first.hub, first.splits[split]["hub"], files.mirror())
    kept, failed = {}, {}
    for dataset, fingerprint in zip(datasets, fingerprints, strict=True):
        read = functools.partial(_hub_records, reader, dataset, split, table, fingerprint)
        try:
            name = _name(reader, dataset, split)
            kept[dataset.name] = records.store(name, fingerprint, read)
        except InputError as error:
            failed[dataset.name] = error
    return kept, failed


def _hub_records(
    reader: Reader, dataset: Dataset, split: str, table: Any, fingerprint: str
) -> Iterator[Record]:
    names = (dataset.name, *dataset.names)
    # Counted while they are stored: a split may not fit into memory.
    number = 0
    for record in reader.records(dataset, hub.rows(table, dataset.hub, names, split)):
        number += 1
        yield record
    where = f"task '{dataset.name}', split '{split}': "
    # With a second column a split is one setting of a task, and some tasks lack some settings.
    if not number and not isinstance(dataset.hub.column, tuple):
        column = dataset.hub.column
        named = f" (none has {' or '.join(names)} in column '{column}')" if column else ""
        by_hand = f"; {dataset.manual}" if dataset.manual else ""
        raise InputError(
            f"{where}no row of '{dataset.hub.id}' is a record of it{named}: take another copy of "
            f"the data set, or leave the task out{by_hand}"
        )
    _check_unchanged(dataset, split, dataset.hub.id, fingerprint)


def tasks_of(
    datasets: Sequence[Dataset], source: str, module: str = "", collection: str = "", **of_all
) -> tuple[Task, ...]:
    """Makes the tasks of a source's data sets without reading any data.

    Args:
        datasets: one data set per task.
        source: name of the submixture.
        module, collection: as in `Reader`.
        of_all: further fields that all tasks share.
    """
    reader = Reader(source, module, collection)
    return tuple(
        Task(
            name=dataset.name,
            source=source,
            cluster=dataset.cluster,
            # Partials of module functions, since a closure cannot be pickled.
            load=functools.partial(load, reader, dataset),
            splits=dataset.split_rows,
            templates=dataset.templates,
            answer=dataset.answer,
            licence=dataset.licence,
            citation=dataset.citation,
            approximate=True,
            find_missing=functools.partial(missing, reader, dataset),
            dataset=dataset,
            reader=reader,
            **of_all,
        )
        for dataset in datasets
    )


def _of_module(module: str, name: str) -> Mapping[str, Callable]:
    return getattr(importlib.import_module(module), name, {}) if module else {}
