"""Rules that make a record's fields from a row's columns, as a source's YAML file states them.

A field's rule is one of

- `PATH`: a column; dots lead into nested columns and lists (`question.stem`, `answers.text.0`);
- a list of texts: these lines, in every record;
- `{text: PATTERN}`: a pattern over the row's columns (`"{title}\\n{body}"`);
- `{from: PATH, labels: {...}}`: the text of a label; keys are compared as lower-cased text, so that
  `True`, `true` and `"True"` are one label;
- `{lines: PATH}`: a list's items, one per line; `{lines: [a, b]}`: these columns;
- `{list: PATH}`: a list's items, as a list in JSON: the accepted answers in the field `references`;
- `{pick: PATH, among: PATH, of: PATH}`: the text in `of` whose label in `among` is `pick`; without
  `among`, `pick` is its position (from 0, or from `base`).

A missing or empty value is bad input, unless `default` gives a text for it.

Converters of irregular rows take their columns with `text`, `texts` and the like, since Python
would take a text for a list of its characters.
"""

import contextlib
import json
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flanrepro.collection.task import Record
from flanrepro.errors import InputError
from flanrepro.raw.reading import listed, shown, sound

Converter = Callable[[Mapping[str, Any]], Sequence[Record]]
"""A function from a row to its records, for data sets too irregular for `Dataset.fields`."""

OTHER_SHAPE = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError)
"""What Python raises where a value is of another type than expected, or beyond a limit."""


class _Bad(Exception):
    """A fault in a row; becomes an `InputError` that says where."""


def record_of(fields: Mapping[str, Any], row: Mapping[str, Any], where: str) -> Record:
    """Makes a row's record.

    Args:
        fields: rule per record field, see the module.
        row: the row's columns.
        where: file and line of the row, for the error's sentence.

    Raises:
        InputError: a column is missing or empty, or a label is not one of those listed.
    """
    record = {}
    for name, rule in fields.items():
        try:
            value = _value(rule, row)
        except _Bad as problem:
            raise InputError(
                f"{where}: no value for the field '{name}' ({problem}); mend the file or replace it"
            ) from None
        if value is not None:
            record[name] = value
    return sound(record, where)


def records_of(convert: Converter, row: Mapping[str, Any], where: str) -> list[Record]:
    """Makes the records of an irregular row; `where` is its file and line.

    Raises:
        InputError: the row is not as the converter expects, or a field is empty.
    """
    with at(where):
        made = convert(row)
    made = [sound(record, where) for record in made]
    for record in made:
        for name, value in record.items():
            # Some annotators left the rationale out; its templates allow for that.
            if not value.strip() and name != "rationale":
                raise InputError(f"{where}: the field '{name}' is empty; mend or replace the file")
    return made


@contextlib.contextmanager
def at(where: str) -> Iterator[None]:
    """Makes an error within it an InputError that begins with `where`, a file and line."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    # Converters index a row freely; these errors say that it has another shape.
    except OTHER_SHAPE as error:
        raise InputError(
            f"{where}: the row is not as expected ({reason(error)}); mend the file or replace it"
        ) from None


def reason(error: Exception) -> str:
    """What an error of `OTHER_SHAPE` says, as part of a sentence."""
    return f"{type(error).__name__}: {shown(str(error))[1:-1]}"


def _value(rule: Any, row: Mapping[str, Any]) -> str | None:
    if isinstance(rule, str):
        return _full(_get(row, rule), rule)
    if isinstance(rule, list):
        return "\n".join(rule)
    try:
        # A rule has exactly one of these keys; its others are parameters.
        return next(made for key, made in _RULES.items() if key in rule)(rule, row)
    except _Bad:
        if "default" not in rule:
            raise
        return rule["default"]


def _get(row: Any, path: str) -> Any:
    value = row
    for part in path.split("."):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, Sequence) and not isinstance(value, str) and part.isdigit():
            if int(part) >= len(value):
                raise _Bad(f"'{path}': the list has {len(value)} items")
            value = value[int(part)]
        else:
            has = f"it has {listed(row)}" if isinstance(row, Mapping) else "no columns"
            raise _Bad(f"there is no column '{path}': {has}")
    return value


def _full(value: Any, path: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise _Bad(f"column '{path}' holds {type(value).__name__}, expected text or a number")
    if not (text := label(value)):
        raise _Bad(f"column '{path}' is empty")
    return text


def line(text: str) -> str:
    """Joins a text's lines: an answer option must be one line."""
    return " ".join(text.split())


def text(row: Any, path: str, empty: str | None = None) -> str:
    """The text of a column; `empty`, if given, where the column has no value (None).

    Raises:
        InputError: the column is missing or holds no text.
    """
    value = _column(row, path)
    value = empty if value is None else value
    return value if isinstance(value, str) else _refuse(path, value, "a text")


def optional(row: Mapping[str, Any], column: str) -> str:
    """The text of a column that rows may lack, empty if they do; InputError if it is no text."""
    return text(row, column, "") if column in row else ""


def texts(row: Any, path: str) -> list[str]:
    """The texts of a column's list; InputError if it is missing or no list of texts."""
    return _items(row, path, str, "a list of texts")


def lists(row: Any, path: str) -> list[list]:
    """The lists of a column's list; InputError if it is missing or no list of lists."""
    return _items(row, path, list, "a list of lists")


def objects(row: Any, path: str) -> list[Mapping[str, Any]]:
    """The objects of a column's list; InputError if it is missing or no list of objects."""
    return _items(row, path, dict, "a list of objects")


def _items(row: Any, path: str, kind: type, expected: str) -> list:
    values = _column(row, path)
    good = isinstance(values, list) and all(isinstance(value, kind) for value in values)
    return values if good else _refuse(path, values, expected)


def _column(row: Any, path: str) -> Any:
    try:
        return _get(row, path)
    except _Bad as problem:
        raise InputError(f"{problem}; mend the file or replace it") from None


def _refuse(path: str, value: Any, expected: str):
    found = "a list of other things" if isinstance(value, list) else shown(value)
    raise InputError(
        f"the column '{path}' holds {found}, expected {expected}; mend the file or replace it"
    )


def _pattern(rule: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    # `format_map` would let an empty value pass, and write None as text.
    for _, column, _, _ in string.Formatter().parse(rule["text"]):
        if column is not None:
            _full(_get(row, column), column)
    return rule["text"].format_map(row).strip()


def label(value: Any) -> str:
    """A label as text: a whole number has no `.0`, which tables write where a value is missing."""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value).strip()


def _label(rule: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    value = _get(row, rule["from"])
    if "labels" not in rule:
        return _full(value, rule["from"])
    # YAML reads the keys `true` and `1` as a truth value and a number; rows may hold texts.
    labels = {str(key).lower(): text for key, text in rule["labels"].items()}
    key = label(value).lower()
    if key not in labels:
        raise _Bad(f"{shown(value)} in column '{rule['from']}' is none of {', '.join(labels)}")
    return labels[key]


def _lines(rule: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    texts = [line(text) for text in _list(row, rule["lines"])]
    if not texts:
        raise _Bad(f"the list '{rule['lines']}' is empty")
    return "\n".join(texts)


def _json_list(rule: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    return json.dumps(list(dict.fromkeys(_list(row, rule["list"]))), ensure_ascii=False)


def _list(row: Mapping[str, Any], path: str | list[str]) -> list[str]:
    if isinstance(path, list):
        return [_full(_get(row, column), column) for column in path]
    value = _get(row, path)
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise _Bad(f"column '{path}' holds {type(value).__name__}, expected a list")
    return [_full(one, path) for one in value]


def _pick(rule: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    key, choices = _get(row, rule["pick"]), _list(row, rule["of"])
    if "among" in rule:
        labels = _list(row, rule["among"])
    else:
        labels = [str(i + rule.get("base", 0)) for i in range(len(choices))]
    if len(labels) != len(choices):
        raise _Bad(f"{len(labels)} labels in '{rule['among']}' for {len(choices)} texts")
    found = {text for one, text in zip(labels, choices, strict=True) if one == label(key)}
    # Equal labels are one if their texts are.
    if len(found) != 1:
        raise _Bad(
            f"{shown(key)} in column '{rule['pick']}' is {'several' if found else 'none'} of "
            f"{listed(labels)}"
        )
    return line(*found)


_RULES = {"text": _pattern, "from": _label, "lines": _lines, "list": _json_list, "pick": _pick}
