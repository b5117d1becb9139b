"""How a suite asks: in which templates, or in none, and with or without answer options.

FLAN 2021 reports a data set's mean over its templates, and the score in the template that is the
best one on the dev set (Wei et al., 2021, section 3). Models trained without templates are asked
in these, or by the data set's name (section 4.3).
"""

from dataclasses import dataclass, replace

from flanrepro.collection.instructions import MOST, Instructions, check_form, templates_of
from flanrepro.collection.task import Suite, Task
from flanrepro.collection.templates import Template, load_templates
from flanrepro.errors import InputError

EACH = "each"
"""Value of `Asking.template` for all templates in turn."""


@dataclass(frozen=True)
class Asking:
    """How the prompts of a suite are written; the default is the first template, with options.

    Attributes:
        template: empty: each task's first template; `each`: a task's items have its templates in
            turn, so that their mean is a mean over templates; `1` to `10`: the template of that
            number. Templates that do not ask for the answer are not counted.
        instructions: form without a template, see `flanrepro.collection.instructions`.
        options: false: no list of answer options in prompts and exemplars; ranking has them still.
        split: name of the split that is asked, e.g. `train` for a dev set of tasks that were not
            trained on; empty: the suite's.

    Raises:
        InputError: a value is none of these, or there is a template for a form without one.
    """

    template: str = ""
    instructions: Instructions = ""
    options: bool = True
    split: str = ""

    def __post_init__(self):
        check_form(self.instructions, None)
        if self.template not in ("", EACH, *map(str, range(1, MOST + 1))):
            raise InputError(
                f"template is '{self.template}': expected {EACH}, a number from 1 to {MOST}, or "
                "nothing for the first one"
            )
        if self.template and self.instructions:
            raise InputError(
                f"template is '{self.template}', and instructions '{self.instructions}' use no "
                "template: leave one of the two out"
            )

    @property
    def label(self) -> str:
        """A part of file names, e.g. `template3_nooptions`; empty for the default."""
        template = f"template{self.template}" if self.template.isdigit() else self.template
        options = "" if self.options else "nooptions"
        split = self.split and f"on_{self.split}"
        return "_".join(filter(None, (template, self.instructions, options, split)))


def asked(suite: Suite, asking: Asking | None) -> Suite:
    """The suite that asks in this way; InputError if none of its tasks has the split."""
    if asking is None:
        return suite
    splits = dict.fromkeys(split for task in suite.tasks for split in task.splits)
    if asking.split and asking.split not in splits:
        raise InputError(
            f"suite '{suite.name}' has no task with a split '{asking.split}': there is "
            f"{', '.join(splits)}"
        )
    return replace(suite, split=asking.split or suite.split, asking=asking)


def asks_of(task: Task, asking: Asking | None) -> tuple[Template, ...]:
    """The templates that a task's items are asked in, in turn; None: its first one.

    Raises:
        InputError: the task has no template of that number, or its prompts are finished texts.
    """
    if asking is None or asking == Asking():
        return load_templates(task.templates)[:1]
    if asking.instructions:
        return templates_of(task, asking.instructions)
    every = tuple(one for one in templates_of(task, number=MOST) if one.asks)
    if asking.template == EACH:
        return every
    number = int(asking.template or 1)
    if number > len(every):
        raise InputError(
            f"task '{task.name}' has {len(every)} templates that ask for its answer, and template "
            f"{number} was asked for"
        )
    return every[number - 1 : number]
