"""Descriptions of data sets, read from a source's YAML file.

The file lists the source's data sets: where the Hugging Face Hub has them, which original files
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
    """A data set in one role, an entry of a source's YAML file.

    Attributes:
        name: name of the task, as in the reference's list of tasks if it is there.
        cluster, templates, answer, licence, citation: as in `Task`.
        card: name of its data card, which tasks of one data set share; empty: `name`.
        hub: place on the Hub; None: it is not there.
        splits: per split `hub`, the Hub's name for it, and `rows`, the publisher's number of rows.
        files: per split original files with the name of their parser; the first that a mirror has
            is read. A key may be several names separated by spaces, which are all needed, and a
            name with `*` is a pattern for several files.
        fields: rule per record field, see `flanrepro.raw.fields`.
        convert: name of a converter in the source's `CONVERTERS`, used instead of `fields`.
        names: further names of the task, if one place on the Hub holds many tasks.
        keep: values per column; rows with others (such as unlabelled ones) are left out.
        manual: text that says what a user must fetch by hand, and why.
        notes: text about quirks, for the data card.
        beside: name of a file that the converter reads too, in the mirror or in the cache; `manual`
            says how to get it.
        otherwise: what the same records are made of where this data set is not to be had.
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
    beside: str = ""
    otherwise: "Dataset | None" = None

    def __post_init__(self):
        # YAML gives a plain mapping for the place on the Hub.
        if isinstance(self.hub, Mapping):
            object.__setattr__(self, "hub", Hub(**self.hub))
        object.__setattr__(self, "card", self.card or self.name)

    @property
    def split_rows(self) -> dict[str, int]:
        """The publisher's number of rows per split; 0: it is not known."""
        # Some splits exist only on the Hub, some only as original files.
        names = dict.fromkeys([*self.splits, *self.files])
        return {name: self.splits.get(name, {}).get("rows", 0) for name in names}


@functools.cache
def read_datasets(name: str) -> tuple[Dataset, ...]:
    """Reads the data sets of `sources/flan2022/NAME.yaml`."""
    rows = read_yaml("flanrepro.sources.flan2022", name)["datasets"]
    return tuple(Dataset(**row) for row in rows)
