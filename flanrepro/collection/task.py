"""What is learned from: records, tasks, suites, collections."""

import dataclasses
import difflib
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from flanrepro.collection import rng
from flanrepro.errors import InputError
from flanrepro.packaged import read_yaml

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
            Few-shot exemplars are the split `exemplars` where there is one, else `train`.
        templates: the file under `templates/` with its prompts' wording.
        answer: what an answer is, which decides how it is read from generated text
            (`flanrepro.evaluation.metrics.extract_answer`).
        licence, citation: of the dataset.
        approximate: `splits` are the publisher's figures; the records that are read decide.
        rendered: records are finished prompts (`inputs`, `answer`), a split per setting, see
            `flanrepro.sources.flan2022.rendered`.
        find_missing: why a split cannot be had here and now, by its name; None: it always can.
        dataset, reader: where the records are from, see `flanrepro.raw.reader`.
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
    approximate: bool = False
    rendered: bool = False
    find_missing: Callable[[str], str] | None = field(default=None, repr=False, compare=False)
    dataset: Any = field(default=None, repr=False, compare=False)
    reader: Any = field(default=None, repr=False, compare=False)
    # No argument: a task that `dataclasses.replace` makes of this one may load other records.
    _cache: dict[str, Sequence[Record]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def _declared(self, split: str) -> int:
        if split not in self.splits:
            raise InputError(
                f"task '{self.name}' has no split '{split}': it has {', '.join(self.splits)}"
            )
        return self.splits[split]

    def size(self, split: str) -> int:
        """Records in `split`; InputError if the task has no such split."""
        return len(self.records(split)) if self.approximate else self._declared(split)

    def missing(self, split: str = "train") -> str:
        """Why the records of `split` cannot be had here and now; empty if they can."""
        return self.find_missing(split) if self.find_missing else ""

    @functools.cached_property
    def exemplar_split(self) -> str:
        """Where few-shot exemplars are from: `exemplars` if the task has them, else `train`."""
        own = "exemplars" in self.splits and not self.missing("exemplars")
        return "exemplars" if own and self.size("exemplars") else "train"

    def records(self, split: str) -> Sequence[Record]:
        """The records of `split`, read once; InputError if their number is not the declared one."""
        if split not in self._cache:
            declared = self._declared(split)
            records = self.load(split)
            if len(records) != declared and not self.approximate:
                raise InputError(
                    f"task '{self.name}', split '{split}': {len(records)} records were read and "
                    f"{declared} are declared; the data is not the one that this version knows"
                )
            self._cache[split] = records
        return self._cache[split]


def hold_out(task: Task, number: int) -> Task:
    """The task with `number` of its training records as its validation split (A.2).

    What was its validation split is its test split, if it had none of its own. The records are
    drawn once, by the task's name. InputError if none would be left to train on.
    """
    size = task.size("train")
    if not 0 < number < size:
        raise InputError(
            f"task '{task.name}' has {size} training records, and {number} are to be held out: "
            f"expected 1 to {size - 1}"
        )
    order = rng.shuffled(size, rng.key_of(task.name))
    parts = {"train": order[number:], "validation": order[:number]}
    other = "test" if "test" in task.splits else "validation"

    def load(split: str) -> Sequence[Record]:
        if split == "test":
            return task.records(other)
        if split in parts:
            records = task.records("train")
            return [records[int(i)] for i in parts[split]]
        return task.records(split)

    def find_missing(split: str) -> str:
        return task.missing(other if split == "test" else "train" if split in parts else split)

    splits = {**task.splits, **{name: len(part) for name, part in parts.items()}}
    splits |= {"test": task.size(other)} if other in task.splits else {}
    return dataclasses.replace(task, splits=splits, load=load, find_missing=find_missing)


@dataclass(frozen=True)
class Protocol:
    """How a suite is asked and scored unless something else is asked for: `protocols.yaml`.

    Attributes:
        method: `decode`: greedy decoding, and the answer is read from the text; `rank`: the option
            with the highest log-likelihood; `rank_per_token`: with the highest one per token. Items
            without options are decoded.
        shots: exemplars per few-shot prompt.
        exemplars: `drawn` per item, or the first ones in the order in which they are `published`.
        unit: what weighs the same in the suite's mean, a `task` or a `cluster` of tasks.
        metric: of the suite's mean: `accuracy`, or the first one of each task in the paper's
            `table_3`.
        inputs_length, targets_length: in tokens; a longer prompt loses exemplars.
        source: what of this is published, and where.
    """

    method: Literal["decode", "rank", "rank_per_token"] = "decode"
    shots: int = 3
    exemplars: Literal["drawn", "published"] = "drawn"
    unit: Literal["task", "cluster"] = "task"
    metric: Literal["accuracy", "table_3"] = "accuracy"
    inputs_length: int = 256
    targets_length: int = 64
    source: str = "own choice"


def _protocols() -> dict[str, dict[str, dict[str, Any]]]:
    return read_yaml("flanrepro.collection", "protocols")


def protocol(collection: str, suite: str) -> Protocol:
    """The suite's row of `protocols.yaml`; the plain one where it has none."""
    return Protocol(**_protocols().get(collection, {}).get(suite, {}))


@dataclass(frozen=True)
class Suite:
    """A group of evaluation tasks whose scores are averaged with equal weight (A.3).

    Attributes:
        name: of the suite.
        tasks: that are evaluated, by their first templates.
        split: that is evaluated; `validation` of tasks that have no split of this name (A.2).
        protocol: how.
    """

    name: str
    tasks: tuple[Task, ...]
    split: str = "validation"
    protocol: Protocol = Protocol()

    def unit_of(self, task: Task) -> str:
        """What weighs the same in the suite's mean: the task's name, or its cluster's."""
        return task.cluster if self.protocol.unit == "cluster" else task.name

    def split_of(self, task: Task) -> str:
        """The split of one of the tasks that is evaluated."""
        return self.split if self.split in task.splits else "validation"


class MissingTasks(UserWarning):
    """Some of the tasks that were asked for are not at hand."""


@dataclass(frozen=True)
class Collection:
    """All that can be trained on and evaluated: `pocket` (embedded) or `flan2022` (real data).

    Attributes:
        name: of the collection.
        tasks: the training tasks.
        suites: groups of evaluation tasks.
        vocabulary: the name of its own vocabulary.
        other: tasks of no suite that are not trained on unless a mixture names their source (P3's
            prompts of FLAN 2021's data sets), or that are finetuned on alone (section 4).
        held_in: tasks that every random subset of tasks contains (section 3.3).
        varied: prompts come in varied formats (section 3.6).
    """

    name: str
    tasks: Mapping[str, Task]
    suites: Mapping[str, Suite]
    vocabulary: str
    other: Mapping[str, Task] = field(default_factory=dict)
    held_in: tuple[str, ...] = ()
    varied: bool = False

    @functools.cached_property
    def every_task(self) -> Mapping[str, Task]:
        """All tasks by name; where a suite has one of the same name, the training task."""
        suites = {task.name: task for suite in self.suites.values() for task in suite.tasks}
        return suites | dict(self.other) | dict(self.tasks)

    def task(self, name: str) -> Task:
        """A training or evaluation task by name; InputError lists the names if there is none."""
        if name not in self.every_task:
            close = difflib.get_close_matches(name, self.every_task, n=8, cutoff=0.4)
            names = close or sorted(self.every_task)[:20]
            raise InputError(
                f"collection '{self.name}' has no task '{name}' among its {len(self.every_task)}: "
                f"there is {', '.join(names)}"
            )
        return self.every_task[name]
