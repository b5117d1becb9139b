"""From a record to a prompt: template, answer options, exemplars."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flanrepro.collection import rng
from flanrepro.collection.task import Record, Suite, Task
from flanrepro.collection.templates import Template, load_templates
from flanrepro.errors import InputError

FEW_SHOT = (2, 3, 5)
"""Numbers of exemplars in few-shot training prompts (A.1)."""


@dataclass(frozen=True)
class Prompt:
    """A finished example with its provenance.

    `record` and `exemplars` are indices into the task's `split` and its training split.
    """

    inputs: str
    targets: str
    task: str
    template: str
    split: str
    record: int
    exemplars: tuple[int, ...] = ()
    options: bool = False

    @property
    def setting(self) -> str:
        """`zero_shot` or `few_shot`."""
        return "few_shot" if self.exemplars else "zero_shot"


def _fill(pattern: str, record: Record, options: bool, where: str) -> str:
    shown = record.get("options") if options else None
    block = "\nOptions:\n- " + shown.replace("\n", "\n- ") if shown else ""
    try:
        return pattern.format_map({**record, "options": block})
    except KeyError as error:
        raise InputError(
            f"{where}: the template names the field {error}, which the record does not have (it "
            f"has {', '.join(record)}); mend the record or the template"
        ) from None


def render(
    task: Task,
    record: int,
    *,
    split: str = "train",
    template: Template | None = None,
    options: bool = True,
    exemplars: Sequence[int] = (),
) -> Prompt:
    """The prompt of one record.

    Zero-shot is instruction and inputs. Few-shot is the instruction, then each exemplar's inputs
    and targets, then the record's inputs and the cue for its answer; exemplars show options if the
    record does.

    Args:
        task: the record's task.
        record: index into the task's `split`.
        split: where the record is from.
        template: one of the task's templates; its first if not given.
        options: show the answer options, where the record has any.
        exemplars: indices into the task's training split.

    Raises:
        InputError: a record lacks a field that the template names.
    """
    template = template or load_templates(task.templates)[0]

    def filled(part: str, kind: str, index: int) -> str:
        where = f"task '{task.name}', {kind} record {index}, template '{template.name}'"
        return _fill(getattr(template, part), task.records(kind)[index], options, where)

    instruction = filled("instruction", split, record)
    parts = [instruction, "\n\n"] if instruction else []
    for index in exemplars:
        parts += [filled("inputs", "train", index), template.answer]
        parts += [filled("targets", "train", index), template.separator]
    parts.append(filled("inputs", split, record))
    if exemplars:
        parts.append(template.answer.rstrip())
    return Prompt(
        inputs="".join(parts),
        targets=filled("targets", split, record),
        task=task.name,
        template=template.name,
        split=split,
        record=record,
        exemplars=tuple(exemplars),
        options=options,
    )


def check_exemplars(task: Task, shots: int) -> None:
    """InputError if `task` cannot give `shots` exemplars beside the record itself."""
    if "train" not in task.splits:
        raise InputError(
            f"task '{task.name}' has no training split to draw few-shot exemplars from (it has "
            f"{', '.join(task.splits)}); use it zero-shot (few_shot_fraction=0) or leave it out"
        )
    if task.size("train") <= shots:
        raise InputError(
            f"task '{task.name}' has {task.size('train')} training records, too few for {shots} "
            f"exemplars beside the record itself; use it zero-shot or leave it out"
        )


def suite_prompts(suite: Suite, shots: int, items: int | None = None) -> list[Prompt]:
    """The prompts that a suite is evaluated on: the same for every run, whatever its seed.

    Args:
        suite: its tasks' first templates are used, with answer options.
        shots: exemplars per prompt, drawn per item from the task's training split; 0: zero-shot.
        items: at most so many records per task, drawn without regard to their order; None: all.

    Raises:
        InputError: `items` is below 1, or a task cannot give exemplars.
    """
    if items is not None and items < 1:
        raise InputError(f"items is {items}: expected at least 1, or None for all")
    prompts = []
    for task in suite.tasks:
        if shots:
            check_exemplars(task, shots)
        key = rng.mix(rng.key_of(f"suite/{suite.name}/{task.name}"))
        size = task.size(suite.split)
        for record in sorted(rng.sample(size, min(items or size, size), key)):
            same = record if suite.split == "train" else None
            chosen = (
                rng.sample(task.size("train"), shots, rng.mix(key, record), same) if shots else ()
            )
            prompts.append(render(task, record, split=suite.split, exemplars=chosen))
    return prompts


def shorten(prompt: Prompt, task: Task, fits: Callable[[Prompt], bool]) -> Prompt:
    """The prompt with as many of its exemplars as fit: whole ones go, the instruction stays."""
    while prompt.exemplars and not fits(prompt):
        prompt = render(
            task,
            prompt.record,
            split=prompt.split,
            template=next(t for t in load_templates(task.templates) if t.name == prompt.template),
            options=prompt.options,
            exemplars=prompt.exemplars[:-1],
        )
    return prompt
