"""Progress bars: a line in a terminal, a display below an open notebook's cell, a log's lines.

Nothing goes through a notebook's error stream, of which a file keeps an output object per update.
A run inside a sweep draws no bar of its own: it tells its step to the sweep's.
"""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

EVERY = 1.0
"""Least seconds between two updates."""

LOG_EVERY = 60.0
"""Seconds between two lines where standard error is no terminal, the first of them included."""


@dataclass(frozen=True)
class At:
    """Where a run is: its name, its steps so far and in all, and its last measurements as text."""

    name: str
    step: int
    steps: int
    said: str


_listener: Callable[[At], object] | None = None


@contextlib.contextmanager
def told_to(listener: Callable[[At], object]) -> Iterator[None]:
    """Within the context, bars of runs are not drawn: `listener` is told, once a second."""
    global _listener
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before


def bar(iterable=None, **how: Any) -> tqdm:
    """A bar that is gone when it ends; `how` goes to tqdm."""
    file = None if how.pop("disable", False) else _file()
    how = {"leave": False, "dynamic_ncols": _has_width(file), "mininterval": EVERY, **how}
    return tqdm(iterable, file=file, disable=file is None, **how)


def steps(name: str, first: int, last: int) -> "tqdm | Told":
    """The bar of a run's steps, from `first` to `last`; without a name, none is drawn."""
    if name and _listener:
        return Told(_listener, name, first, last)
    return bar(range(first, last), initial=first, total=last, desc=name, disable=not name)


class Told:
    """A run's bar inside a sweep's, with what a run uses of tqdm's interface."""

    def __init__(self, listener: Callable[[At], object], name: str, first: int, last: int):
        self.listener, self.name, self.n, self.last = listener, name, first, last
        self.said, self._when = "", 0.0

    def __iter__(self) -> Iterator[int]:
        for step in range(self.n, self.last):
            yield step
            self.n = step + 1
            self._tell()

    def set_postfix_str(self, said: str) -> None:
        self.said = said
        self._tell()

    def close(self) -> None:
        pass

    def _tell(self) -> None:
        if time.monotonic() - self._when >= EVERY:
            self._when = time.monotonic()
            self.listener(At(self.name, self.n, self.last, self.said))


def _file() -> "_Terminal | _Log | _Display | None":
    """What a bar is written to; None: nobody would see it."""
    if _cell_is_watched():
        return _Display()
    try:
        # A kernel's is that of the terminal it was started from, as by papermill.
        number = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):  # no stream, or none with a file
        return None
    return _Terminal(number) if os.isatty(number) else _Log(number)


def _has_width(file: object) -> bool:
    """True for a terminal that knows how wide it is; tqdm draws nothing in one of no columns."""
    try:
        return os.get_terminal_size(file.fileno()).columns > 0
    except (AttributeError, OSError):
        return False


def _cell_is_watched() -> bool:
    """True in a cell that a person runs in JupyterLab, Notebook or VS Code."""
    # They name the cell that they run; papermill and nbconvert, which keep outputs, do not.
    from_ipython = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    kernel = getattr(from_ipython, "kernel", None)
    if kernel is None:
        return False
    return "cellId" in (kernel.get_parent("shell") or {}).get("metadata", {})


class _Terminal:
    """A terminal's file, by its number: a kernel's standard error itself goes to the notebook."""

    encoding = "utf-8"  # tqdm asks, for its blocks

    def __init__(self, number: int):
        self._number = number

    def fileno(self) -> int:
        return self._number

    def write(self, text: str) -> None:
        _write(self._number, text)

    def flush(self) -> None:
        pass


def _write(number: int, text: str) -> None:
    with contextlib.suppress(OSError):  # a terminal that was closed stops no run
        os.write(number, text.encode())


class _Log:
    """A file of lines: a bar that is drawn over and over would be one long line of it."""

    encoding = "ascii"

    def __init__(self, number: int):
        self._number, self._when = number, time.monotonic()

    def write(self, text: str) -> None:
        line = text.replace("\r", "").strip()
        if line and time.monotonic() - self._when >= LOG_EVERY:
            self._when = time.monotonic()
            _write(self._number, f"{line}\n")

    def flush(self) -> None:
        pass


class _Display:
    """A file whose last line is shown below the cell, and replaced by the next one."""

    encoding = "utf-8"

    def __init__(self):
        from IPython.display import display

        # An output with an id is replaced in place, which an ipywidgets bar would need a live
        # kernel for: a saved notebook would say that its model is not found.
        self._shown = display({"text/plain": ""}, raw=True, display_id=True)

    def write(self, text: str) -> None:
        if text:
            self._shown.update({"text/plain": text.replace("\r", "").strip()}, raw=True)

    def flush(self) -> None:
        pass
