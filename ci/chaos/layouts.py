"""A small sound file of every layout that is read: what `ci.chaos.records` breaks.

`layouts.yaml` has a sound row of each. All rows of a file give the same number of records.
"""

import csv
import dataclasses
import fnmatch
import functools
import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flanrepro.collection.task import Record, Task
from flanrepro.packaged import parse_yaml
from flanrepro.sources import load_collection
from flanrepro.sources.flan2022 import bbh, cot, cot_suite, mmlu

ROWS = 3
"""Number of rows of each file."""


@dataclass(frozen=True)
class Layout:
    """A file and its reader.

    Attributes:
        task: name of the task.
        path: name of the file, in a mirror.
        kind: `jsonl`, `json` (a list), `object` (a list within one), `pairs` (an object), `gz`
            (JSON lines), `csv` and `tsv` (with cells), `lines`, `text` or `parquet`.
        rows: rows of the file: objects, lists of cells or texts, as `kind` says.
        read: function that gives the file's records.
        before, after: texts around the rows.
        others: content of each further file that is needed, by name.
        signs: texts at which the reader cuts.
        ruled: true if a damaged value may be one that a rule leaves out or changes.
        shared: true if a row gives texts to several records.
    """

    task: str
    path: str
    kind: str
    rows: Sequence[Any]
    read: Callable[[], Sequence[Record]]
    before: str = ""
    after: str = ""
    others: Mapping[str, str] = field(default_factory=dict)
    signs: Sequence[str] = ()
    ruled: bool = False
    shared: bool = False

    @property
    def is_json(self) -> bool:
        """True if rows are JSON objects."""
        return self.kind in ("jsonl", "json", "object", "pairs", "gz")

    def written(self) -> list[str]:
        """The rows as they stand in the file."""
        return [written(self.kind, row) for row in self.rows]

    def text(self, rows: Sequence[str]) -> str:
        """The file's text from rows as they stand in it."""
        listed = self.kind in ("json", "object", "pairs")
        last = "" if listed or self.kind == "text" else "\n"
        return self.before + (",\n" if listed else "\n").join(rows) + last + self.after

    def write(self, folder: Path, content: bytes) -> Path:
        """Writes the file with `content` into a mirror, and those beside it; gives its path."""
        others = {name: text.encode() for name, text in self.others.items()}
        for name, data in {**others, self.path: content}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return path

    def packed(self, data: bytes) -> bytes:
        """The file's bytes from its text's."""
        if self.kind == "parquet":
            import pyarrow
            import pyarrow.parquet

            out = io.BytesIO()
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(self.rows)), out)
            return out.getvalue()
        return gzip.compress(data, 1, mtime=0) if self.kind == "gz" else data


def written(kind: str, row: Any) -> str:
    """A row as it stands in a file of this kind."""
    if kind == "csv":
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator="").writerow(row)
        return out.getvalue()
    if kind == "tsv":
        return "\t".join(row)
    if isinstance(row, str):
        return row
    text = json.dumps(row, ensure_ascii=False)
    return text[1:-1] if kind == "pairs" else text


def _numbered(value: Any, n: int) -> Any:
    """A sample with its number for every `§`; `=70§` is a number."""
    if isinstance(value, str):
        text = value.replace("§", str(n))
        return json.loads(text[1:]) if text[:1] == "=" else text
    if isinstance(value, Mapping):
        return {_numbered(key, n): _numbered(one, n) for key, one in value.items()}
    return [_numbered(one, n) for one in value] if isinstance(value, list) else value


@functools.cache
def layouts() -> tuple[Layout, ...]:
    """Reads `layouts.yaml`."""
    text = Path(__file__).with_name("layouts.yaml").read_text("utf-8")
    return tuple(_layout(**entry) for entry in parse_yaml(text)["layouts"])


def _layout(
    task: str,
    row: Any,
    path: str = "",
    kind: str = "jsonl",
    split: str = "",
    hub: bool = False,
    header: Sequence[str] = (),
    before: str = "",
    after: str = "",
    **rest,
) -> Layout:
    found = _task(task)
    read, path = (
        _hub_reader(found, kind)
        if hub
        else _reader(found, path, split, [path, *rest.get("others", ())])
    )
    if kind == "json":
        before, after = "[\n", "\n]\n"
    head = written(kind, header) + "\n" if header else before
    rows = [_numbered(row, n) for n in range(ROWS)]
    return Layout(found.name, path, kind, rows, read, head, after, **rest)


def _task(name: str) -> Task:
    known = load_collection("flan2022").every_task
    more = (*cot_suite.suite().tasks, *mmlu.tasks(), *bbh.tasks())
    if name == "@niv2":
        return next(task for task in known.values() if task.source == "niv2")
    return {**known, **{task.name: task for task in more}}[name]


def _reader(task: Task, path: str, split: str, there: Sequence[str]) -> tuple[Callable, str]:
    if not task.dataset:
        one = task.name.removeprefix("cot_")
        return functools.partial(*((task.load, split) if split else (cot.read, one))), path
    for name, files in task.dataset.files.items():
        for key in files:
            # A key may name several files, which are all needed, or a pattern for some.
            fits = all(fnmatch.filter(there, one) for one in key.split()) or path == "@niv2"
            if fits and split in ("", name):
                read = functools.partial(task.reader.read, task.dataset, name, key)
                return read, key if path == "@niv2" else path
    raise KeyError(f"{task.name} has no file {path}")


def _hub_reader(task: Task, kind: str) -> tuple[Callable, str]:
    path = f"rows.{kind}"
    dataset = dataclasses.replace(task.dataset, files={"train": {path: kind}})
    return functools.partial(task.reader.read, dataset, "train", path), path
