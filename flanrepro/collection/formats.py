"""Prompt formats: layout and list of answer options, apart from the wording (section 3.6)."""

import functools
import string
from dataclasses import dataclass
from typing import Literal

from flanrepro.packaged import read_yaml

# 26 labels of every kind: from the 27th option on, `OptionStyle.label` gives numbers.
_LABELS = {
    "upper": string.ascii_uppercase,
    "lower": string.ascii_lowercase,
    "numbers": tuple(str(n) for n in range(1, 27)),
}


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
    """A row of `option_styles` in `formats.yaml`: how answer options are listed.

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
    labels: Literal["upper", "lower", "numbers"] | None = None

    def label(self, position: int) -> str:
        """The label of the option at `position`, counted from 0."""
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
    labels = map(style.label, range(len(lines))) if style.labels else lines
    items = [
        style.item.format(label=label, text=text) for label, text in zip(labels, lines, strict=True)
    ]
    return style.heading + style.between.join(items)


@dataclass(frozen=True)
class Format:
    """A prompt's format, part of its provenance.

    Attributes:
        layout, option_style: rows of `formats.yaml`.
        options: place of the answer options: the `prompt` and its exemplars, the `exemplars`
            alone, or `nowhere`.
        target: form of the answer: the option's `text` or its `label`.
    """

    layout: Layout
    option_style: OptionStyle
    options: Literal["prompt", "exemplars", "nowhere"] = "prompt"
    target: Literal["text", "label"] = "text"


@functools.cache
def load_formats() -> tuple[tuple[Layout, ...], tuple[OptionStyle, ...]]:
    """Reads all layouts and all option styles; the first of each is the plain one."""
    rows = read_yaml("flanrepro.collection", "formats")
    layouts = tuple(Layout(**row) for row in rows["layouts"])
    return layouts, tuple(OptionStyle(**row) for row in rows["option_styles"])


@functools.lru_cache(maxsize=1024)
def fitting(style: OptionStyle, options: str) -> OptionStyle:
    """The style, or the plain one if every option is as short as a label.

    In `1. 0, 2. 1, 3. 2` the answer 1 could be a label or an option.
    """
    # Labels have one or two characters.
    confusing = style.labels and all(len(text) <= 2 for text in options.split("\n"))
    return load_formats()[1][0] if confusing else style


@functools.cache
def plain(options: Literal["prompt", "exemplars", "nowhere"] = "prompt") -> Format:
    """The plain format, which suites and the pocket collection use."""
    layouts, styles = load_formats()
    return Format(layouts[0], styles[0], options)
