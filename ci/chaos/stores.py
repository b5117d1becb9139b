"""Tampered stores of one's own: runs, evaluations, caches, records, vocabularies, shipped scores.

Each is made once, small and sound, and read through the API. A trial copies it, tampers with one
thing and reads it again: the result is the same, or there is one sentence.
"""

import contextlib
import os
import shutil
import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ci.chaos import tampering as t
from ci.chaos.common import Trial, sentence
from ci.chaos.kept import STORES, Store

NUMBER = 150

LIMIT = 40
"""Seconds after which a reading hangs."""

TWICE = 0.2
"""Share of a run's trials with two things that are tampered with, e.g. both of its checkpoints."""


def trials(number: int, seed: int, folder: Path) -> Iterator[Trial]:
    """Yields a trial per tampering, see `ci.chaos.common.Part`."""
    left = number
    for i, (name, store) in enumerate(STORES.items()):
        count = left if i == len(STORES) - 1 else min(left, max(1, round(number * store.share)))
        left -= count
        if not count:
            continue
        sound = folder / f"{name} sound"
        sound.mkdir()
        store.make(sound)
        # A copy: reading may mend or finish what it reads.
        expected = store.read(shutil.copytree(sound, folder / f"{name} read"))
        for k in range(count):
            copy = shutil.copytree(sound, folder / f"{name} {k}", symlinks=True)
            rng = np.random.default_rng((seed, i, k))
            what = tamper(store, copy, rng)
            if store.checkpoints and rng.random() < TWICE:
                with contextlib.suppress(OSError, ValueError):  # the first took what it wanted
                    what += f" and {tamper(store, copy, rng)}"
            fell = _judged(lambda c=copy, s=store: s.read(c), expected, copy)
            yield Trial(f"tampered {name}", f"{name} {k}: {what}", fell)
            shutil.rmtree(copy)


def tamper(store: Store, folder: Path, rng: np.random.Generator) -> str:
    """Tampers with one thing in the folder; says what was done to it."""
    groups = [store.files, store.files, store.folders, store.locks, store.checkpoints]
    group = int(rng.choice([i for i, patterns in enumerate(groups) if patterns]))
    found = sorted({path for pattern in groups[group] for path in folder.glob(pattern)})
    if group < 2:
        found = [path for path in found if path.is_file() and path.stat().st_size]
        # Half of the time the largest of the newest step: it has the parameters, or the texts.
        if rng.random() < 0.5:
            found = [max(found, key=lambda path: (_step(path), path.stat().st_size))]
    path = found[int(rng.integers(len(found)))]
    kinds = ((), (), t.FOLDERS, t.LOCKS, t.CHECKPOINTS)[group] or _of_file(store, path)
    kind = kinds[int(rng.integers(len(kinds)))]
    kind(path, rng)
    return f"{kind.__name__} {path.relative_to(folder)}"


def _step(path: Path) -> int:
    """The step whose checkpoint a file is of; -1: it is of none."""
    _, _, rest = str(path).rpartition("checkpoints/")
    return int(step) if (step := rest.split("/")[0]).isdecimal() else -1


def _of_file(store: Store, path: Path) -> list[t.Tamper]:
    kinds = [*t.KINDS, *t.CONTENT]
    if path.suffix in (".json", ".jsonl"):
        kinds += [t.edit_json] * 6
    return [kind for kind in kinds if store.flips or kind is not t.flip]


# --- judging ---


def _judged(read: Callable[[], object], expected: dict, folder: Path) -> str:
    """What fell: a traceback, a hang, or another result in silence."""
    found: dict = {}

    def work() -> None:
        with _limited(folder), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.update(read())

    try:
        fell = sentence(work)
    except _Hung as error:
        return str(error)
    # As text: NaN is not equal to itself.
    differ = [key for key in expected if found and repr(found.get(key)) != repr(expected[key])]
    return fell or f"other {', '.join(differ)} in silence" * bool(differ)


class _Hung(BaseException):
    """No Exception, which a reader might take for its file's."""


@contextlib.contextmanager
def _limited(folder: Path) -> Iterator[None]:
    """Raises `_Hung` after LIMIT seconds, and opens the folder's FIFOs, where C++ may wait."""

    def stop(*_) -> None:
        for path in folder.rglob("*"):
            if path.is_fifo():
                # Both ends: one for who waits to read, one for who waits to write.
                os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
        raise _Hung(f"it hung for {LIMIT} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LIMIT, 5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
