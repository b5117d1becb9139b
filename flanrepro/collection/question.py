"""A question put to models by itself: typed, or a record of a task; with or without exemplars."""

import dataclasses
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from flanrepro.collection.formats import plain, plain_style
from flanrepro.collection.prompt import Prompt, check_exemplars, render
from flanrepro.collection.suites import item_of, suite_prompt
from flanrepro.collection.task import Protocol, Suite, Task
from flanrepro.collection.templates import Template, load_templates
from flanrepro.errors import InputError


@dataclass(frozen=True)
class Question:
    """A prompt, and what its answer can be.

    Attributes:
        prompt: the prompt with all its exemplars.
        options: texts to choose from; empty: the answer is written.
        references: accepted answers of a task's record; empty: nobody says what is right.
        task: task of the exemplars and of the record; None: a typed question without a task.
        protocol: the lengths that its task is asked with; None: without a task.
    """

    prompt: Prompt
    options: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    task: Task | None = None
    protocol: Protocol | None = None


def typed(text: str, options: Sequence[str] = ()) -> Question:
    """The question that somebody typed, zero-shot.

    Args:
        text: the whole prompt; it may list options itself, see `options_in`.
        options: options to list below the text.

    Raises:
        InputError: the text is empty, or the options are fewer than two, or listed twice.
    """
    text, options = _with_options(text, options)
    prompt = Prompt(text, "", task="", source="", template="", template_idx=-1, split="", record=0)
    return Question(prompt, options)


def typed_after_exemplars(
    suite: Suite, text: str, shots: int, options: Sequence[str] = (), template: str = ""
) -> Question:
    """A typed question behind a task's instruction and exemplars, in the layout of its suite.

    Args:
        suite: suite of one task, whose protocol says how exemplars are chosen.
        text, options: see `typed`.
        shots: number of exemplars; 0: the task's instruction alone, if it has one.
        template: name of the exemplars' template; empty: the first.

    Raises:
        InputError: see `typed` and `template_of`, or the task has too few exemplars.
    """
    text, options = _with_options(text, options)
    (task,), split = suite.tasks, suite.split_of(suite.tasks[0])
    own = template_of(task, template)
    if shots:
        check_exemplars(task, shots)
    # The exemplars are those of the task's first record; only what is asked is another text.
    first = suite_prompt(suite, task, 0, shots, own)
    asks = dataclasses.replace(own, inputs="{typed}", targets="", exemplar="", inverted=False)
    asked = _with_record(task, {**task.records(split)[0], "typed": text})
    prompt = render(
        asked,
        0,
        split=_ASKED,
        template=asks,
        format=plain("prompt"),
        exemplars=first.exemplars,
        beside=(own,),
    )
    return Question(prompt, options, (), asked, suite.protocol)


def of_record(
    suite: Suite, record: int, shots: int = 0, template: str = "", options: bool = True
) -> Question:
    """The question of a task's record, as its suite asks it.

    Args:
        suite: suite of one task.
        record: index into the split that the suite evaluates.
        shots: number of exemplars.
        template: name of the template; empty: the first.
        options: true: the prompt lists the record's options, if it has any.

    Raises:
        InputError: there is no such record or template, or the task has too few exemplars.
    """
    (task,), split = suite.tasks, suite.split_of(suite.tasks[0])
    if not 0 <= record < task.size(split):
        raise InputError(
            f"task '{task.name}' has no record {record} in its split '{split}': expected 0 to "
            f"{task.size(split) - 1}"
        )
    own = template_of(task, template)
    if shots:
        check_exemplars(task, shots)
    prompt = suite_prompt(suite, task, record, shots, own, "prompt" if options else "nowhere")
    item = item_of(task, prompt)
    return Question(prompt, item.choices, item.references, task, suite.protocol)


def template_of(task: Task, name: str = "") -> Template:
    """The task's template of that name; empty: its first; InputError lists the names."""
    templates = {one.name: one for one in load_templates(task.templates) if one.asks}
    if not name:
        return load_templates(task.templates)[0]
    if name not in templates:
        raise InputError(
            f"task '{task.name}' has no template '{name}' that asks for its answer: choose one of "
            f"{', '.join(templates)}"
        )
    return templates[name]


_HEADING = re.compile(r"\b(?:options|choices):[ \t]*", re.IGNORECASE)


def options_in(text: str) -> tuple[str, ...]:
    """The options that a text lists last, in the plain style: `Options:`, then `- yes`, `- no`.

    Each is on a line of its own, or all are behind the heading in its line.
    """
    *before, last = _HEADING.split(text)
    if not before:
        return ()
    apart = r"\n" if "\n" in last.strip() else r"\s+(?=- )"
    lines = [line.strip() for line in re.split(apart, last.strip())]
    listed = itertools.takewhile(lambda line: line.startswith("-"), lines)
    return tuple(line.lstrip("- ") for line in listed)


def _with_options(text: str, options: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The text with its list of options, and the options."""
    text, options = text.strip(), tuple(option.strip() for option in options)
    if not text:
        raise InputError("the question is empty: type what the model is to do, in quotation marks")
    own = options_in(text)
    if own and options:
        raise InputError(
            f"the question lists the options {', '.join(own)} itself: leave the others out"
        )
    options = own or options
    if len(set(options)) != len(options) or "" in options or len(options) == 1:
        raise InputError(
            f"the options are '{'|'.join(options)}': expected at least two different ones, such as "
            "'yes|no'"
        )
    return text if own or not options else text + plain_style().block("\n".join(options)), options


_ASKED = "asked"


def _with_record(task: Task, record: dict[str, str]) -> Task:
    """The task with a further split that has this record alone."""

    def load(split: str):
        return [record] if split == _ASKED else task.records(split)

    def find_missing(split: str) -> str:
        return "" if split == _ASKED else task.missing(split)

    found = None if task.embedded else find_missing
    return dataclasses.replace(
        task, load=load, splits={**task.splits, _ASKED: 1}, find_missing=found
    )
