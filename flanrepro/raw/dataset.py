"""A data set in one role, as a source's YAML file describes it.

A source's YAML file lists its data sets: where the Hugging Face Hub has them, which original files
hold them, and how a row's columns become a record's fields.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flanrepro.packaged import read_yaml
from flanrepro.raw.hub import Hub


@dataclass(frozen=True)
class Dataset:
    """A data set in one role, as a source's YAML file describes it.

    Attributes:
        name: the task's name, that of the reference's list of tasks where it has one.
        cluster, templates, answer, licence, citation: see `Task`.
        card: the name of its data card; tasks of one data set share it.
        hub: where the Hub has it.
        splits: per split the Hub's name for it and the publisher's number of rows.
        files: per split the original files that hold it, with their parsers: the first that a
            mirror has is read. A key of several names, with spaces between, needs all of them;
            one with a `*` stands for all the files that fit it.
        fields: how a row's columns become a record, see `flanrepro.raw.fields`.
        convert: name of the converter that does it instead, in the source's `CONVERTERS`.
        names: what else the task is called, where one place on the Hub holds many tasks.
        keep: column to values: other rows (such as unlabelled ones) are left out.
        manual: what a user must fetch by hand, and why.
        notes: quirks, for the data card.
    """

    name: str
    cluster: str
    templates: str
    answer: str = "text"
    licence: str = "unstated"
    citation: str = ""
    card: str = ""
    hub: Hub | None = None
    splits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    convert: str = ""
    names: Sequence[str] = ()
    keep: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    manual: str = ""
    notes: str = ""

    def __post_init__(self):
        if isinstance(self.hub, Mapping):
            object.__setattr__(self, "hub", Hub(**self.hub))
        object.__setattr__(self, "card", self.card or self.name)

    @property
    def split_rows(self) -> dict[str, int]:
        """The publisher's number of rows per split; 0 where it is not known."""
        names = dict.fromkeys([*self.splits, *self.files])
        return {name: self.splits.get(name, {}).get("rows", 0) for name in names}


@functools.cache
def read_datasets(name: str) -> tuple[Dataset, ...]:
    """The data sets of `sources/flan2022/NAME.yaml`."""
    rows = read_yaml("flanrepro.sources.flan2022", name)["datasets"]
    return tuple(Dataset(**row) for row in rows)
