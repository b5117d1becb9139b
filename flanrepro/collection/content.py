"""Digests of what records say: the same on every machine, and another one if any text changes.

What follows from records is found again by such a digest.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any


def canonical(record: Mapping[str, str]) -> str:
    """Writes a record as JSON, the same text for every order of its fields."""
    return json.dumps(record, ensure_ascii=False, sort_keys=True)


class Content:
    """Digest of a split's records, which are added in their order.

    Attributes:
        rows: number of records so far.
    """

    def __init__(self):
        self.rows, self._sum = 0, hashlib.sha256()

    def add(self, text: str) -> None:
        """Adds a record, as `canonical` writes it."""
        self.rows += 1
        self._sum.update(text.encode())
        self._sum.update(b"\n")  # JSON has none, so that no two lists of records look the same

    @property
    def digest(self) -> str:
        """16 hexadecimal digits."""
        return self._sum.hexdigest()[:16]


class Chosen(Sequence[Mapping[str, str]]):
    """Some of a split's records, each read when it is asked for.

    Args:
        records: records of the split.
        which: their positions, in order.
        digest: the split's digest, which spares reading them for their own.
    """

    def __init__(self, records: Sequence[Mapping[str, str]], which: Sequence[int], digest: str):
        self._records, self._which, self._digest = records, which, digest

    def __len__(self) -> int:
        return len(self._which)

    def __getitem__(self, i: int) -> Mapping[str, str]:
        return self._records[int(self._which[i])]

    @property
    def digest(self) -> str:
        """16 hexadecimal digits: of the split and of the positions."""
        positions = [int(i) for i in self._which]
        return hashlib.sha256(f"{self._digest} {positions}".encode()).hexdigest()[:16]


def digest_of(records: Iterable[Mapping[str, str]]) -> str:
    """16 hexadecimal digits that change with any field, and with the order, of the records."""
    content = Content()
    for record in records:
        content.add(canonical(record))
    return content.digest


class InMemory:
    """Keeps findings for one process: calls `make` if there is none of this name."""

    def __init__(self):
        self._found: dict[str, dict[str, Any]] = {}

    def __call__(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if name not in self._found:
            self._found[name] = make()
        return self._found[name]
