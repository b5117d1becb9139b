"""Items of a suite: its prompts, the options to choose from, and the right answers."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from flanrepro.collection import rng
from flanrepro.collection.asking import asks_of
from flanrepro.collection.formats import plain
from flanrepro.collection.prompt import Prompt, check_exemplars, exemplar_candidates, render
from flanrepro.collection.task import Record, Suite, Task
from flanrepro.collection.templates import Template
from flanrepro.errors import InputError

HELD_IN = (
    "bool_q",
    "arc_easy",
    "arc_challenge",
    "unified_qa_science_inst",
    "anli_r1",
    "anli_r2",
    "anli_r3",
    "rte",
)
"""Names of the Held-In suite's eight tasks (Longpre et al., 2023, A.3)."""

_PASSAGES = ("passage", "premise")
"""Names of fields with a text that several records may ask about."""


@dataclass(frozen=True)
class Item:
    """A prompt of a suite and what its answer is compared with.

    Attributes:
        prompt: the whole prompt, before it is shortened to a model's lengths.
        choices: targets to choose from, in the record's order; empty: the record has no options.
        right: position of the right choice, from 0; None: no options.
        references: acceptable answers.
        head, tests: code that a program is run between; empty: it is not run.
        group: name shared by items that are not independent, since they are about one passage.
    """

    prompt: Prompt
    choices: tuple[str, ...]
    right: int | None
    references: tuple[str, ...]
    group: str
    head: str = ""
    tests: str = ""


def at_hand(suite: Suite, shots: int) -> tuple[Suite, dict[str, str]]:
    """Splits a suite by what is available.

    Args:
        suite: all its tasks.
        shots: number of exemplars per prompt; 0: a task without any exemplars can be evaluated.

    Returns:
        The suite with the available tasks, and the reason for each of the others by name.
    """
    missing = {}
    for task in suite.tasks:
        reason = task.missing(suite.split_of(task))
        if not reason:
            try:
                asks_of(task, suite.asking)
                if shots:
                    check_exemplars(task, shots)
            except InputError as error:
                reason = str(error)
        if reason:
            missing[task.name] = reason
    tasks = tuple(task for task in suite.tasks if task.name not in missing)
    return replace(suite, tasks=tasks), missing


NAMED = 5
"""Most tasks of one kind that `lacking` names."""


def lacking(suite: Suite, missing: Iterable[str], shots: int) -> str:
    """Says what left-out tasks lack, e.g. `anli_r1, anli_r2 have no training data here`.

    Args:
        suite: all its tasks.
        missing: names of the tasks that `at_hand` leaves out.
        shots: number of exemplars per prompt.
    """
    by_lack: dict[str, list[str]] = {}
    for task in suite.tasks:
        if task.name in missing:
            lack = _lacks_template(suite, task) or lack_of(task, (suite.split_of(task),), shots)
            by_lack.setdefault(lack, []).append(task.name)
    return joined_lacks(by_lack)


def _lacks_template(suite: Suite, task: Task) -> str:
    try:
        asks_of(task, suite.asking)
    except InputError:
        return f"no template {suite.asking.template}".rstrip()
    return ""


def lack_of(task: Task, splits: Iterable[str], shots: int = 0) -> str:
    """Says in a few words what a task lacks to be evaluated, e.g. `no test data`."""
    for split in splits:
        if split not in task.splits or task.missing(split):
            return f"no {'training' if split == 'train' else split} data"
    if "train" not in task.splits or task.missing("train"):
        return "no training data"
    return f"too few training records for {shots} exemplars"


def part(suite: Suite) -> str:
    """Says which of a suite's tasks have fewer records here than their publisher counts.

    E.g. `squad_v2 has 6,078 of 11,873 validation records here`; empty: none has.
    """
    said = []
    for task in suite.tasks:
        split = suite.split_of(task)
        whole, here = task.splits[split], task.size(split)
        # NIv2's numbers are the reference's, and the files differ by a few.
        if split != "train" and here < whole:
            said.append(f"{task.name} has {here:,} of {whole:,} {split} records here")
    return "; ".join(said)


def joined_lacks(by_lack: Mapping[str, Sequence[str]]) -> str:
    """Joins names of tasks by what they lack, in the words of `lack_of`."""
    said = []
    for lack, names in by_lack.items():
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        verb = "has" if len(names) == 1 else "have"
        said.append(f"{', '.join(names[:NAMED])}{more} {verb} {lack} here")
    return "; ".join(said)


def suite_prompts(suite: Suite, shots: int, items: int | None = None) -> list[Prompt]:
    """The prompts that a suite is evaluated on, the same for every run and seed.

    Args:
        suite: tasks, and how they are asked.
        shots: number of exemplars per prompt, see `Protocol.exemplars`; 0: zero-shot.
        items: largest number of records per task, drawn at random; None: all.

    Raises:
        InputError: `items` is below 1, or a task has no exemplars or not the template.
    """
    if items is not None and items < 1:
        raise InputError(f"items is {items}: expected at least 1, or None for all")
    prompts = []
    listed = "prompt" if suite.asking is None or suite.asking.options else "nowhere"
    for task in suite.tasks:
        if shots:
            check_exemplars(task, shots)
        asks = asks_of(task, suite.asking)
        size = task.size(suite.split_of(task))
        order = rng.sample(size, min(items or size, size), _key(suite, task))
        # By the place in this order, whose beginning is the same for any number of items: an item
        # keeps its template, and no pattern in the file's order decides which.
        for record, place in sorted(zip(order, range(len(order)), strict=True)):
            template = asks[place % len(asks)]
            prompts.append(suite_prompt(suite, task, record, shots, template, listed))
    return prompts


def suite_prompt(
    suite: Suite,
    task: Task,
    record: int,
    shots: int,
    template: Template,
    options: Literal["prompt", "nowhere"] = "prompt",
) -> Prompt:
    """The prompt of one record of a suite's task, with the exemplars of the suite's protocol."""
    split, which = suite.split_of(task), {}
    if shots:
        which = _exemplars(suite, task, split, record, shots)
    return render(task, record, split=split, template=template, format=plain(options), **which)


def _key(suite: Suite, task: Task) -> int:
    # No seed in it: paired comparisons need the same items in every run.
    return rng.mix(rng.key_of(f"suite/{suite.name}/{task.name}"))


def _exemplars(suite: Suite, task: Task, split: str, record: int, shots: int) -> dict[str, Any]:
    """The arguments of `render` that choose exemplars."""
    if suite.protocol.exemplars == "published":
        # No `shots`: it would leave out published exemplars that repeat each other.
        return {"exemplars": range(min(shots, task.size(task.exemplar_split)))}
    same = record if split == task.exemplar_split else None
    if suite.protocol.exemplars == "first":
        order = (i for i in range(task.size(task.exemplar_split)) if i != same)
        return {"exemplars": order, "shots": shots}
    key = rng.mix(_key(suite, task), record)
    return {"exemplars": exemplar_candidates(task, key, same), "shots": shots}


def suite_items(suite: Suite, shots: int, items: int | None = None) -> list[Item]:
    """The items of `suite_prompts`, with the same arguments."""
    tasks = {task.name: task for task in suite.tasks}
    return [item_of(tasks[prompt.task], prompt) for prompt in suite_prompts(suite, shots, items)]


def item_of(task: Task, prompt: Prompt) -> Item:
    """The item of one prompt of the task."""
    record = task.records(prompt.split)[prompt.record]
    choices, right = _choices(task, prompt, record)
    # By the passage's text, since not every publisher gives passages an id.
    passage = next((record[name] for name in _PASSAGES if name in record), None)
    group = f"{prompt.record}" if passage is None else f"{rng.key_of(passage):016x}"
    checked = {name: record.get(name, "") for name in ("head", "tests")}
    group = f"{task.name}/{group}"
    return Item(prompt, choices, right, references(record), group, **checked)


def _choices(task: Task, prompt: Prompt, record: Record) -> tuple[tuple[str, ...], int | None]:
    """The prompt's target with each option as the answer, and the right one's position."""
    # Records of MMLU ("B. a dog") and BBH ("(B) a dog") are answered by the label alone.
    lines = record.get("choices", "").split("\n")
    options = [line.partition(" ")[0].rstrip(".") for line in lines]
    if record["answer"] not in options:
        options = record.get("options", "").split("\n")
    if record["answer"] not in options:
        return (), None
    template = prompt.asked.template
    # The record's own rationale would give the right option away.
    fields = {**record, "rationale": ""}
    targets = [template.targets.format_map({**fields, "answer": option}) for option in options]
    return tuple(target.strip() for target in targets), options.index(record["answer"])


def references(record: Record) -> tuple[str, ...]:
    """The acceptable answers of a record: its target, then the publisher's others."""
    # A list in JSON, since an answer may have several lines.
    others = json.loads(record.get("references", "[]"))
    return tuple(dict.fromkeys((record["answer"], *others)))


def instruction(task: Task, prompt: Prompt) -> str:
    """The beginning of the prompt's text that truncation must keep; empty if there is none."""
    template = prompt.asked.template
    record = task.records(prompt.split)[prompt.record]
    said = template.instruction.format_map({**record, "options": ""})
    return said + prompt.format.layout.gap if said else ""
