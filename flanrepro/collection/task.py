"""What is learned from: records, tasks, suites, collections."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from flanrepro.errors import InputError

Record = Mapping[str, str]
"""One raw example: a flat dict of named text fields. The field `options`, where there is one, holds
the answer options one per line."""


@dataclass(frozen=True)
class Task:
    """One dataset in one role.

    Attributes:
        name: unique in its collection, e.g. `cot_gsm8k`.
        source: the submixture that it belongs to (`flan2021`, `t0_sf`, `niv2`, `cot`, `dialog`,
            `program_synthesis`), or `evaluation` for tasks that are never trained on.
        cluster: its group in FLAN 2021's sense, e.g. `closed_book_qa`.
        load: gives a split's records by the split's name; called at most once per split.
        splits: the number of records per split, so that a mixture can be made without reading any.
        templates: the file under `templates/` with its prompts' wording.
        answer: what an answer is, which decides how it is read from generated text
            (`flanrepro.evaluation.metrics.extract_answer`).
        licence, citation: of the dataset.
    """

    name: str
    source: str
    cluster: str
    load: Callable[[str], Sequence[Record]]
    splits: Mapping[str, int]
    templates: str
    answer: Literal["text", "number", "option"] = "text"
    licence: str = ""
    citation: str = ""
    _cache: dict[str, Sequence[Record]] = field(default_factory=dict, repr=False, compare=False)

    def size(self, split: str) -> int:
        """Records in `split`; InputError if the task has no such split."""
        if split not in self.splits:
            raise InputError(
                f"task '{self.name}' has no split '{split}': it has {', '.join(self.splits)}"
            )
        return self.splits[split]

    def records(self, split: str) -> Sequence[Record]:
        """The records of `split`, read once; InputError if their number is not the declared one."""
        if split not in self._cache:
            declared = self.size(split)
            records = self.load(split)
            if len(records) != declared:
                raise InputError(
                    f"task '{self.name}', split '{split}': {len(records)} records were read and "
                    f"{declared} are declared; the data is not the one that this version knows"
                )
            self._cache[split] = records
        return self._cache[split]


@dataclass(frozen=True)
class Suite:
    """A group of evaluation tasks whose scores are averaged with equal weight (A.3)."""

    name: str
    tasks: tuple[Task, ...]
    split: str = "validation"


@dataclass(frozen=True)
class Collection:
    """All that can be trained on and evaluated: `pocket` (embedded) or `flan2022` (real data)."""

    name: str
    tasks: Mapping[str, Task]
    suites: Mapping[str, Suite]
    vocabulary: str

    def task(self, name: str) -> Task:
        """A training or evaluation task by name; InputError lists the names if there is none."""
        tasks = {t.name: t for s in self.suites.values() for t in s.tasks} | dict(self.tasks)
        if name not in tasks:
            raise InputError(
                f"collection '{self.name}' has no task '{name}': it has {', '.join(sorted(tasks))}"
            )
        return tasks[name]


COLLECTIONS = ("pocket", "flan2022")


@functools.cache
def load_collection(name: str) -> Collection:
    """The collection called `name`; nothing is read or downloaded before its records are used."""
    if name == "pocket":
        from flanrepro.collection.sources import pocket as module
    elif name == "flan2022":
        from flanrepro.collection.sources import flan2022 as module
    else:
        raise InputError(f"unknown collection '{name}': choose one of {', '.join(COLLECTIONS)}")
    return module.collection()
