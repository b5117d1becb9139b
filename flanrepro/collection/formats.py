"""How a prompt is laid out, apart from its wording: data in `formats.yaml`."""

import functools
import string
from dataclasses import dataclass
from typing import Literal

from flanrepro.packaged import read_yaml

_LABELS = {
    "upper": string.ascii_uppercase,
    "lower": string.ascii_lowercase,
    "numbers": tuple(str(n) for n in range(1, 27)),
}


@dataclass(frozen=True)
class Layout:
    """Where the instruction stands and what parts exemplars; `separator` None: the template's."""

    name: str
    instruction: Literal["before", "after"]
    gap: str
    separator: str | None = None
    heading: str = ""


@dataclass(frozen=True)
class OptionStyle:
    """How answer options are listed."""

    name: str
    heading: str
    item: str
    between: str
    labels: Literal["upper", "lower", "numbers"] | None = None

    def label(self, position: int) -> str:
        """The label of the option at `position`, from 0, as it stands in the list."""
        # More options than letters (ReCoRD's entities) count on as AA, AB ... do: as numbers.
        names = _LABELS[self.labels]
        return names[position] if position < len(names) else str(position + 1)

    def block(self, options: str) -> str:
        """The list of options, with its heading; `options` has one per line."""
        return _block(self, options)


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
        layout, option_style: see `formats.yaml`.
        options: where answer options are shown: in the `prompt` (and its exemplars), in the
            `exemplars` only, or `nowhere`.
        target: the answer as `text` of the option or as its `label`.
    """

    layout: Layout
    option_style: OptionStyle
    options: Literal["prompt", "exemplars", "nowhere"] = "prompt"
    target: Literal["text", "label"] = "text"


@functools.cache
def load_formats() -> tuple[tuple[Layout, ...], tuple[OptionStyle, ...]]:
    """All layouts and all option styles; the first of each is the plain one."""
    rows = read_yaml("flanrepro.collection", "formats")
    layouts = tuple(Layout(**row) for row in rows["layouts"])
    return layouts, tuple(OptionStyle(**row) for row in rows["option_styles"])


@functools.lru_cache(maxsize=1024)
def fitting(style: OptionStyle, options: str) -> OptionStyle:
    """The style, or the plain one where labels would be taken for options: 1. 0, 2. 1, 3. 2."""
    confusing = style.labels and all(len(text) <= 2 for text in options.split("\n"))
    return load_formats()[1][0] if confusing else style


@functools.cache
def plain(options: Literal["prompt", "exemplars", "nowhere"] = "prompt") -> Format:
    """The format of suites and of the pocket collection."""
    layouts, styles = load_formats()
    return Format(layouts[0], styles[0], options)
