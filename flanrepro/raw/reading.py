"""Readers of text, JSON and tables whose errors name the line or record.

Nothing here knows a data set: `flanrepro.raw.parsers` has the layouts of whole files.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flanrepro.errors import InputError
from flanrepro.raw.files import unreadable


def read_text(path: Path) -> str:
    """Reads a UTF-8 file, without its byte-order mark and with its line ends as they are.

    Raises:
        InputError: the file cannot be read, or a line (named) is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise unreadable(path, error) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}, line {line}: not UTF-8 ({error.reason}); expected UTF-8 text, so save the "
            f"file again in that encoding or replace it"
        ) from None


def _lines(path: Path) -> list[str]:
    # Records hold U+2028, U+0085 and the like, which str.splitlines takes for line ends.
    lines = read_text(path).split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _parse(text: str, path: Path, line: int, make: Callable | None = None) -> Any:
    try:
        return json.loads(text, object_pairs_hook=make)
    except json.JSONDecodeError as error:
        # The decoder counts lines within `text`, which begins at `line` of the file.
        raise InputError(
            f"{path}, line {line + error.lineno - 1}: not JSON ({error.msg}, column {error.colno});"
            f" mend the line or replace the file"
        ) from None
    except InputError:
        # From `make`, and a ValueError too: it has its sentence already.
        raise
    except (ValueError, RecursionError) as error:
        # Python limits the digits of a whole number and the depth of nested lists.
        where = f"{path}, line {line}" if "\n" not in text else path
        raise InputError(
            f"{where}: JSON that cannot be read ({error}); mend the line or replace the file"
        ) from None


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
                    f"{where}: the record has no field '{name}' (it has {', '.join(record)}); mend "
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
    return [json_line(text, path, number, fields) for number, text in enumerate(_lines(path), 1)]


def json_line(
    line: str | bytes, path: Path, number: int, fields: Sequence[str] = ()
) -> dict[str, Any]:
    """Reads the line `number` of a file, one JSON object; see `read_jsonl`."""
    try:
        text = line if isinstance(line, str) else line.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}, line {number}: not UTF-8 ({error.reason}); mend the line or replace the file"
        ) from None
    return _check(_parse(text, path, number), fields, f"{path}, line {number}")


def read_json(path: Path, fields: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Reads a file that is one JSON list of objects; `fields` as in `read_jsonl`.

    Raises:
        InputError: the file is no such list or a record lacks a field. The sentence gives the
            record's number, from 1, since its line is unknown.
    """
    records = _parse(read_text(path), path, 1)
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

    # `json.loads` alone would keep the last of two equal keys and drop the first in silence.
    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f"{path}: field '{twice}' occurs twice; mend the file or replace it")
        return made

    return _check(_parse(read_text(path), path, 1, distinct), fields, str(path))


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
    for number, text in enumerate(_lines(path), 1):
        cells = text.split("\t")
        if len(cells) != len(columns):
            raise InputError(
                f"{path}, line {number}: {len(cells)} tab-separated columns, expected "
                f"{len(columns)} ({', '.join(columns)}); mend the line or replace the file"
            )
        records.append(dict(zip(columns, cells, strict=True)))
    return records
