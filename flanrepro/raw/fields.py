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
"""

import json
import string
from collections.abc import Mapping, Sequence
from typing import Any

from flanrepro.collection.task import Record
from flanrepro.errors import InputError


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
    return record


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
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, Sequence) and not isinstance(value, str) and part.isdigit():
            if int(part) >= len(value):
                raise _Bad(f"'{path}': the list has {len(value)} items")
            value = value[int(part)]
        else:
            has = f"it has {', '.join(map(str, row))}" if isinstance(row, Mapping) else "no columns"
            raise _Bad(f"there is no column '{path}': {has}")
    return value


def _full(value: Any, path: str) -> str:
    if value is None or isinstance(value, (Mapping, list, tuple)):
        raise _Bad(f"column '{path}' holds {type(value).__name__}, expected text or a number")
    text = str(value).strip()
    if not text:
        raise _Bad(f"column '{path}' is empty")
    return text


def line(text: Any) -> str:
    """Joins a text's lines: an answer option must be one line."""
    return " ".join(str(text).split())


def _pattern(rule: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    # `format_map` would let an empty value pass, and write None as text.
    for _, column, _, _ in string.Formatter().parse(rule["text"]):
        if column is not None:
            _full(_get(row, column), column)
    return rule["text"].format_map(row).strip()


def _label(rule: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    value = _get(row, rule["from"])
    if "labels" not in rule:
        return _full(value, rule["from"])
    # YAML reads the keys `true` and `1` as a truth value and a number; rows may hold texts.
    labels = {str(key).lower(): text for key, text in rule["labels"].items()}
    key = str(value).strip().lower()
    if key not in labels:
        raise _Bad(f"'{value}' in column '{rule['from']}' is none of {', '.join(labels)}")
    return labels[key]


def _lines(rule: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    texts = [line(_full(text, str(rule["lines"]))) for text in _list(row, rule["lines"])]
    if not texts:
        raise _Bad(f"the list '{rule['lines']}' is empty")
    return "\n".join(texts)


def _json_list(rule: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    texts = [_full(text, rule["list"]) for text in _list(row, rule["list"])]
    return json.dumps(list(dict.fromkeys(texts)), ensure_ascii=False)


def _list(row: Mapping[str, Any], path: str | list[str]) -> list[Any]:
    if isinstance(path, list):
        return [_full(_get(row, column), column) for column in path]
    value = _get(row, path)
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise _Bad(f"column '{path}' holds {type(value).__name__}, expected a list")
    return list(value)


def _pick(rule: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    key, texts = _get(row, rule["pick"]), _list(row, rule["of"])
    if "among" in rule:
        labels = [str(label).strip() for label in _list(row, rule["among"])]
    else:
        labels = [str(i + rule.get("base", 0)) for i in range(len(texts))]
    position = labels.index(str(key).strip()) if str(key).strip() in labels else len(texts)
    # Also where there are more labels than texts.
    if position >= len(texts):
        raise _Bad(f"'{key}' in column '{rule['pick']}' is none of {', '.join(labels)}")
    return line(_full(texts[position], str(rule["of"])))


_RULES = {"text": _pattern, "from": _label, "lines": _lines, "list": _json_list, "pick": _pick}
