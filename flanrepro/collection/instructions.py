"""How a task is asked: its first templates, no template, or the data set's name.

FLAN 2021 compares these in training (Wei et al., 2021, section 4.3 and Appendix B): 1, 4 or 10
templates per data set; inputs without any template, "The dog runs."; and inputs behind the name of
the task and the data set, "[Translation: WMT'14 to French] The dog runs."
"""

from typing import Literal, get_args

from flanrepro.collection.clusters import title_of
from flanrepro.collection.task import Task
from flanrepro.collection.templates import Template, fields_of, load_templates
from flanrepro.errors import InputError

Instructions = Literal["", "none", "name"]
"""Forms of a prompt: in a template; the record's inputs alone; these behind the data set's name."""

INSTRUCTIONS: tuple[str, ...] = get_args(Instructions)

MOST = 10
"""Number of templates per data set (FLAN 2021, section 2.1)."""

_INSTRUCT = {"language", "source_language", "target_language"}
"""Fields that say what to do with the others."""


def templates_of(
    task: Task, instructions: Instructions = "", number: int | None = None
) -> tuple[Template, ...]:
    """The templates of a task's zero-shot prompts in one of the forms; suites use the first one.

    The first `number` in the file's order are taken, regular and inverted ones alike, as the
    reference does (google-research/FLAN, flan/tasks.py, `patterns_list[:num_templates]`): so those
    of a smaller number are among those of a larger one, and the first one asks for the answer.

    Without a template the inputs are the fields that the first template shows, a line each, and
    the list of options where that template has one, in prompts that show their options.

    Args:
        task: the task that is asked.
        instructions: the form; those without a template have no inverted prompts.
        number: number of templates, 1 to 10; None: all.

    Raises:
        InputError: the form is unknown, the number is out of range, there is a number for a form
            without templates, or the task's prompts are finished texts.
    """
    check_form(instructions, number)
    if not (instructions or number):
        return load_templates(task.templates)
    if task.rendered:
        raise InputError(
            f"task '{task.name}' has finished prompts, which templates and instructions cannot "
            "change: leave both out, or take collection 'flan2022'"
        )
    every = load_templates(task.templates)
    return (_bare(task, every[0], instructions),) if instructions else every[:number]


def check_form(instructions: str, number: int | None) -> None:
    """Raises InputError as `templates_of` does, for any task."""
    if instructions not in INSTRUCTIONS:
        raise InputError(
            f"unknown instructions '{instructions}': choose one of {', '.join(INSTRUCTIONS[1:])}, "
            "or nothing for the templates as they are"
        )
    if number is not None and not 1 <= number <= MOST:
        raise InputError(f"templates is {number}: expected 1 to {MOST}, or None for all")
    if instructions and number:
        raise InputError(
            f"templates is {number}, and instructions '{instructions}' use no template: leave one "
            "of the two out"
        )


def _bare(task: Task, first: Template, instructions: str) -> Template:
    """The template of inputs without a wording, from the fields that the `first` one shows."""
    shown = dict.fromkeys(fields_of(first.inputs))
    inputs = "\n".join(f"{{{name}}}" for name in shown if name not in {"options", *_INSTRUCT})
    options = "{options}" if "options" in shown else ""
    targets = "\n".join(f"{{{name}}}" for name in fields_of(first.targets))
    name = ""
    if instructions == "name":
        # `_` is no part of a word in pocket's vocabulary.
        title, data_set = title_of(task), task.name.replace("_", " ")
        name = f"[{title[:1].upper()}{title[1:]}: {data_set}] "
    return Template(instructions, f"{name}{inputs}{options}", targets, answer="\n")
