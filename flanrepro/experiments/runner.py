"""Many runs: on every core, and none lost because another failed."""

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata, util
from multiprocessing.connection import wait
from typing import TypeVar

from tqdm import tqdm

from flanrepro import cluster
from flanrepro.errors import InputError
from flanrepro.model.sizes import SIZES
from flanrepro.training.spec import RunSpec

T = TypeVar("T")
Report = Callable[[RunSpec, T | None, str], None]
"""Takes a run's result, or the sentence that says why it has none."""

MOST_WORKERS = 8
WORKER_MEMORY = 2e9
"""Bytes of the machine's memory per worker; one takes 1 GB on pocket."""

_SMALL = tuple(SIZES)[: tuple(SIZES).index("mini") + 1]


def run_sweep(
    do: Callable[[RunSpec], T],
    specs: Sequence[RunSpec],
    *,
    done: Callable[[RunSpec], bool],
    label: str = "runs",
    workers: int = 0,
) -> list[T]:
    """`do` of every spec, with one progress bar over all of them.

    A small run makes little use of a second core, so there is one worker per core; and a run's last
    digits depend less on the machine if it always has one.

    Args:
        do: trains and evaluates a run, say; called in other processes if there are several workers,
            with no bars of its own there.
        specs: none starts from another's run; equal ones are done once.
        done: whether `do` would only read; such specs are done first, in this process.
        label: what the bar and an error call them.
        workers: processes, each on its own share of the cores; 0: as many as the machine is good
            for, see `worker_count`. FLANREPRO_WORKERS goes first. With one, all is done here.

    Returns:
        what `do` returned, in the order of `specs`.

    Raises:
        InputError: some of them failed, with a sentence for each; the others are done. Or the
            number of workers is none.
    """
    unique = list(dict.fromkeys(specs))
    # A folder that cannot be read is its own run's failure: `do` says it again.
    finished = dict.fromkeys(s for s in unique if _attempt(partial(done, s))[0])
    left = [spec for spec in unique if spec not in finished]
    count = worker_count(do, left, workers)
    results, failed = {}, {}
    # Workers end two at a time: the time left follows from the mean, not from the last one's.
    bar = {"unit": "run", "leave": False, "dynamic_ncols": True, "smoothing": 0}
    with tqdm(desc=label, total=len(unique), initial=len(finished), **bar) as progress:

        def report(spec: RunSpec, value: T | None, sentence: str) -> None:
            results[spec] = value
            if sentence:
                failed[spec] = sentence
                progress.set_postfix_str(f"{len(failed)} failed")
            progress.update(spec not in finished)

        for spec in [*finished, *(left if count == 1 else ())]:
            report(spec, *_attempt(partial(do, spec)))
        if count > 1:
            _in_workers(do, left, count, report, progress.refresh)
    if failed:
        raise InputError(_said(failed, len(unique), label))
    return [results[spec] for spec in specs]


def worker_count(do: Callable, left: Sequence[RunSpec], workers: int = 0) -> int:
    """How many processes `run_sweep` uses.

    Where nobody says: one if fewer than two runs are left, if a model is larger than `mini`, or if
    JAX would use an accelerator, which one process takes as a whole; else one per usable core, as
    far as runs and memory go, and 8 at most. One in any case if this is one of several hosts, if
    other processes cannot import `do`, which is so for a function of a script or a notebook, and
    where there is no POSIX.
    """
    text = os.environ.get("FLANREPRO_WORKERS", "").strip()
    if not (text or "0").isdecimal():
        raise InputError(
            f"FLANREPRO_WORKERS is '{text}': expected a whole number of processes (0: as many as "
            "the machine is good for); set it to one, or unset it"
        )
    if workers < 0:
        raise InputError(f"workers is {workers}: expected a whole number, 0 or more")
    if len(left) < 2 or os.name != "posix" or not _travels(do) or cluster.process()[1] > 1:
        return 1
    if workers := int(text or workers):
        return min(workers, len(left))
    if _accelerator() or any(spec.model not in _SMALL for spec in left):
        return 1
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    fitting = max(1, int(memory / WORKER_MEMORY))
    return min(len(_cores()), len(left), fitting, MOST_WORKERS)


def _travels(do: Callable) -> bool:
    """Whether another process can import what is called: it does not run this one's `__main__`."""
    try:
        return b"__main__" not in pickle.dumps(do)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False


def _accelerator() -> bool:
    """Whether JAX would use one; importing JAX to ask it would take the device from the workers."""
    if named := os.environ.get("JAX_PLATFORMS"):
        return named.split(",")[0] != "cpu"
    plugins = metadata.entry_points(group="jax_plugins")
    return bool(plugins) or any(map(util.find_spec, ("jax_plugins", "libtpu")))


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _attempt(call: Callable[[], T]) -> tuple[T | None, str]:
    """The result and an empty sentence, or None and the sentence of what went wrong."""
    try:
        return call(), ""
    except InputError as error:
        return None, str(error)
    except Exception as error:  # whatever it is, the other runs go on
        traceback.print_exc()
        return None, f"{type(error).__name__}: {' '.join(str(error).split())}"


def _said(failed: dict[RunSpec, str], count: int, label: str) -> str:
    reasons: dict[str, list[str]] = {}
    for spec, sentence in failed.items():
        reasons.setdefault(sentence, []).append(f"{spec.run_id} ({spec.label()})")
    each = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())
    rest = "the others are finished and kept" if len(failed) < count else "none is finished"
    return (
        f"{len(failed)} of {count} {label} failed, {rest}: {each}. Mend that and start again: "
        "finished runs are read"
    )


# --- in the process of the sweep ---


@dataclass
class _Worker:
    """A process, the cores that it may use, and the run that it is at."""

    process: subprocess.Popen
    cores: list[int]
    spec: RunSpec | None = None


def _in_workers(
    do: Callable[[RunSpec], T],
    specs: Sequence[RunSpec],
    count: int,
    report: Report,
    tick: Callable[[], object],
) -> None:
    """Reports every spec's result from `count` processes; calls `tick` once a second."""
    todo, cores = deque(specs), _cores()
    workers: dict[object, _Worker] = {}  # by the pipe that its answers come from

    def start(share: list[int]) -> None:
        process = _start(share)
        workers[process.stdout] = worker = _Worker(process, share)
        _hand(worker, do, todo.popleft())

    try:
        for i in range(count):
            start(cores[i::count] or [cores[i % len(cores)]])
        while workers:
            for pipe in wait(list(workers), timeout=1.0):
                worker = workers[pipe]
                try:
                    report(worker.spec, *pickle.load(pipe))
                except (EOFError, pickle.UnpicklingError):
                    del workers[pipe]
                    report(worker.spec, None, _end(worker.process))
                    if todo:
                        start(worker.cores)
                    continue
                if todo:
                    _hand(worker, do, todo.popleft())
                else:
                    _end(workers.pop(pipe).process)
            tick()
    finally:  # also when this process is interrupted: nobody goes on training
        for worker in workers.values():
            worker.process.kill()
        for worker in workers.values():
            _end(worker.process)


def _start(cores: list[int]) -> subprocess.Popen:
    """A worker that is pinned from its first instruction on, since libraries count cores early."""
    code = "from flanrepro.experiments.runner import _work; _work()"
    command = [sys.executable, *(f"-W{option}" for option in sys.warnoptions), "-c", code]
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    with _pinned(cores):
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths, "FLANREPRO_WORKERS": "1"},
            process_group=0,  # Control-C is for the sweep, which ends its workers
        )


@contextlib.contextmanager
def _pinned(cores: list[int]):
    """What is started meanwhile may use these cores alone."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _hand(worker: _Worker, do: Callable, spec: RunSpec) -> None:
    worker.spec = spec
    with contextlib.suppress(BrokenPipeError):  # it is dead; its answers' pipe says so
        pickle.dump(pickle.dumps((do, spec)), worker.process.stdin)
        worker.process.stdin.flush()


def _end(process: subprocess.Popen) -> str:
    """Ends a worker, closes its pipes, and says how it died if it did so by itself."""
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    process.stdout.close()
    code = process.wait()
    if code >= 0:
        return f"its process ended with exit code {code}"
    name = signal.Signals(-code).name
    hint = ", as the system does when memory runs out" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{hint}"


# --- in a worker ---


def _work() -> None:
    """Answers jobs until the sweep is gone; jobs come by stdin, answers go where stdout went."""
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what is printed must not come between the answers
    sys.stdout.reconfigure(line_buffering=True)
    make = tqdm.__init__  # bars of several processes would be drawn over each other
    tqdm.__init__ = lambda *args, **how: make(*args, **{**how, "disable": True})
    todo: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(jobs, todo), daemon=True).start()
    while True:
        answers.write(_answer(todo.get()))
        answers.flush()


def _receive(jobs, todo: queue.SimpleQueue) -> None:
    """Takes jobs; once there is nobody to give one, ends the process, in the midst of a run."""
    try:
        while True:
            todo.put(pickle.load(jobs))
    except (EOFError, pickle.UnpicklingError):
        os._exit(0)


def _answer(job: bytes) -> bytes:
    def call() -> bytes:
        do, spec = pickle.loads(job)
        return pickle.dumps((do(spec), ""))

    answer, sentence = _attempt(call)
    return answer or pickle.dumps((None, sentence))
