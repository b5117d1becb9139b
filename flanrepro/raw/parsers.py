"""Parsers of common kinds of original files.

A parser is a function from a file's path to pairs (where, row); `where` names file and line for an
error's sentence.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from flanrepro.errors import InputError
from flanrepro.raw.reading import json_line, read_json, read_jsonl, read_text

Row = tuple[str, Mapping[str, Any]]
Parser = Callable[..., Iterable[Row]]
"""A function that reads original files into rows, with the columns that the Hub has."""

# The default limit is 131,072 characters per cell, and holds for the whole process. A news article
# with its comments or a Wikipedia page is longer.
csv.field_size_limit(1 << 30)


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
    # newline="" leaves line ends inside quotes as they are.
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), **dialect)
    try:
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            # DictReader puts surplus cells under the key None, and None into missing ones.
            if None in row or None in row.values():
                raise InputError(
                    f"{where}: the row has not just the header's columns "
                    f"({', '.join(reader.fieldnames)}); mend the line or replace the file"
                )
            yield where, row
    except csv.Error as error:
        raise InputError(
            f"{path}, line {reader.line_num}: no table row ({error}); mend the line or replace the "
            f"file"
        ) from None


def parquet(path: Path) -> Iterator[Row]:
    """Reads a Parquet file."""
    # Comes with `datasets`, in the extra `hub`.
    import pyarrow.parquet

    try:
        rows = pyarrow.parquet.read_table(path).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: no Parquet file ({reason}); replace the file") from None
    for n, row in enumerate(rows, 1):
        yield f"{path}, row {n}", row


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


PARSERS = {
    "jsonl": jsonl,
    "jsonl_gz": jsonl_gz,
    "json": json,
    "csv": csv_with_header,
    "tsv": tsv_with_header,
    "parquet": parquet,
}
