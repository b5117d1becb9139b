"""From a data set, wherever it lies, to a task's records.

Records are looked for

1. in the folder `FLANREPRO_MIRROR`, where it is set: original files under their names there, or a
   copy of the Hub's folder as `hub/ID`; they are read when they are first asked for;
2. without a mirror, in the cache, where `flanrepro data fetch` puts what it brings from the Hub;
3. what is not on the Hub, at the URL of the manifest (`flanrepro.raw.files`).
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
from flanrepro.raw.fields import record_of
from flanrepro.raw.origin import file_names, find
from flanrepro.raw.parsers import PARSERS, Parser

Converter = Callable[[Mapping[str, Any]], Sequence[Record]]
"""Makes a row's records, where a data set is too irregular for `Dataset.fields`."""


@dataclass(frozen=True)
class Reader:
    """How a source's data sets are read.

    Attributes:
        source: the submixture.
        module: name of the module with the source's own parsers and converters, by name, in
            `PARSERS` and `CONVERTERS`. A name, so that tasks can be sent to other processes.
        collection: what `flanrepro data fetch` calls the collection, if not `flan2022`.
    """

    source: str
    module: str = ""
    collection: str = ""

    @property
    def parsers(self) -> Mapping[str, Parser]:
        """The source's own parsers of original files by name."""
        return _of_module(self.module, "PARSERS")

    @property
    def converters(self) -> Mapping[str, Converter]:
        """The source's converters of irregular rows by name."""
        return _of_module(self.module, "CONVERTERS")

    def read(self, dataset: Dataset, split: str, path: str) -> list[Record]:
        """The records of an original file, given by its name in the mirror or the manifest.

        Raises:
            InputError: the file cannot be had, or a row of it is not as its parser expects.
        """
        parse = self._parser(dataset.files[split][path])
        paths = [files.fetch(name) for name in file_names(path)]
        found = list(parse(*paths))
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
        """The records of rows that come with their places; rows not to `keep` are left out."""
        for where, row in rows:
            if not all(_text(row.get(c)) in map(_text, kept) for c, kept in dataset.keep.items()):
                continue
            if dataset.convert:
                yield from self._irregular(dataset, where, row)
            else:
                yield record_of(dataset.fields, row, where)

    def _irregular(self, dataset: Dataset, where: str, row: Mapping[str, Any]) -> Sequence[Record]:
        try:
            made = self.converters[dataset.convert](row)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise InputError(
                f"{where}: the row is not as expected of '{dataset.name}' "
                f"({type(error).__name__}: {error}); mend the file or replace it"
            ) from None
        for record in made:
            for name, text in record.items():
                if not text.strip() and name != "rationale":  # it may be left out
                    raise InputError(
                        f"{where}: the field '{name}' is empty; mend or replace the file"
                    )
        return made

    def _parser(self, name: str) -> Parser:
        return self.parsers[name] if name in self.parsers else PARSERS[name]


def _text(value: Any) -> str:
    return str(value).strip().lower()


def load(reader: Reader, dataset: Dataset, split: str) -> Sequence[Record]:
    """The records of a split, read from their origin the first time and then from the store.

    Raises:
        InputError: the split is nowhere, a row of it is bad, or the store cannot be written.
    """
    origin = find(dataset, split)
    name, fingerprint = _name(reader, dataset, split), origin.fingerprint if origin else ""
    there = records.stored(name, fingerprint) if origin else None
    if there is not None:
        return there
    if origin is None or origin.kind == "cache":
        raise InputError(missing(reader, dataset, split))
    if origin.kind == "folder":
        kept, failed = fetch(reader, (dataset,), split)
        if failed:
            raise failed[dataset.name]
        return kept[dataset.name]
    read = functools.partial(reader.read, dataset, split, origin.path)
    return records.store(name, fingerprint, read)


def _name(reader: Reader, dataset: Dataset, split: str) -> str:
    return f"{reader.source}/{dataset.name}/{split}"


def missing(reader: Reader, dataset: Dataset, split: str) -> str:
    """Why a split's records cannot be had here and now; empty if they can."""
    try:
        origin = find(dataset, split)
    except InputError as error:
        return f"task '{dataset.name}', split '{split}': {error}"
    if origin and origin.kind != "cache":
        return ""
    if origin and records.stored(_name(reader, dataset, split), origin.fingerprint) is not None:
        return ""
    if split not in dataset.split_rows:
        return (
            f"task '{dataset.name}' has no split '{split}': it has {', '.join(dataset.split_rows)}"
        )
    places = [" and ".join(path.split()) for path in dataset.files.get(split, ())]
    if dataset.hub and split in dataset.splits:
        places.append(f"hub/{dataset.hub.id}")
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
    by_hand = f"; {dataset.manual}" if dataset.manual else ""
    return f"task '{dataset.name}', split '{split}': {wanted}{by_hand}"


def fetch(
    reader: Reader, datasets: Sequence[Dataset], split: str
) -> tuple[dict[str, Sequence[Record]], dict[str, InputError]]:
    """Brings a split of data sets that share a place on the Hub into the store, in one pass.

    Returns:
        By name the records of those that are there, and what is wrong with the others.

    Raises:
        InputError: the Hub cannot be reached or has no such data set.
    """
    first = datasets[0]
    # Before the place is opened: what changes from then on is not kept as what it has become.
    fingerprints = [find(dataset, split).fingerprint for dataset in datasets]
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
    number = 0
    for record in reader.records(dataset, hub.rows(table, dataset.hub, names, split)):
        number += 1
        yield record
    where = f"task '{dataset.name}', split '{split}': "
    # A second column parts a task by its setting, and some tasks have not all of them.
    if not number and not isinstance(dataset.hub.column, tuple):
        column = dataset.hub.column
        named = f" (none has {' or '.join(names)} in column '{column}')" if column else ""
        by_hand = f"; {dataset.manual}" if dataset.manual else ""
        raise InputError(
            f"{where}no row of '{dataset.hub.id}' is a record of it{named}: take another copy of "
            f"the data set, or leave the task out{by_hand}"
        )
    after = find(dataset, split)
    if after is None or after.fingerprint != fingerprint:
        raise InputError(
            f"{where}'{dataset.hub.id}' has changed while it was read: nothing was kept, so start "
            f"again"
        )


def tasks_of(
    datasets: Sequence[Dataset], source: str, module: str = "", collection: str = "", **of_all
) -> tuple[Task, ...]:
    """The tasks of a source's data sets; no data is read.

    Args:
        datasets: one per task.
        source: the submixture.
        module, collection: see `Reader`.
        of_all: further fields of each task.
    """
    reader = Reader(source, module, collection)
    return tuple(
        Task(
            name=dataset.name,
            source=source,
            cluster=dataset.cluster,
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
