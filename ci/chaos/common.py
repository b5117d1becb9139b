"""What the parts of the campaign share: a trial, and how a failure is judged."""

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flanrepro.errors import InputError


@dataclass(frozen=True)
class Trial:
    """One fault that was tried.

    Attributes:
        kind: row of the table, e.g. `SIGKILL over training`.
        what: what was done, in words that repeat it.
        fell: what happened that must not, in one line; empty: it held.
    """

    kind: str
    what: str
    fell: str = ""


class Part(Protocol):
    """A module of this package with one sort of faults."""

    NUMBER: int
    """Number of trials of the whole campaign."""

    def trials(self, number: int, seed: int, folder: Path) -> Iterator[Trial]:
        """Yields `number` trials that `seed` decides; `folder` is empty, and the part's own."""


def sentence(work: Callable[[], object], names: str = "") -> str:
    """Runs `work`, which may succeed or raise an InputError of one line; gives what fell.

    Args:
        work: function to call.
        names: text that the sentence must contain, e.g. the file's name; empty: none.
    """
    try:
        work()
    except InputError as error:
        said = str(error)
        if "\n" in said or "\r" in said:
            return f"several lines: {said[:200]!r}"
        return "" if names in said else f"the sentence does not name {names}: {said[:200]}"
    except Exception as error:  # any other class is what the campaign looks for
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = " ".join(str(error).split())[:160]
        return f"{type(error).__name__} in {Path(where.filename).name}:{where.lineno}: {said}"
    return ""
