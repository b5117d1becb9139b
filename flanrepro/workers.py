"""Worker processes, each on its own share of the cores; one that dies stops no other.

A job is a function that other processes can import, and its argument. Two things are not in
`concurrent.futures`: a killed worker is one job's failure and is replaced, and workers are pinned
to their cores from their first instruction on.
"""

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
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from tqdm import tqdm

from flanrepro import allocator
from flanrepro.bars import At, told_to
from flanrepro.errors import InputError, say_warnings

T = TypeVar("T")
Report = Callable[[Any, T | None, str], None]
"""A callback: job, result or None, and the error sentence (empty: it succeeded)."""


def in_workers(
    do: Callable[[Any], T],
    jobs: Sequence[Any],
    count: int,
    report: Report,
    tick: Callable[[], object] = lambda: None,
    told: Callable[[Any, At], object] = lambda job, at: None,
) -> None:
    """Reports every job's result from `count` processes.

    Args:
        do: function of a job.
        jobs: what is to be done.
        count: number of processes.
        report: called with each job's result.
        tick: called once a second.
        told: called with a job and where the run is that it trains, see `flanrepro.bars`.
    """
    todo, shared = deque(jobs), cores()
    workers: dict[Connection, _Worker] = {}  # keyed by the pipe that its answers come from

    def start(share: list[int]) -> None:
        process = _start(share)
        # It reads message by message: of a buffered file, `wait` would not see what it has read.
        answers = Connection(os.dup(process.stdout.fileno()), writable=False)
        process.stdout.close()
        workers[answers] = worker = _Worker(process, share, answers)
        _hand(worker, do, todo.popleft())

    try:
        for i in range(count):
            # Interleaved shares; with more workers than cores, several share a core.
            start(shared[i::count] or [shared[i % len(shared)]])
        while workers:
            for pipe in wait(list(workers), timeout=1.0):
                worker = workers[pipe]
                try:
                    answer = pickle.loads(pipe.recv_bytes())
                except (EOFError, OSError):  # it died, perhaps within an answer
                    del workers[pipe]
                    report(worker.job, None, _end(worker))
                    if todo:
                        start(worker.cores)
                    continue
                if isinstance(answer, At):
                    told(worker.job, answer)
                    continue
                report(worker.job, *answer)
                if todo:
                    _hand(worker, do, todo.popleft())
                else:
                    _end(workers.pop(pipe))
            tick()
    finally:  # also on Control-C: no worker may go on training
        for worker in workers.values():
            worker.process.kill()
        for worker in workers.values():
            _end(worker)


@dataclass
class _Worker:
    """A worker process, its cores, the pipe of its answers, and the job that it works on."""

    process: subprocess.Popen
    cores: list[int]
    answers: Connection
    job: Any = None


def cores() -> list[int]:
    """The numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def attempt(call: Callable[[], T]) -> tuple[T | None, str]:
    """The result and an empty sentence, or None and the error's sentence."""
    try:
        return call(), ""
    except InputError as error:
        return None, str(error)
    except Exception as error:  # a bug in one run must not stop the others
        traceback.print_exc()
        return None, f"{type(error).__name__}: {' '.join(str(error).split())}"


def _start(cores: list[int]) -> subprocess.Popen:
    """Starts a worker that is pinned from its first instruction on: libraries count cores early."""
    code = "from flanrepro.workers import _work; _work()"
    command = [sys.executable, *(f"-W{option}" for option in sys.warnoptions), "-c", code]
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)  # "": the current folder
    # A kernel that JupyterLab started has not told its allocator anything; its workers have.
    env = {**os.environ, **allocator.environment(), "PYTHONPATH": paths, "FLANREPRO_WORKERS": "1"}
    with _pinned(cores):
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
            process_group=0,  # Control-C is for the sweep, which ends its workers
        )


@contextlib.contextmanager
def _pinned(cores: list[int]):
    """Processes that start within the context may use these cores only."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)  # a child inherits it
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _hand(worker: _Worker, do: Callable, job: Any) -> None:
    worker.job = job
    with contextlib.suppress(BrokenPipeError):  # a dead worker is noticed at its pipe of answers
        # Twice: the outer one, of bytes, always loads; the inner one may fail as the job's error.
        pickle.dump(pickle.dumps((do, job)), worker.process.stdin)
        worker.process.stdin.flush()


def _end(worker: _Worker) -> str:
    """Ends a worker, closes its pipes, and returns how it ended, in words."""
    with contextlib.suppress(BrokenPipeError):
        worker.process.stdin.close()
    worker.answers.close()
    code = worker.process.wait()
    if code >= 0:
        return f"its process ended with exit code {code}"
    name = signal.Signals(-code).name
    hint = ", as the system does when memory runs out" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{hint}"


# --- in a worker ---


def _work() -> None:
    """Answers jobs until the parent process is gone; jobs come by stdin, answers go by stdout."""
    jobs, answers = os.fdopen(os.dup(0), "rb"), Connection(os.dup(1), readable=False)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what `do` prints must not mix with the answers
    say_warnings()
    sys.stdout.reconfigure(line_buffering=True)
    make = tqdm.__init__  # bars of several processes would overwrite one another
    tqdm.__init__ = lambda *args, **how: make(*args, **{**how, "disable": True})
    todo: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    # A thread, so that a worker in the middle of a run notices that the parent is gone.
    threading.Thread(target=_receive, args=(jobs, todo), daemon=True).start()
    with told_to(lambda at: answers.send_bytes(pickle.dumps(at))):
        while True:
            answers.send_bytes(_answer(todo.get()))


def _receive(jobs, todo: queue.SimpleQueue) -> None:
    """Queues jobs; when the other end of the pipe closes, ends this process at once."""
    try:
        while True:
            todo.put(pickle.load(jobs))
    except (EOFError, pickle.UnpicklingError):
        os._exit(0)  # from a thread, `sys.exit` would end the thread alone


def _answer(job: bytes) -> bytes:
    """A job's pickled result and sentence; a result that cannot be pickled is an error, too."""

    def call() -> bytes:
        do, argument = pickle.loads(job)
        return pickle.dumps((do(argument), ""))

    answer, sentence = attempt(call)
    return answer or pickle.dumps((None, sentence))
