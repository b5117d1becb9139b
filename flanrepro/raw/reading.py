"""Readers of text, JSON and tables whose errors name the line or record: the rules for all layouts.

- A file is UTF-8. Byte-order marks (U+FEFF) are taken out, at its start and elsewhere: publishers'
  texts have some, and nobody sees them.
- Every line is a row: a blank one, or one with more or fewer columns, is bad input. In a table with
  quoted cells a row may have several lines, and each quotation mark must close.
- JSON has no key twice. `NaN` and `Infinity` are no values: they are read as missing (None).
- A text has neither U+0000 nor half of a surrogate pair. Other characters stay.

Nothing here knows a data set: `flanrepro.raw.parsers` has the layouts of whole files.
"""

import contextlib
import csv
import io
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flanrepro.errors import InputError
from flanrepro.raw.files import unreadable

# The default limit is 131,072 characters per cell, and holds for the whole process. A news article
# with its comments or a Wikipedia page is longer.
csv.field_size_limit(1 << 30)

MARK = "\ufeff"


def shown(value: Any) -> str:
    """A value from a file as part of a sentence: on one line, short, in quotation marks."""
    if not isinstance(value, (str, int, float, type(None))):
        return f"a {type(value).__name__}"
    # Before its digits are written: Python refuses to write more than 4,300.
    if isinstance(value, int) and abs(value) > 10**60:
        return "a number of more than 60 digits"
    text = str(value)
    return repr(text if len(text) <= 60 else text[:57] + "...")


def listed(names: Any) -> str:
    """Names from a file as part of a sentence, the first 20 of them."""
    names = list(names)
    rest = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(shown(name)[1:-1] for name in names[:20]) + rest


def sound(record: Mapping[str, str], where: str) -> Mapping[str, str]:
    """Returns a record without byte-order marks; InputError if a field is no text or a broken one.

    `where` is the file and line for the error's sentence.
    """
    try:
        whole = "".join(record.values())
    except TypeError:
        name = next(name for name, text in record.items() if not isinstance(text, str))
        raise InputError(
            f"{where}: the field '{name}' is {shown(record[name])}, expected a text; mend the file "
            f"or replace it"
        ) from None
    if "\0" in whole or not _encodable(whole):
        name = next(n for n, text in record.items() if "\0" in text or not _encodable(text))
        raise InputError(
            f"{where}: the field '{name}' has a character that no text has (U+0000 or half of a "
            f"surrogate pair); mend the file or replace it"
        )
    # JSON writes a mark as an escape, too.
    marked = MARK in whole
    return {name: text.replace(MARK, "") for name, text in record.items()} if marked else record


def _encodable(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def read_text(path: Path) -> str:
    """Reads a UTF-8 file, without byte-order marks and with its line ends as they are.

    Raises:
        InputError: the file cannot be read, or a line (named) is not UTF-8.
    """
    try:
        return path.read_bytes().decode().replace(MARK, "")
    except OSError as error:
        raise unreadable(path, error) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}, line {line}: not UTF-8 ({error.reason}); expected UTF-8 text, so save the "
            f"file again in that encoding or replace it"
        ) from None


def read_lines(path: Path) -> list[str]:
    """Reads the lines of a UTF-8 file, which end in a line feed or in CR and line feed."""
    # Records hold U+2028, U+0085 and the like, which str.splitlines takes for line ends.
    lines = read_text(path).replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


class _Twice(Exception):
    """A key that an object has twice."""


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # A decoder without this keeps the last of two equal keys and drops the first in silence.
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Twice(f"the field {shown(twice)} occurs twice in an object")
    return made


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def without_nan(value: Any) -> Any:
    """A value of a column with its numbers that are none (NaN, infinity) as None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: without_nan(one) for name, one in value.items()}
    return [without_nan(one) for one in value] if isinstance(value, list) else value


_DECODER = json.JSONDecoder(
    object_pairs_hook=_distinct, parse_constant=lambda _: None, parse_float=_finite
)


def parse_json(text: str, where: str) -> Any:
    """Reads JSON; `NaN`, `Infinity` and numbers beyond a float's range are None.

    Args:
        text: the JSON.
        where: file and line for the error's sentence; `{line}` in it is the line within `text`.

    Raises:
        InputError: it is no JSON, an object has a key twice, or Python cannot hold it.
    """
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        what, at = f"not JSON ({error.msg}, column {error.colno})", error.pos
    except _Twice as error:
        what, at = str(error), _end_of_bad_object(text)
    except (ValueError, RecursionError) as error:
        # Python limits the digits of a whole number and the depth of nested lists.
        what = "a number of more than 4,300 digits"
        what = "lists or objects nested too deep" if isinstance(error, RecursionError) else what
        found = _BEYOND.search(text)
        at = found.start() if found else 0
    where = where.replace("{line}", str(text.count("\n", 0, at) + 1))
    raise InputError(f"{where}: {what}; mend the line or replace the file")


_BEYOND = re.compile(r'\d{4300}|(?:[\[{]\s*(?:"[^"]*"\s*:\s*)?){200}')


def _end_of_bad_object(text: str) -> int:
    """Position behind the first object that has a key twice."""
    whole = itertools.count()

    def counted(pairs):
        _distinct(pairs)
        next(whole)

    with contextlib.suppress(_Twice):
        json.loads(text, object_pairs_hook=counted)
    # Objects are made in the order in which they end; a brace in a text ends none.
    ends = (m.end() for m in re.finditer(r'"(?:[^"\\]|\\.)*"|}', text) if m[0] == "}")
    return next(itertools.islice(ends, next(whole), None))


def _check(record: Any, fields: Sequence[str], where: str) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise InputError(
            f"{where}: expected a JSON object, found {type(record).__name__}; mend the file or "
            f"replace it"
        )
    for name in fields:
        value = record
        for part in name.split("."):
            if not isinstance(value, dict) or part not in value:
                raise InputError(
                    f"{where}: the record has no field '{name}' (it has {listed(record)}); mend "
                    f"the file or replace it"
                )
            value = value[part]
    return record


def read_jsonl(path: Path, fields: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Reads a file of one JSON object per line.

    Args:
        path: UTF-8 file.
        fields: names of the fields that every record must have; `question.stem` is nested.

    Raises:
        InputError: a line is no JSON object or lacks a field.
    """
    lines = enumerate(read_lines(path), 1)
    return [json_line(text, path, number, fields) for number, text in lines]


def json_line(
    line: str | bytes, path: Path, number: int, fields: Sequence[str] = ()
) -> dict[str, Any]:
    """Reads the line `number` of a file, one JSON object; see `read_jsonl`."""
    where = f"{path}, line {number}"
    try:
        text = line if isinstance(line, str) else line.decode().replace(MARK, "")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{where}: not UTF-8 ({error.reason}); mend the line or replace the file"
        ) from None
    return _check(parse_json(text, where), fields, where)


def _whole(path: Path) -> Any:
    return parse_json(read_text(path), f"{path}, line {{line}}")


def read_json(path: Path, fields: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Reads a file that is one JSON list of objects; `fields` as in `read_jsonl`.

    Raises:
        InputError: the file is no such list or a record lacks a field. The sentence gives the
            record's number, from 1, since its line is unknown.
    """
    records = _whole(path)
    if not isinstance(records, list):
        raise InputError(
            f"{path}: expected a JSON list of records, found {type(records).__name__}; replace the "
            f"file"
        )
    return [
        _check(record, fields, f"{path}, record {number}")
        for number, record in enumerate(records, 1)
    ]


def read_json_object(path: Path, fields: Sequence[str] = ()) -> dict[str, Any]:
    """Reads a file that is one JSON object; `fields` as in `read_jsonl`.

    Raises:
        InputError: the file is no JSON object, lacks a field or has one twice.
    """
    return _check(_whole(path), fields, str(path))


def read_tsv(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Reads a tab-separated file without header and without quoting.

    Args:
        path: UTF-8 file.
        columns: names of its columns, in order.

    Raises:
        InputError: a row has more or fewer columns.
    """
    records = []
    # Not the csv module: in these files a quotation mark is text, and a line end never is.
    for number, text in enumerate(read_lines(path), 1):
        cells = text.split("\t")
        if len(cells) != len(columns):
            raise InputError(
                f"{path}, line {number}: {len(cells)} tab-separated columns, expected "
                f"{len(columns)} ({', '.join(columns)}); mend the line or replace the file"
            )
        records.append(dict(zip(columns, cells, strict=True)))
    return records


def read_table(path: Path, **dialect) -> Iterator[tuple[str, list[str]]]:
    """Yields (where, cells) of a file of rows with quoted cells; `dialect` as in `csv.reader`.

    Raises:
        InputError: a quotation mark does not close, or stands within a cell of another kind.
    """
    # newline="" leaves line ends inside quotes as they are. Not strict, a quotation mark that never
    # closes takes in all the rows behind it.
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True, **dialect)
    try:
        for cells in reader:
            yield f"{path}, line {reader.line_num}", cells
    except csv.Error as error:
        raise InputError(
            f"{path}, line {reader.line_num}: no table row ({error}); mend the line or replace the "
            f"file"
        ) from None
