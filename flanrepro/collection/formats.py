"""Prompt formats: layout, list of answer options and text of a dialog, apart from the wording.

The wording is in `flanrepro.collection.templates`. Section 3.6 of the paper names what varies; the
grammars of `formats.yaml` follow the structure of the reference.
"""

import functools
import json
import string
from dataclasses import dataclass
from typing import Any, Literal

from flanrepro.packaged import read_yaml

_ROMAN = (
    "i ii iii iv v vi vii viii ix x xi xii xiii xiv xv xvi xvii xviii xix xx xxi xxii xxiii xxiv "
    "xxv xxvi"
).split()

# 26 labels of every kind: from the 27th option on, `OptionStyle.label` gives numbers.
_LABELS = {
    "upper": string.ascii_uppercase,
    "lower": string.ascii_lowercase,
    "numbers": tuple(str(n) for n in range(1, 27)),
    "roman": tuple(_ROMAN),
    "upper_roman": tuple(name.upper() for name in _ROMAN),
}
Labels = Literal["upper", "lower", "numbers", "roman", "upper_roman"]


@dataclass(frozen=True)
class Layout:
    """A row of `layouts` in `formats.yaml`: the order and spacing of a prompt's parts.

    Attributes:
        name: identifier, part of a prompt's provenance.
        instruction: position relative to the exemplars.
        gap: text after the instruction.
        separator: text between exemplars; None: the template's own.
        heading: pattern before each exemplar and the query; `{n}` counts them from 1.
    """

    name: str
    instruction: Literal["before", "after"]
    gap: str
    separator: str | None = None
    heading: str = ""


@dataclass(frozen=True)
class OptionStyle:
    """How answer options are listed.

    Attributes:
        name: identifier, part of a prompt's provenance.
        heading: text before the list.
        item: pattern of one option, with `{text}` and, where there are labels, `{label}`.
        between: text between options.
        labels: kind of label; None: options have none, and `label` must not be called.
    """

    name: str
    heading: str
    item: str
    between: str
    labels: Labels | None = None

    def label(self, position: int) -> str:
        """The label of the option at `position`, counted from 0, as the list prints it: `(B).`."""
        before, _, _ = self.item.partition("{text}")
        return before.format(label=self._name(position)).strip()

    def _name(self, position: int) -> str:
        # ReCoRD lists more entities than the alphabet has letters.
        names = _LABELS[self.labels]
        return names[position] if position < len(names) else str(position + 1)

    def block(self, options: str) -> str:
        """Lists `options` (one per line) below the heading."""
        return _block(self, options)


# Most tasks show the same few options in every record (yes and no, entailment labels).
@functools.lru_cache(maxsize=1024)
def _block(style: OptionStyle, options: str) -> str:
    lines = options.split("\n")
    labels = map(style._name, range(len(lines))) if style.labels else lines
    items = [
        style.item.format(label=label, text=text) for label, text in zip(labels, lines, strict=True)
    ]
    return style.heading + style.between.join(items)


@dataclass(frozen=True)
class TurnStyle:
    """How the turns of a dialog are listed.

    Attributes:
        name: identifier, part of a prompt's provenance.
        heading: text before the first turn.
        marks: texts before the turns of the first and the second speaker, in turn.
        end: text after each turn.
    """

    name: str
    heading: str
    marks: tuple[str, str]
    end: str

    def text(self, turns: str, cue: bool) -> str:
        """Lists `turns`, a list in JSON; `cue` adds the mark of the turn that comes next."""
        lines = json.loads(turns)
        said = [f"{self.marks[i % 2]}{turn}{self.end}" for i, turn in enumerate(lines)]
        after = self.marks[len(lines) % 2].rstrip(" ") if cue else ""
        return (self.heading + "".join(said) + after).lstrip("\n")


@dataclass(frozen=True)
class Format:
    """A prompt's format, part of its provenance.

    Attributes:
        layout: a row of `formats.yaml`.
        option_style: how options are listed.
        options: place of the answer options: the `prompt` and its exemplars, the `exemplars`
            alone, or `nowhere`.
        target: form of the answer: the option's `text` or its `label`.
        turns: how a dialog is written; None: as the record has it.
    """

    layout: Layout
    option_style: OptionStyle
    options: Literal["prompt", "exemplars", "nowhere"] = "prompt"
    target: Literal["text", "label"] = "text"
    turns: TurnStyle | None = None


@functools.cache
def _rows() -> dict[str, Any]:
    return read_yaml("flanrepro.collection", "formats")


@functools.cache
def layouts() -> tuple[Layout, ...]:
    """Reads the layouts; the first one is the plain one."""
    return tuple(Layout(**row) for row in _rows()["layouts"])


@functools.cache
def plain_style() -> OptionStyle:
    """The plain list of answer options, which suites and few-shot prompts use."""
    return OptionStyle(**_rows()["plain_list"])


@dataclass(frozen=True)
class _Mark:
    lead: str
    pattern: str
    labels: Labels | None = None


@functools.cache
def _option_marks() -> tuple[_Mark, ...]:
    """The marks of option lists, each as often as it is drawn."""
    marks = []
    for row in _rows()["option_lists"]["marks"]:
        for lead in row["leads"]:
            for pattern in row["patterns"]:
                for labels in row.get("labels", (None,)):
                    marks += [_Mark(lead, pattern, labels)] * row.get("weight", 1)
    return tuple(marks)


def number_of_option_styles() -> int:
    """Number of draws of `option_style`: headings by marks, by their weight, by ends."""
    lists = _rows()["option_lists"]
    return len(lists["headings"]) * len(_option_marks()) * len(lists["ends"])


@functools.cache
def option_style(draw: int) -> OptionStyle:
    """The style of the draw-th combination of heading, mark and end."""
    lists = _rows()["option_lists"]
    draw, h = divmod(draw, len(lists["headings"]))
    m, e = divmod(draw, len(lists["ends"]))
    heading, mark, end = lists["headings"][h], _option_marks()[m], lists["ends"][e]
    # Without a heading the first mark's own line break begins the list.
    first = "" if not heading and mark.lead.startswith("\n") else "\n"
    shown = (mark.lead + mark.pattern).replace("\n", "|").format(label=mark.labels or "")
    return OptionStyle(
        name=f"{heading} /{shown}/ {end}".strip(),
        heading=first + heading + mark.lead if heading else first + mark.lead.lstrip(" "),
        item=f"{mark.pattern}{{text}}{end}",
        between=mark.lead,
        labels=mark.labels,
    )


@functools.cache
def _turn_marks() -> tuple[tuple[str, str], ...]:
    rows = _rows()["dialogs"]
    same = [
        (lead + pattern,) * 2
        for row in rows["bullets"]
        for lead in row["leads"]
        for pattern in row["patterns"]
    ]
    pairs = [
        tuple(row["pattern"].format(name=name) for name in names)
        for row in rows["speakers"]
        for names in row["names"]
    ]
    return (*same, *pairs)


def number_of_turn_styles() -> int:
    """Number of draws of `turn_style`: headings by marks by ends."""
    rows = _rows()["dialogs"]
    return len(rows["headings"]) * len(_turn_marks()) * len(rows["ends"])


@functools.cache
def turn_style(draw: int) -> TurnStyle:
    """The style of the draw-th combination of heading, marks and end."""
    rows = _rows()["dialogs"]
    draw, h = divmod(draw, len(rows["headings"]))
    m, e = divmod(draw, len(rows["ends"]))
    heading, marks, end = rows["headings"][h], _turn_marks()[m], rows["ends"][e]
    shown = " ".join(marks).replace("\n", "|")
    return TurnStyle(f"{heading} /{shown}/ {end}".strip(), heading, marks, end)


@functools.lru_cache(maxsize=1024)
def fitting(style: OptionStyle, options: str) -> OptionStyle:
    """The style, or the plain one if every option is as short as a label.

    In `1. 0, 2. 1, 3. 2` the answer 1 could be a label or an option.
    """
    # Labels have one or two characters.
    confusing = style.labels and all(len(text) <= 2 for text in options.split("\n"))
    return plain_style() if confusing else style


@functools.cache
def plain(options: Literal["prompt", "exemplars", "nowhere"] = "prompt") -> Format:
    """The plain format, which suites and the pocket collection use."""
    return Format(layouts()[0], plain_style(), options)
