"""Source `niv2`: the 1,556 tasks of Super-Natural Instructions that Flan 2022 trains on.

A task is a file `tasks/FILE.json` of a clone of github.com/allenai/natural-instructions, put into
the mirror as `niv2/tasks` or `natural-instructions/tasks`; or its rows in the Hub's copy, which has
the 818 tasks of the English benchmark's training and test sets that were not made from MMLU.
Records have the fields

- `definition`: the task's instruction;
- `input`, `answer`: an instance's input and the first of its outputs. The others are as good, but a
  mixture needs one target per input. (The Hub's copy has a row for every output.)
- `explanation`: why the answer is right, of exemplars alone, where the file says it.

Few-shot exemplars are the file's own positive examples (split `exemplars`), never another task's.
Some are among the instances too; a prompt never shows its own. The Hub's copy has none: there
exemplars are other instances of the task.

Tasks that were made from MMLU are left out, as in the paper (A.3), and refused if they are read.

`niv2.csv` has a row per task:

- `name` in the Flan Collection's list and `file` in the clone. The list has `_` for the files' `-`,
  and cuts ten names at a full stop (`task074_squad1` for `task074_squad1.1_question_generation`);
- `dataset`, `category`, `languages` in the list;
- `examples`: the number that the reference states (google-research/FLAN,
  flan/v2/constants_niv2.py); the clone's files differ by a few;
- `hub`: the split of the Hub's copy that has it, after the clone's splits/default;
- `licence` of the data set, after the Data Provenance Initiative's audit (its repository
  Data-Provenance-Collection, data_summaries). The task files are under Apache-2.0.
"""

import csv
import functools
import json
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from flanrepro.collection.task import Record, Task
from flanrepro.errors import InputError
from flanrepro.raw.dataset import Dataset
from flanrepro.raw.fields import optional, texts
from flanrepro.raw.reader import Reader, tasks_of
from flanrepro.raw.reading import read_json_object

FOLDERS = ("niv2/tasks", "natural-instructions/tasks")
"""Folders in which a mirror may have the task files."""

HUB = "Muennighoff/natural-instructions"
_MMLU = ("mmlu", "massive multitask language understanding")

Row = tuple[str, Mapping[str, Any]]


def tasks() -> tuple[Task, ...]:
    """Makes the 1,556 tasks; no data is read."""
    return tasks_of(_datasets(), "niv2", __name__)


@functools.cache
def _datasets() -> tuple[Dataset, ...]:
    text = resources.files(__package__).joinpath("niv2.csv").read_text("utf-8")
    return tuple(_dataset(row) for row in csv.DictReader(text.split("\n")))


def _dataset(row: Mapping[str, str]) -> Dataset:
    paths = [f"{folder}/{row['file']}.json" for folder in FOLDERS]
    return Dataset(
        name=row["name"],
        names=(row["file"],),  # what the Hub's rows call the task
        card="niv2",
        cluster=row["category"],
        templates="niv2",
        licence=row["licence"],
        citation="Wang et al., 2022",
        hub={"id": HUB, "column": "task_name"} if row["hub"] else None,
        splits={"train": {"hub": row["hub"], "rows": int(row["examples"])}},
        files={
            "train": dict.fromkeys(paths, "instances"),
            "exemplars": dict.fromkeys(paths, "positive_examples"),
        },
        convert="niv2",
        manual=(
            "or clone https://github.com/allenai/natural-instructions into the mirror (the Hub's "
            "copy has about half of the tasks, and no positive examples)"
        ),
        notes=f"data set {row['dataset']}; languages: {row['languages'].replace('|', ', ')}",
    )


def read(path: Path) -> tuple[list[Record], list[Record]]:
    """Reads a task file's instances and positive examples; InputError if it is made from MMLU."""
    reader = Reader("niv2", __name__)
    task = Dataset(name=path.stem, cluster="", templates="niv2", convert="niv2")
    parts = [list(reader.records(task, part(path))) for part in (instances, positive_examples)]
    return parts[0], parts[1]


def instances(path: Path) -> Iterator[Row]:
    """Yields (where, row) of a file's instances, in the Hub's schema."""
    return _rows(path, "Instances")


def positive_examples(path: Path) -> Iterator[Row]:
    """Yields (where, row) of a file's positive examples, in the Hub's schema."""
    return _rows(path, "Positive Examples")


def _rows(path: Path, part: str) -> Iterator[Row]:
    file = read_json_object(path, ("Definition", part))
    _refuse_mmlu(path, file)
    # A string in older files, a list with one in the others.
    definition = file["Definition"]
    definition = definition[0] if isinstance(definition, list) and definition else definition
    if not isinstance(file[part], list) or not file[part]:
        raise InputError(f"{path}: '{part}' is not a list with something in it; replace the file")
    for n, row in enumerate(file[part], 1):
        where = f"{path}, {part.lower().removesuffix('s')} {n}"
        if not isinstance(row, dict):
            raise InputError(f"{where}: expected a JSON object; mend the file or replace it")
        outputs = row.get("output")
        # Instances have a list of outputs, each of them right; positive examples have one text.
        if isinstance(outputs, str) and part == "Instances":
            raise InputError(f"{where}: the output is no list; mend the file or replace it")
        found = outputs if isinstance(outputs, list) and outputs else [outputs]
        explanation = row.get("explanation")
        row = {"definition": definition, "inputs": row.get("input"), "targets": found[0]}
        row |= {"explanation": explanation} if part == "Positive Examples" and explanation else {}
        yield where, row | ({"references": found} if len(found) > 1 else {})


def _refuse_mmlu(path: Path, file: Mapping[str, Any]) -> None:
    said = [path.stem, file.get("Source"), file.get("Categories")]
    # Words alone, in lower case: the files spell it in several ways.
    made_from = re.sub(r"[^a-z0-9]+", " ", str(said).lower())
    if any(name in made_from for name in _MMLU):
        raise InputError(
            f"{path} was made from MMLU, which is held out: it must not be trained on, so take it "
            f"out of the folder"
        )


def niv2(row: Mapping[str, Any]) -> list[Record]:
    """Makes the record of a row; InputError if a text is missing or empty."""
    fields = {"definition": "definition", "input": "inputs", "answer": "targets"}
    record = {}
    for name, column in fields.items():
        value = row.get(column)
        if not isinstance(value, str) or not value.strip():
            problem = "missing or empty" if value in ("", None, []) else "no text"
            raise InputError(f"the {name} is {problem}; mend the file or replace it")
        record[name] = value.strip()
    if explanation := optional(row, "explanation").strip():
        record["explanation"] = explanation
    # Files of instances alone have several outputs: on the Hub each output is a row.
    if row.get("references"):
        accepted = [text.strip() for text in texts(row, "references")]
        record["references"] = json.dumps(accepted, ensure_ascii=False)
    return [record]


PARSERS = {"instances": instances, "positive_examples": positive_examples}
CONVERTERS = {"niv2": niv2}
