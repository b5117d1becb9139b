"""Digests of what records say: the same on every machine, and another one if any text changes."""

import hashlib
import json
from collections.abc import Iterable, Mapping


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


def digest_of(records: Iterable[Mapping[str, str]]) -> str:
    """16 hexadecimal digits that change with any field, and with the order, of the records."""
    content = Content()
    for record in records:
        content.add(canonical(record))
    return content.digest
