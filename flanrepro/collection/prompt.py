"""From a record to a prompt: template, answer options, exemplars."""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from flanrepro.collection import rng
from flanrepro.collection.formats import Format, Layout, OptionStyle, fitting, plain, plain_style
from flanrepro.collection.task import Record, Task
from flanrepro.collection.templates import Template, fields_of, load_templates
from flanrepro.errors import InputError

FEW_SHOT = (2, 3, 5)
"""Possible numbers of exemplars in few-shot training prompts (A.1)."""

MIXED_SHOTS = 5
"""Number of exemplars in different templates, in the reference (flan/v2/tasks.py)."""

SHARED_SHOTS = 25
"""Number of draws of which those in the question's template, one of ten, are its exemplars, in the
reference (flan/v2/tasks.py: "in average 2.5 shots")."""

TEMPLATE_TYPES = ("zs_opt", "zs_noopt", "fs_opt", "fs_noopt")
"""The reference's names of the settings: zero-shot or few-shot, with answer options or without."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A finished example with its provenance.

    Attributes:
        inputs, targets: the text that a model reads, and the text that it is to write.
        task, source: names, as in `Task`.
        template: name of the template.
        template_idx: position of the template in its file, from 0; -1: it comes from no file.
        split: name of the record's split.
        record: index into `split`.
        exemplars: indices into the task's `exemplar_split`; empty: zero-shot.
        format: format that the prompt has; plainer than the one asked for if a record has no
            options.
        inverted: true if an input is predicted from the answer (section 3.4).
        asked: what it was rendered from, for `again`.
    """

    inputs: str
    targets: str
    task: str
    source: str
    template: str
    template_idx: int
    split: str
    record: int
    exemplars: tuple[int, ...] = ()
    format: Format = field(default_factory=plain)
    inverted: bool = False
    asked: "_Asked | None" = field(default=None, repr=False, compare=False)

    @property
    def setting(self) -> str:
        """`zero_shot` or `few_shot`."""
        return "few_shot" if self.template_type.startswith("fs") else "zero_shot"

    def provenance(self) -> dict[str, str | int | bool | tuple[int, ...]]:
        """The prompt's origin and the names of its format, as columns of a predictions table."""
        fields = ("task", "source", "template", "template_idx", "split", "record", "exemplars")
        return {name: getattr(self, name) for name in (*fields, "inverted")} | {
            "layout": self.format.layout.name,
            "option_style": self.format.option_style.name,
            "options": self.format.options,
            "target": self.format.target,
            "turns": self.format.turns.name if self.format.turns else "",
        }

    @property
    def template_type(self) -> str:
        """The reference's name of the setting: one of `TEMPLATE_TYPES`."""
        # Prompts that the reference rendered have their exemplars inside the text; their task has
        # one split per setting, named like it.
        if self.split in TEMPLATE_TYPES:
            return self.split
        shots = "fs" if self.exemplars else "zs"
        return f"{shots}_{'noopt' if self.format.options == 'nowhere' else 'opt'}"


class _Asked(NamedTuple):
    """What a prompt was rendered from, beside its task and its indices.

    Attributes:
        template: the question's.
        beside: the exemplars' templates, in turn; empty: the question's.
        format: the format that was asked for.
    """

    template: Template
    beside: tuple[Template, ...]
    format: Format


def render(
    task: Task,
    record: int,
    *,
    split: str = "train",
    template: Template | None = None,
    format: Format | None = None,
    exemplars: Iterable[int] = (),
    shots: int | None = None,
    beside: tuple[Template, ...] = (),
) -> Prompt:
    """Renders the prompt of one record.

    A zero-shot prompt is instruction and inputs. A few-shot prompt is the instruction, each
    exemplar's inputs and targets, then the record's inputs and the cue for its answer, in the order
    and with the separators of the format's layout.

    Args:
        task: the record's task.
        record: index into the task's `split`.
        split: name of the record's split.
        template: one of the task's templates; None: its first.
        format: layout and style of answer options; None: plain, with options if there are any.
        exemplars: indices into the task's `exemplar_split`.
        shots: number of exemplars to take from `exemplars`, leaving out those that repeat the
            record or each other; None: all of `exemplars`, as they are.
        beside: templates of the exemplars, in turn; empty: `template`.

    Raises:
        InputError: a record lacks a field that the template names.
    """
    template = template or load_templates(task.templates)[0]
    asked = _Asked(template, beside, format or plain())
    query = task.records(split)[record]
    chosen = _choose(task, template, query, exemplars, shots) if exemplars else ()
    return _render(task, record, split, asked, query, chosen)


def again(
    task: Task, prompt: Prompt, shots: int | None = None, record: Record | None = None
) -> Prompt:
    """The prompt rendered again, shorter.

    Args:
        task: the prompt's task.
        prompt: a prompt from `render`, or from here.
        shots: number of its first exemplars to keep; None: all.
        record: record to show in the place of the prompt's own, with fields cut; None: its own.
    """
    query = task.records(prompt.split)[prompt.record] if record is None else record
    records = task.records(task.exemplar_split) if prompt.exemplars else ()
    chosen = [(index, records[index]) for index in prompt.exemplars[:shots]]
    return _render(task, prompt.record, prompt.split, prompt.asked, query, chosen)


def _render(
    task: Task,
    record: int,
    split: str,
    asked: _Asked,
    query: Record,
    chosen: Sequence[tuple[int, Record]],
) -> Prompt:
    """Renders `query`, the record at `record` or a shorter form of it, after `chosen`."""
    template, form = asked.template, asked.format
    filled = _Filling(task, template, form)
    inputs, targets, used = filled.query(query, split, record)
    layout, styles = form.layout, []
    instruction = template.instruction and filled.part("instruction", query, "", split, record)
    before = [instruction, layout.gap] if instruction and layout.instruction == "before" else []
    after = [instruction, layout.gap] if instruction and layout.instruction == "after" else []
    if not chosen:
        parts = [*before, *after, inputs]
    else:
        separator = template.separator if layout.separator is None else layout.separator
        parts = before
        beside = [_Filling(task, one, form) for one in asked.beside] or [filled]
        for n, (index, exemplar) in enumerate(chosen):
            shown, style = beside[n % len(beside)].shown(exemplar, index)
            styles.append(style)
            parts += [_heading(layout, n + 1), shown, separator]
        # The cue ends without a space: targets are tokenized by themselves and begin with a word.
        parts += [*after, _heading(layout, len(chosen) + 1), inputs, template.answer.rstrip()]
    return Prompt(
        inputs="".join(parts),
        targets=targets,
        task=task.name,
        source=task.source,
        template=template.name,
        template_idx=template.index,
        split=split,
        record=record,
        exemplars=tuple(index for index, _ in chosen),
        format=filled.format_of(used, styles, split, "turns" in query),
        inverted=template.inverted,
        asked=asked,
    )


def _heading(layout: Layout, n: int) -> str:
    return layout.heading.format(n=n) if layout.heading else ""


class _Used(NamedTuple):
    """How a record was shown: the style of its list of options (None: no list), and its target."""

    style: OptionStyle | None
    target: Literal["text", "label"] = "text"


@functools.lru_cache(maxsize=4096)
def _named(pattern: str) -> frozenset[str]:
    return frozenset(fields_of(pattern))


@dataclass(slots=True)
class _Filling:
    """Fills a template's patterns from a task's records, in a format."""

    task: Task
    template: Template
    format: Format

    def part(self, part: str, record: Record, block: str, split: str, index: int) -> str:
        """The template's `inputs`, `targets` or `instruction`, filled from the record.

        `block` is the formatted list of options; `split` and `index` are for the error's sentence.
        """
        pattern = getattr(self.template, part)
        if part == "exemplar":
            # Some copies of a data set lack the explanations of its examples.
            lines = pattern.split("\n")
            pattern = "\n".join(line for line in lines if _named(line) <= record.keys())
        elif part == "inputs":
            if not block:
                pattern = self.template.without_options
            elif pattern.startswith("{options}"):
                block = block.lstrip("\n")
        if self.format.turns and "turns" in record and "dialogue" in _named(pattern):
            # The next turn's mark is the cue for it; what comes before a turn has none.
            cue = part == "inputs" and not self.template.inverted
            record = {**record, "dialogue": self.format.turns.text(record["turns"], cue)}
        try:
            return pattern.format_map({**record, "options": block})
        except KeyError as error:
            raise InputError(
                f"task '{self.task.name}', {split} record {index}, template "
                f"'{self.template.name}': the template names the field {error}, which the record "
                f"does not have (it has {', '.join(record)}); mend the record or the template"
            ) from None

    def query(self, record: Record, split: str, index: int) -> tuple[str, str, _Used]:
        """Inputs and targets of the record that is asked about."""
        return self._both(record, self.format.options == "prompt", split, index)

    def shown(self, record: Record, index: int) -> tuple[str, OptionStyle | None]:
        """An exemplar with its answer, and the style of its list of options."""
        split = self.task.exemplar_split
        if self.template.exemplar:
            return self.part("exemplar", record, "", split, index), None
        listed = self.format.options != "nowhere"
        inputs, targets, used = self._both(record, listed, split, index)
        return inputs + self.template.answer + targets, used.style

    def format_of(
        self,
        query: _Used,
        exemplars: Sequence[OptionStyle | None],
        split: str,
        dialog: bool,
    ) -> Format:
        """The format that the prompt has, which may be plainer than the one asked for."""
        first, turns = plain_style(), self.format.turns if dialog else None
        if self.task.rendered:
            # The list of options is inside the rendered text; the split's name says if it is there.
            options = "nowhere" if split.endswith("noopt") else "prompt"
            return Format(self.format.layout, first, options)
        shown = next((style for style in exemplars if style), None)
        options = "prompt" if query.style else "exemplars" if shown else "nowhere"
        style = query.style or shown or first
        return Format(self.format.layout, style, options, query.target, turns)

    def _both(self, record: Record, shown: bool, split: str, index: int) -> tuple[str, str, _Used]:
        options = record.get("options") if shown else None
        style = fitting(self.format.option_style, options) if options else None
        block = style.block(options) if style else ""
        inputs = self.part("inputs", record, block, split, index)
        listed = self._listed(style)
        labelled = listed and listed.labels and self.format.target == "label"
        if labelled and self.template.answers:
            lines, answer = options.split("\n"), record["answer"]
            # An answer that is no option, or listed twice, has no label of its own.
            if lines.count(answer) == 1:
                return inputs, listed.label(lines.index(answer)), _Used(listed, "label")
        return inputs, self.part("targets", record, block, split, index), _Used(listed)

    def _listed(self, style: OptionStyle | None) -> OptionStyle | None:
        """The style of the list that the filled template shows; None: it shows none."""
        named = _named(self.template.inputs)
        if style and "options" in named:
            return style
        # `{choices}` are part of the wording, in every setting.
        return plain_style() if "choices" in named else None


def _choose(
    task: Task, template: Template, query: Record, exemplars: Iterable[int], shots: int | None
) -> list[tuple[int, Record]]:
    """Indices and records of the exemplars; `shots` and `exemplars` as in `render`."""
    records = task.records(task.exemplar_split)
    # `render` is given its exemplars by index when a prompt is rendered again: they must stay.
    if shots is None:
        return [(index, records[index]) for index in exemplars]
    names, chosen = template.essential, []
    seen = [[*map(query.get, names)]]
    for index in exemplars:
        record = records[index]
        essence = [*map(record.get, names)]
        if essence not in seen:
            chosen.append((index, record))
            seen.append(essence)
        if len(chosen) == shots:
            break
    return chosen


def check_exemplars(task: Task, shots: int) -> None:
    """Raises InputError if `task` cannot give `shots` exemplars beside the record itself."""
    # A split of its own never holds the record itself; if it is small, fewer exemplars are drawn.
    if task.exemplar_split == "exemplars":
        return
    if "train" in task.splits and task.missing("train"):
        raise InputError(f"{task.missing('train')}, so there are no exemplars")
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


def exemplar_candidates(task: Task, key: int, exclude: int | None = None) -> Iterator[int]:
    """Yields up to 64 indices into the task's exemplars in a random order, never `exclude`."""
    # More than `FEW_SHOT` asks for, since some repeat the question; a limit, since a task that only
    # repeats itself must not be searched to its end.
    return itertools.islice(rng.draws(task.size(task.exemplar_split), key, exclude), 64)


def shorten(prompt: Prompt, task: Task, fits: Callable[[Prompt], bool]) -> Prompt:
    """Drops whole exemplars from the prompt's end until it `fits` or has none left."""
    while prompt.exemplars and not fits(prompt):
        prompt = again(task, prompt, shots=len(prompt.exemplars) - 1)
    return prompt
