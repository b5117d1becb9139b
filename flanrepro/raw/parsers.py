"""Parsers of common kinds of original files.

A parser is a function from a file's path to pairs (where, row); `where` names file and line for an
error's sentence.
"""

import csv
import gzip
import itertools
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flanrepro.errors import InputError
from flanrepro.raw.fields import at
from flanrepro.raw.reading import (
    json_line,
    listed,
    read_json,
    read_jsonl,
    read_table,
    shown,
    without_nan,
)

Columns = Mapping[str, Any]
Row = tuple[str, Columns]
Parser = Callable[..., Iterable[Row]]
"""A function that reads original files into rows, with the columns that the Hub has."""


def jsonl(*paths: Path) -> Iterator[Row]:
    """Reads files of one JSON object per line, one file after the other."""
    for path in paths:
        for n, row in enumerate(read_jsonl(path), 1):
            yield f"{path}, line {n}", row


def json(path: Path) -> Iterator[Row]:
    """Reads a file that is one JSON list of objects."""
    for n, row in enumerate(read_json(path), 1):
        yield f"{path}, record {n}", row


def csv_with_header(path: Path) -> Iterator[Row]:
    """Reads a comma-separated file with a header and quoted cells."""
    return _table(path, delimiter=",")


def tsv_with_header(path: Path) -> Iterator[Row]:
    """Reads a tab-separated file with a header; a quotation mark is text."""
    return _table(path, delimiter="\t", quoting=csv.QUOTE_NONE)


def _table(path: Path, **dialect) -> Iterator[Row]:
    rows = read_table(path, **dialect)
    where, header = next(rows, ("", []))
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise InputError(
            f"{where}: the header has the column {shown(twice)} twice; mend the line or replace "
            f"the file"
        )
    for where, cells in rows:
        if len(cells) != len(header):
            raise InputError(
                f"{where}: the row has not just the header's columns ({listed(header)}) but "
                f"{len(cells)}; mend the line or replace the file"
            )
        yield where, dict(zip(header, cells, strict=True))


def parquet(path: Path) -> Iterator[Row]:
    """Reads a Parquet file; numbers that are none (NaN) are missing."""
    # Comes with `datasets`, in the extra `hub`.
    import pyarrow.parquet

    try:
        rows = pyarrow.parquet.read_table(path, page_checksum_verification=True).to_pylist()
    # ValueError: a text that is not UTF-8, or a time that Python cannot hold.
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: no Parquet file ({reason}); replace the file") from None
    for n, row in enumerate(rows, 1):
        yield f"{path}, row {n}", without_nan(row)


def jsonl_gz(path: Path) -> Iterator[Row]:
    """Reads a gzip-compressed file of one JSON object per line, in constant memory.

    Raises:
        InputError: the file is no gzip file or cut short, or a line is no JSON object in UTF-8.
    """
    number = 0
    try:
        with gzip.open(path) as stream:
            for number, line in enumerate(stream, 1):
                yield f"{path}, line {number}", json_line(line, path, number)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path}: not a whole gzip file ({error}, after {number} lines); fetch it again"
        ) from None


def converted(parse: Parser, convert: Callable[[Columns], Sequence[Columns]]) -> Parser:
    """Returns a parser of the rows that `convert` makes of each row of `parse`."""

    def read(*paths: Path) -> Iterator[Row]:
        for where, row in parse(*paths):
            with at(where):
                made = convert(row)
            for columns in made:
                yield where, columns

    return read


def renamed(parse: Parser, names: Mapping[str, str]) -> Parser:
    """Returns a parser of the rows of `parse` with some columns renamed (old: new)."""

    def rename(row: Columns) -> Sequence[Columns]:
        made = {names.get(key, key): row[key] for key in row}
        if len(made) < len(row):
            raise ValueError(f"two columns are both one of {', '.join(names.values())}")
        return [made]

    return converted(parse, rename)


def described(column: str, label: str, pattern: str) -> Parser:
    """Returns a parser of a JSON list of objects that have all their texts in `column`.

    The groups of the regular expression `pattern`, each a `.*`, are the row's columns; `label`
    stays one. A text that holds the signs between the groups once more is bad input: where it has
    to be cut is not known.
    """
    # All groups but the last are as short as they can be.
    start, _, end = pattern.rpartition(".*)")
    expression = re.compile(f"{start.replace('.*)', '.*?)')}.*){end}", re.DOTALL)

    def read(path: Path) -> Iterator[Row]:
        for n, row in enumerate(read_json(path, (column, label)), 1):
            where = f"{path}, record {n}"
            if not isinstance(row[column], str):
                raise InputError(f"{where}: '{column}' is no text; mend the record")
            found = expression.fullmatch(row[column].strip())
            if found is None or not _only_cut(found):
                raise InputError(
                    f"{where}: '{column}' is not of the expected form, or can be cut in two ways; "
                    f"it begins {shown(row[column])}; mend the record or replace the file"
                )
            yield where, {**found.groupdict(), label: row[label]}

    return read


def _only_cut(found: re.Match) -> bool:
    """True if no group holds the signs before it again, so that the text can be cut in one way."""
    spans = [found.span(n) for n in range(1, found.re.groups + 1)]
    pairs = itertools.pairwise(spans)
    return all(
        found.string.find(found.string[end:start], end + 1, stop) < 0
        for (_, end), (start, stop) in pairs
    )


PARSERS = {
    "jsonl": jsonl,
    "jsonl_gz": jsonl_gz,
    "json": json,
    "csv": csv_with_header,
    "tsv": tsv_with_header,
    "parquet": parquet,
}
