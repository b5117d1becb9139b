"""Specs of what is trained and evaluated on: records, tasks, suites, collections."""

import dataclasses
import difflib
import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from flanrepro.collection import rng
from flanrepro.collection.content import Chosen, InMemory, digest_of
from flanrepro.errors import InputError
from flanrepro.packaged import read_yaml

Record = Mapping[str, str]
"""One raw example: a flat dict of named text fields.

Optional fields are `options`, the answer options, one per line; `references`, all accepted answers
beside `answer`, as a list in JSON; and `head` and `tests`, code that a program is run between.
"""


@dataclass(frozen=True)
class Task:
    """One dataset in one role.

    Attributes:
        name: identifier, unique in its collection, e.g. `cot_gsm8k`.
        source: name of its submixture (`flan2021`, `t0_sf`, `niv2`, `cot`, `dialog`,
            `program_synthesis`), or `evaluation` for a task of suites alone.
        cluster: name of its task cluster (FLAN 2021, section 2.1), e.g. `closed_book_qa`.
        load: function from a split's name to its records; called once per split.
        splits: number of records per split, so that a mixture can be made without reading any.
            Few-shot exemplars come from the split `exemplars` if there is one, else from `train`.
        templates: name of the file under `templates/` with its wordings.
        answer: kind of answer, which decides how it is read from generated text and compared, see
            `flanrepro.evaluation.extraction`.
        licence, citation: the data set's, as text.
        approximate: true if `splits` are the publisher's figures: `size` then counts the records.
        rendered: true if records are finished prompts (`inputs`, `answer`) with one split per
            setting, see `flanrepro.sources.flan2022.rendered`.
        find_missing: function from a split's name to the reason why it is not available, empty if
            it is; None: every split is.
        dataset, reader: origin of the records, see `flanrepro.raw.reader`.
    """

    name: str
    source: str
    cluster: str
    load: Callable[[str], Sequence[Record]]
    splits: Mapping[str, int]
    templates: str
    answer: Literal["text", "span", "number", "option", "code"] = "text"
    licence: str = ""
    citation: str = ""
    approximate: bool = False
    rendered: bool = False
    find_missing: Callable[[str], str] | None = field(default=None, repr=False, compare=False)
    dataset: Any = field(default=None, repr=False, compare=False)
    reader: Any = field(default=None, repr=False, compare=False)
    # No argument: `dataclasses.replace` would hand these records to a task that loads others.
    _cache: dict[str, Sequence[Record]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _digests: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def embedded(self) -> bool:
        """True if the package makes the records itself; false if they are read from files."""
        return self.find_missing is None

    def _declared(self, split: str) -> int:
        if split not in self.splits:
            raise InputError(
                f"task '{self.name}' has no split '{split}': it has {', '.join(self.splits)}"
            )
        return self.splits[split]

    def size(self, split: str) -> int:
        """Number of records in `split`; InputError if the task has no such split."""
        return len(self.records(split)) if self.approximate else self._declared(split)

    def missing(self, split: str = "train") -> str:
        """The reason why the records of `split` are not available; empty if they are."""
        return self.find_missing(split) if self.find_missing else ""

    @functools.cached_property
    def exemplar_split(self) -> str:
        """Name of the split that few-shot exemplars come from: `exemplars` if it has any."""
        # A mirror may hold the training file alone.
        own = "exemplars" in self.splits and not self.missing("exemplars")
        return "exemplars" if own and self.size("exemplars") else "train"

    def records(self, split: str) -> Sequence[Record]:
        """Reads the records of `split` once; InputError if their number is not the declared one."""
        if split not in self._cache:
            declared = self._declared(split)
            records = self.load(split)
            # Weights, caps and passes follow from the declared numbers.
            if len(records) != declared and not self.approximate:
                raise InputError(
                    f"task '{self.name}', split '{split}': {len(records)} records were read and "
                    f"{declared} are declared; the data is not the one that this version knows"
                )
            self._cache[split] = records
        return self._cache[split]

    def digest(self, split: str) -> str:
        """16 hexadecimal digits that change with any record of `split`; errors as in `records`."""
        if split not in self._digests:
            records = self.records(split)
            # The record store has computed it when it kept them.
            self._digests[split] = getattr(records, "digest", "") or digest_of(records)
        return self._digests[split]


def data_digest(tasks: Iterable[Task], every_split: bool = False) -> str:
    """12 hexadecimal digits that change with the tasks and with their available records.

    Tasks that the package makes itself count by their sizes: what they say changes with the version
    of the prompts alone. Records that are read count by content, wherever they were read from.

    Args:
        tasks: tasks in the order of their mixture.
        every_split: true: the splits for validation and testing count, too.

    Raises:
        InputError: an available split cannot be read.
    """
    rows = [_row(task, every_split) for task in tasks]
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:12]


def _row(task: Task, every_split: bool) -> tuple:
    trained = task.splits if task.rendered else ("train",)
    here = [split for split in trained if split in task.splits and not task.missing(split)]
    sizes = task.name, sum(task.size(split) for split in here)
    if task.embedded:
        return sizes
    if every_split:
        here = [split for split in task.splits if not task.missing(split)]
    elif here and not task.rendered:
        here = dict.fromkeys((*here, task.exemplar_split))
    return *sizes, tuple((split, task.digest(split)) for split in here)


def training_split(task: Task) -> str:
    """Name of the split that finetuning on the task trains on: `train` if there is one."""
    # CxC is published as validation and test records alone.
    return "train" if "train" in task.splits else "validation"


def hold_out(task: Task, number: int) -> Task:
    """Moves `number` training records of the task into its validation split (A.2).

    The old validation split becomes the test split if the task has none. A task without a training
    split is trained on its validation split. The draw depends on the task's name alone, so that
    every seed selects its checkpoint on the same records.

    Raises:
        InputError: no record would be left to train on.
    """
    own = training_split(task)
    size = task.size(own)
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
            return Chosen(task.records(own), parts[split], task.digest(own))
        return task.records(split)

    def find_missing(split: str) -> str:
        return task.missing(other if split == "test" else own if split in parts else split)

    splits = {**task.splits, **{name: len(part) for name, part in parts.items()}}
    splits |= {"test": task.size(other)} if other in task.splits else {}
    return dataclasses.replace(
        task, splits=splits, load=load, find_missing=None if task.embedded else find_missing
    )


@dataclass(frozen=True)
class Protocol:
    """A suite's defaults for prompting and scoring, a row of `protocols.yaml`.

    Attributes:
        method: `decode`: greedy decoding, the answer is read from the text; `rank`: the option with
            the highest log-likelihood; `rank_per_token`: the highest log-likelihood per token.
            Items without options are decoded.
        shots: number of exemplars per few-shot prompt.
        exemplars: `drawn` at random for each item; the first ones in `published` order; or the
            `first` ones that repeat neither the item nor each other.
        unit: equally weighted unit of the suite's mean, a `task` or a `cluster` of tasks.
        metric: metric of the suite's mean: `accuracy`; each task's first one in `table_3`, or in
            Tables 1 and 2 of `flan2021`; `rouge_l`, with exact match beside it, as for
            Super-Natural Instructions; or `pass_at_1`: programs are run, and the share that passes
            the tests counts.
        inputs_length, targets_length: numbers of tokens; a longer prompt loses exemplars.
        source: text that says which of these values are published, and where.
    """

    # Lengths suit the pocket collection, whose rows in `protocols.yaml` leave them out.
    method: Literal["decode", "rank", "rank_per_token"] = "decode"
    shots: int = 3
    exemplars: Literal["drawn", "published", "first"] = "drawn"
    unit: Literal["task", "cluster"] = "task"
    metric: Literal["accuracy", "table_3", "flan2021", "rouge_l", "pass_at_1"] = "accuracy"
    inputs_length: int = 256
    targets_length: int = 64
    source: str = "own choice"


def _protocols() -> dict[str, dict[str, dict[str, Any]]]:
    return read_yaml("flanrepro.collection", "protocols")


def protocol(collection: str, suite: str) -> Protocol:
    """The suite's row of `protocols.yaml`; `Protocol`'s defaults if it has none."""
    return Protocol(**_protocols().get(collection, {}).get(suite, {}))


@dataclass(frozen=True)
class Suite:
    """A group of evaluation tasks whose scores are averaged with equal weight (A.3).

    Attributes:
        name: identifier, e.g. `held_in`.
        tasks: evaluation tasks.
        split: name of the split that is evaluated; tasks without it use `validation` (A.2).
        protocol: defaults for prompting and scoring.
        asking: how prompts are written, see `flanrepro.collection.asking`; None: in each task's
            first template, with options.
    """

    name: str
    tasks: tuple[Task, ...]
    split: str = "validation"
    protocol: Protocol = Protocol()
    asking: Any = None

    def unit_of(self, task: Task) -> str:
        """Name of the task's equally weighted unit in the suite's mean: task or cluster."""
        # BBH has problems in several sizes, which count as one of its 23.
        return task.cluster if self.protocol.unit == "cluster" else task.name

    def split_of(self, task: Task) -> str:
        """Name of the split of `task` that is evaluated."""
        return self.split if self.split in task.splits else "validation"


def by_name(tasks: Iterable[Task]) -> dict[str, Task]:
    return {task.name: task for task in tasks}


class NoTask(InputError):
    """None of the tasks that were asked for is available."""


class MissingTasks(UserWarning):
    """Some of the tasks that were asked for are not available."""


@dataclass(frozen=True)
class Collection:
    """All that can be trained on and evaluated: `pocket` (embedded) or `flan2022` (real data).

    Attributes:
        name: identifier, `pocket` or `flan2022`.
        tasks: training tasks by name.
        suites: groups of evaluation tasks by name.
        vocabulary: name of the vocabulary trained on its text.
        other: further tasks by name, trained on only if a mixture names their source (P3's prompts
            of FLAN 2021's data sets) or in single-task finetuning (section 4).
        held_in: names of the tasks that every random subset of tasks contains (section 3.3).
        way: how mixtures write prompts, see `flanrepro.collection.mixture.Mixture`.
        texts: function to texts that have every word of a generated collection; None: it is not
            generated.
        keep: function from a digest and a function to what the latter finds, called if nothing is
            kept by that digest; see `flanrepro.raw.kept`.
    """

    name: str
    tasks: Mapping[str, Task]
    suites: Mapping[str, Suite]
    vocabulary: str
    other: Mapping[str, Task] = field(default_factory=dict)
    held_in: tuple[str, ...] = ()
    way: Literal["plain", "reference", "paper"] = "plain"
    texts: Callable[[], Iterable[str]] | None = field(default=None, repr=False, compare=False)
    keep: Callable[[str, Callable[[], dict]], dict] = field(
        default_factory=InMemory, repr=False, compare=False
    )

    @functools.cached_property
    def content(self) -> str:
        """12 hexadecimal digits that change with the available training tasks or their records."""
        return data_digest(task for task in self.tasks.values() if not task.missing("train"))

    @functools.cached_property
    def every_task(self) -> Mapping[str, Task]:
        """All tasks by name; a training task hides a suite's task of the same name."""
        suites = {task.name: task for suite in self.suites.values() for task in suite.tasks}
        return suites | dict(self.other) | dict(self.tasks)

    def task(self, name: str) -> Task:
        """A training or evaluation task by name; InputError lists the names if there is none."""
        if name not in self.every_task:
            # Collections have up to 2,000 tasks: too many to list in a sentence.
            close = difflib.get_close_matches(name, self.every_task, n=8, cutoff=0.4)
            names = close or sorted(self.every_task)[:20]
            raise InputError(
                f"collection '{self.name}' has no task '{name}' among its {len(self.every_task)}: "
                f"there is {', '.join(names)}"
            )
        return self.every_task[name]
