"""Faults of files of data sets: each makes a broken file from a sound layout.

A fault is a function that takes a layout and a generator of random numbers, and gives a `Broken`.
"""

import itertools
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ci.chaos.layouts import ROWS, Layout, written

MARK = "\ufeff"
SIGNS = ("\t", "\n", "\r", '"', "'", ",", ";", "\u2028", "\x85", "\x0b", "\\n")
SIGNS += (" ||| ", "###", "@@@", "{x}", "%s", "A. ", " | ")
"""Texts at which some reader cuts; each layout has its own besides."""
OTHERS = (None, True, False, 0, -1, 5, 1.5, 10**400, "", " ", "x", [], {}, ["x"], {"a": 1}, [[1]])
"""Values of other types."""
# What a value is written as, by the text that stands for it until the row is JSON.
TOKENS = {"@nan": "NaN", "@infinity": "-Infinity", "@digits": "7" * 5000, "@deep": "[" * 100_000}


@dataclass(frozen=True)
class Broken:
    """A broken file.

    Attributes:
        data: its bytes.
        what: words for what was done.
        row: number of the broken row, from 0; -1: none is.
        verdict: `same` (the records must be the same), `refused` (there must be a sentence),
            `either` of them, `intact` (the row's texts may have `sign` more), `others` (only the
            other rows are judged) or `cut` (only the rows before).
        sign: text that was put into a text.
    """

    data: bytes
    what: str
    row: int
    verdict: str
    sign: str = ""


def _whole(layout: Layout, rows: Sequence[str]) -> bytes:
    return layout.packed(layout.text(rows).encode("utf-8", "surrogatepass"))


def _row(change: Callable[[str, random.Random], str], verdict: str, what: str):
    """A fault of one row as it stands in the file."""

    def fault(layout: Layout, rng: random.Random) -> Broken:
        rows, k = layout.written(), rng.randrange(ROWS)
        rows[k] = change(rows[k], rng)
        return Broken(_whole(layout, rows), f"{what} in row {k}: {rows[k][:200]!r}", k, verdict)

    return fault


def _insert(text: str, new: str, rng: random.Random) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + new + text[at:]


def _flip(layout: Layout, rng: random.Random) -> Broken:
    rows, k = layout.written(), rng.randrange(ROWS)
    data = [row.encode() for row in rows]
    at = rng.randrange(len(data[k]))
    bit = data[k][at] ^ (1 << rng.randrange(8))
    flipped = data[k][:at] + bytes([bit]) + data[k][at + 1 :]
    text = layout.text([f"@{n}@" for n in range(ROWS)]).encode()
    for n, one in enumerate([*data[:k], flipped, *data[k + 1 :]]):
        text = text.replace(b"@%d@" % n, one, 1)
    return Broken(layout.packed(text), f"bit flipped in row {k}: {flipped[:200]!r}", k, "others")


def _sign(layout: Layout, rng: random.Random) -> Broken:
    k, sign = rng.randrange(ROWS), rng.choice([*SIGNS, *layout.signs * 3])
    row = json.loads(json.dumps(layout.rows[k]))
    if isinstance(row, str):
        row = _insert(row, sign, rng)
    else:
        paths = [path for path in _paths(row) if isinstance(_at(row, path), str)]
        _put(row, path := rng.choice(paths), _insert(_at(row, path), sign, rng))
    rows = layout.written()
    rows[k] = written(layout.kind, row)
    return Broken(
        _whole(layout, rows), f"{sign!r} in row {k}: {rows[k][:300]!r}", k, "intact", sign
    )


def _file(change: Callable[[str, random.Random], str], verdict: str, what: str):
    """A fault of the whole text."""

    def fault(layout: Layout, rng: random.Random) -> Broken:
        text = change(layout.text(layout.written()), rng)
        return Broken(layout.packed(text.encode()), what, -1, verdict)

    return fault


def _cut(layout: Layout, rng: random.Random) -> Broken:
    rows = layout.written()
    text = layout.text(rows).encode()
    at = rng.randrange(len(text))
    ends = [len(layout.text(rows[: n + 1]).removesuffix(layout.after)) for n in range(ROWS)]
    before = sum(end <= len(text[:at].decode(errors="ignore")) for end in ends)
    return Broken(layout.packed(text[:at]), f"cut after {at} bytes", min(before, ROWS - 1), "cut")


def _packed(change: Callable[[bytes, random.Random], bytes], verdict: str, what: str):
    """A fault of a compressed file's bytes."""

    def fault(layout: Layout, rng: random.Random) -> Broken:
        data = change(_whole(layout, layout.written()), rng)
        return Broken(data, what, -1, verdict)

    return fault


def _flipped(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]


# Faults of JSON.


def _paths(value: Any, path: tuple = ()) -> list[tuple]:
    """Paths of all values within a value."""
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    found = [_paths(one, (*path, key)) for key, one in inner]
    return [*([path] if path else []), *itertools.chain(*found)]


def _at(value: Any, path: tuple) -> Any:
    for key in path:
        value = value[key]
    return value


def _put(value: Any, path: tuple, new: Any) -> None:
    _at(value, path[:-1])[path[-1]] = new


def _json(change: Callable[[dict, random.Random], str], what: str):
    """A fault of one object; `change` changes it and gives the verdict."""

    def fault(layout: Layout, rng: random.Random) -> Broken:
        rows, k = layout.written(), rng.randrange(ROWS)
        row = json.loads(json.dumps(layout.rows[k]))
        verdict = change(row, rng)
        verdict = "others" if layout.ruled and verdict == "either" else verdict
        rows[k] = written(layout.kind, row)
        for name, token in TOKENS.items():
            rows[k] = rows[k].replace(f'"{name}"', token)
        rows[k] = rows[k].replace("@half", "\\ud800").replace("@twice", "")
        return Broken(_whole(layout, rows), f"{what} in row {k}: {rows[k][:300]!r}", k, verdict)

    return fault


def _swap(row: dict, rng: random.Random) -> str:
    path, new = rng.choice(_paths(row)), rng.choice(OTHERS)
    old = _at(row, path)
    _put(row, path, new)
    # Numbers stand for labels and for texts; a text is no list and a list no object.
    kinds = {kind for one in (old, new) for kind in (str, list, dict) if isinstance(one, kind)}
    return "either" if len(kinds) == 2 else "others"


def _token(name: str, verdict: str):
    def change(row: dict, rng: random.Random) -> str:
        _put(row, rng.choice(_paths(row)), name)
        return verdict

    return change


def _drop(row: dict, rng: random.Random) -> str:
    path = rng.choice(_paths(row))
    del _at(row, path[:-1])[path[-1]]
    return "others"


def _add(row: dict, rng: random.Random) -> str:
    # The value of a pair is the row.
    (next(iter(row.values())) if len(row) == 1 else row)["@other"] = "x"
    return "same"


def _half(row: dict, rng: random.Random) -> str:
    path = rng.choice([path for path in _paths(row) if isinstance(_at(row, path), str)])
    _put(row, path, _insert(_at(row, path), "@half", rng))
    return "either"


def _twice(row: dict, rng: random.Random) -> str:
    path = rng.choice([path for path in _paths(row) if isinstance(path[-1], str)])
    _at(row, path[:-1])[f"{path[-1]}@twice"] = rng.choice([_at(row, path), "x"])
    return "refused"


def _cells(change: Callable[[list[str], random.Random], list[str]], what: str):
    """A fault of one row's number of cells."""

    def fault(layout: Layout, rng: random.Random) -> Broken:
        rows, k = layout.written(), rng.randrange(ROWS)
        cells = change(list(layout.rows[k]), rng)
        rows[k] = written(layout.kind, cells)
        return Broken(_whole(layout, rows), f"{what} in row {k}: {rows[k]!r}", k, "refused")

    return fault


def _around(layout: Layout, rng: random.Random) -> Broken:
    """Another value for one of the object's fields, which may be the list of rows."""
    file = json.loads(layout.text(layout.written()))
    name, new = rng.choice(list(file)), rng.choice(OTHERS)
    file[name] = new
    return Broken(json.dumps(file).encode(), f"{name} is {str(new)[:20]}", 0, "cut")


def _column_twice(layout: Layout, rng: random.Random) -> Broken:
    part = "," if layout.kind == "csv" else "\t"
    header = layout.before.removesuffix("\n").split(part)
    one, other = rng.sample(range(len(header)), 2)
    header[one] = header[other]
    text = part.join(header) + layout.text(layout.written()).removeprefix(layout.before[:-1])
    return Broken(text.encode(), f"column {header[one]} twice", -1, "refused")


def faults(layout: Layout) -> list[Callable[[Layout, random.Random], Broken]]:
    """The faults that a file of this layout may have; a likely one is there several times."""
    if layout.kind == "parquet":
        return [
            _packed(lambda data, rng: data[: rng.randrange(len(data))], "refused", "file cut"),
            _packed(lambda data, rng: data[rng.randrange(1, 9) :], "refused", "file's start lost"),
        ]
    found = [*_OF_TEXT, *(_OF_JSON if layout.is_json else ())]
    if layout.kind == "object":
        found += [_around] * 3
    if layout.kind in ("csv", "tsv"):
        # MMLU's tables have no header.
        found += _OF_TABLES if layout.before else _OF_TABLES[:-1]
    return found + (_OF_GZIP if layout.kind == "gz" else [])


def _blank(text: str, rng: random.Random) -> str:
    lines = text.split("\n")
    lines.insert(rng.randrange(len(lines)), rng.choice(["", " ", "\t"]))
    return "\n".join(lines)


_OF_TEXT = [
    _flip,
    _sign,
    _sign,
    _sign,
    _cut,
    _row(lambda row, rng: _insert(row, MARK, rng), "either", "byte-order mark"),
    _row(lambda row, rng: _insert(row, "\0", rng), "either", "U+0000"),
    _row(lambda row, rng: _insert(row, rng.choice("\x01\x08\x1b\x7f"), rng), "others", "control"),
    _row(lambda row, rng: _insert(row, '"', rng), "others", "quotation mark"),
    _row(lambda row, rng: _insert(row, "\udce9", rng), "refused", "byte of Latin-1"),
    _file(lambda text, rng: MARK + text, "same", "byte-order mark before the file"),
    _file(lambda text, rng: MARK * 2 + text, "either", "two byte-order marks before the file"),
    _file(lambda text, rng: text.replace("\n", "\r\n"), "same", "CR and line feed"),
    _file(_blank, "either", "blank line"),
    _file(lambda text, rng: "", "refused", "empty file"),
]
_OF_JSON = [
    _json(_swap, "other value"),
    _json(_swap, "other value"),
    _json(_swap, "other value"),
    _json(_token("@nan", "others"), "NaN"),
    _json(_token("@infinity", "others"), "Infinity"),
    _json(_token("@digits", "refused"), "5,000 digits"),
    _json(_token("@deep", "refused"), "nested lists"),
    _json(_drop, "value lost"),
    _json(_add, "value more"),
    _json(_half, "half of a surrogate pair"),
    _json(_twice, "key twice"),
]
_OF_TABLES = [
    _cells(lambda cells, rng: cells[:-1], "cell lost"),
    _cells(lambda cells, rng: [*cells, "x"], "cell more"),
    _column_twice,
]
_OF_GZIP = [
    _packed(_flipped, "either", "bit of the compressed file flipped"),
    _packed(lambda data, rng: data[: rng.randrange(1, len(data))], "refused", "file cut"),
    _packed(lambda data, rng: data + b"rest", "refused", "bytes behind the file"),
    _packed(lambda data, rng: data[:-8] + b"\0" * 8, "refused", "checksum lost"),
]
