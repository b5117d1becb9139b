"""A dataclass's table of fields, a row each: its check, its documentation and its help.

@described
@dataclass(frozen=True)
class Spec:
    steps: Annotated[int, Is("number of updates", 0, 1000)] = 10

    def __post_init__(self):
        check(self)
"""

import dataclasses
import functools
import textwrap
import types
import typing
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from flanrepro.errors import InputError

LONGEST = 4096
"""Most characters of a text: a path has no more."""


@dataclass(frozen=True)
class Is:
    """What a field means and may hold, beside its type.

    Attributes:
        meaning: text for people, with its unit.
        least, most: bounds of a number; of a text `most` is the number of characters; None: none.
        above, below: bounds that a number does not reach; None: none.
        choices: valid texts, or a function that gives them; empty: any.
    """

    meaning: str
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] | Callable[[], tuple[str, ...]] = ()

    def valid(self) -> tuple[str, ...]:
        """The valid texts; empty: any."""
        return self.choices() if callable(self.choices) else self.choices

    def holds(self, number: float) -> bool:
        """True if a number keeps the bounds, which NaN never does."""
        low, above = (-np.inf if x is None else x for x in (self.least, self.above))
        most, below = (np.inf if x is None else x for x in (self.most, self.below))
        return low <= number <= most and above < number < below


class Row(NamedTuple):
    """A field: its name, type (`int`, `float`, `bool`, `str`, or `tuple` for texts), rule, default.

    `optional` is true if it may be None; `default` is `dataclasses.MISSING` if it has none.
    """

    name: str
    kind: type
    optional: bool
    rule: Is
    default: Any


@functools.cache
def table(spec: type) -> tuple[Row, ...]:
    """The rows of a dataclass whose fields are all `Annotated[type, Is(...)]`."""
    hints, rows = typing.get_type_hints(spec, include_extras=True), []
    for field in dataclasses.fields(spec):
        kind, rule = typing.get_args(hints[field.name])
        parts = typing.get_args(kind)  # of `int | None`, or of `tuple[str, ...]`
        optional = types.NoneType in parts
        kind = tuple if typing.get_origin(kind) is tuple else kind
        kind = parts[0] if optional else kind
        rows.append(Row(field.name, kind, optional, rule, field.default))
    return tuple(rows)


def check(spec: Any) -> None:
    """Puts each field's value in its one form, so that equal values are the same; else InputError.

    Whole numbers become floats where a float is expected, NumPy's scalars Python's, lists tuples.
    True is no number, and 4.0 no whole one.
    """
    for row in table(type(spec)):
        given = getattr(spec, row.name)
        object.__setattr__(spec, row.name, _canonical(row, given))


def _canonical(row: Row, given: Any) -> Any:
    value = given.item() if isinstance(given, np.generic) else given
    if value is None and row.optional:
        return None
    if row.kind is float and type(value) is int and abs(value) < 2**1000:
        value = float(value)
    elif row.kind is tuple and isinstance(value, list):
        value = tuple(value)
    right = isinstance(value, row.kind) and (row.kind is bool or not isinstance(value, bool))
    if right and row.kind in (int, float):
        right = row.rule.holds(value)
    elif right and row.kind in (str, tuple):
        texts = (value,) if row.kind is str else value
        right = all(isinstance(text, str) and _is_line(text, row.rule.most) for text in texts)
    valid = row.rule.valid()
    if right and valid and value not in valid:
        names = ", ".join(name for name in valid if name)
        raise InputError(f"unknown {row.name} {shown(value)}: choose one of {names}")
    if not right:
        raise InputError(f"{row.name} is {shown(given)}: expected {expected(row)}")
    if row.kind is tuple:
        return tuple(map(str, value))
    # -0.0 and 0.0 are equal and have two texts.
    return row.kind(value) + 0.0 if row.kind is float else row.kind(value)


def _is_line(text: str, most: float | None) -> bool:
    """True if a text can be printed on a line and written to a file."""
    breaks = ("Cc", "Cs", "Zl", "Zp")  # control characters, halves of characters, ends of lines
    return len(text) <= (most or LONGEST) and not any(
        unicodedata.category(character) in breaks for character in text
    )


def shown(value: Any, most: int = 60) -> str:
    """A value's `repr` on one line, cut after `most` characters."""
    try:
        text = " ".join(repr(value).split())
    except (
        Exception
    ):  # Python writes no int of more than 4,300 digits; another class may do anything
        text = f"a {type(value).__name__} that cannot be written"
    return text if len(text) <= most else f"{text[:most]}..."


def expected(row: Row) -> str:
    """What a field may hold, in words."""
    rule, kinds = row.rule, {bool: "true or false", int: "a whole number", float: "a number"}
    if row.kind is str:
        names = [name for name in rule.valid() if name]
        line = f"a line of at most {rule.most or LONGEST:,} characters"
        words = f"one of {', '.join(names)}" if names else line
    elif row.kind is tuple:
        words = "a list of lines of text"
    else:
        words = kinds[row.kind] + _bounds(rule)
    return f"{words}, or nothing" if row.optional else words


def _bounds(rule: Is) -> str:
    bounds = {"": rule.least, "above ": rule.above}, {"": rule.most, "below ": rule.below}
    low, high = (
        next((f"{word}{_number(x)}" for word, x in side.items() if x is not None), "")
        for side in bounds
    )
    if not high:
        return f", {low} or more" if low else ""
    return f", {low} to {high}" if low else f", {high} at most"


def _number(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"


def lines(spec: type) -> list[str]:
    """The table for people, a line per field: name, what it may hold, default, meaning."""
    return [_line(row) for row in table(spec)]


def _line(row: Row) -> str:
    default = "" if row.default is dataclasses.MISSING else f" = {row.default!r}"
    return f"{row.name}: {expected(row)}{default}  {row.rule.meaning}"


def described(spec: type) -> type:
    """Adds the table to a dataclass's docstring, so that `help` shows what the check reads."""
    # A function's choices may be in a file, which an import need not read.
    early = [
        row._replace(rule=dataclasses.replace(row.rule, choices=()))
        if callable(row.rule.choices)
        else row
        for row in table(spec)
    ]
    wrap = functools.partial(textwrap.fill, width=100, subsequent_indent=" " * 12)
    glosses = "\n".join(wrap(f"        {_line(row)}") for row in early)
    spec.__doc__ = f"{(spec.__doc__ or '').rstrip()}\n\n    Attributes:\n{glosses}\n    "
    return spec


def make(spec: type, **values: Any) -> Any:
    """Makes a dataclass from fields by name; InputError if one is unknown or missing."""
    rows = table(spec)
    known = [row.name for row in rows]
    if unknown := [name for name in values if name not in known]:
        raise InputError(
            f"{spec.__name__} has no field {shown(unknown[0])}: it has {', '.join(known)}"
        )
    needed = [row.name for row in rows if row.default is dataclasses.MISSING]
    if missing := [name for name in needed if name not in values]:
        raise InputError(f"{spec.__name__} lacks {', '.join(missing)}: give a value for each")
    return spec(**values)
