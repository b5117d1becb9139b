"""Programs that a model wrote, run against the tests of their problem.

Each runs in a process of its own, with limits of time, memory and files, an empty folder and an
empty environment. That holds mistakes back, not malice: the process has the user's rights and the
network. So a program runs only where a suite's protocol scores `pass_at_1`.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from flanrepro.errors import InputError
from flanrepro.evaluation.extraction import without_fence

SECONDS, MEMORY = 10, 1 << 30
"""Limits of a program: seconds of processor time, and twice as many of waiting; bytes."""

_PASSED = b"passed"

# The answer goes to the first standard output, which the program itself cannot reach by printing;
# a program that ends by itself, even with status 0, has not passed.
_CHILD = """
import os, resource, sys
program, seconds, memory = sys.stdin.read(), int(sys.argv[1]), int(sys.argv[2])
said, null = os.dup(1), os.open(os.devnull, os.O_RDWR)
for stream in range(3):
    os.dup2(null, stream)
for kind, limit in (("CPU", seconds), ("AS", memory), ("FSIZE", 0), ("CORE", 0)):
    resource.setrlimit(getattr(resource, "RLIMIT_" + kind), (limit, limit))
try:
    exec(compile(program, "program", "exec"), {"__name__": "program"})
except BaseException:
    os._exit(1)
os.write(said, b"passed")
os._exit(0)
"""


def program_of(head: str, answer: str, tests: str) -> str:
    """Joins the code that a problem begins with, a model's answer and the tests."""
    return "\n".join(filter(None, (head.removesuffix("\n"), without_fence(answer), tests)))


def passed(programs: Sequence[str], seconds: int = SECONDS, memory: int = MEMORY) -> list[bool]:
    """Runs programs, as many at a time as there are cores, and says which end without an error.

    Args:
        programs: Python code with its tests.
        seconds, memory: limits, see `SECONDS`.

    Raises:
        InputError: this system cannot limit a process.
    """
    if os.name != "posix":
        raise InputError(
            "programs are run with limits of time and memory, which only Linux and macOS have: "
            "evaluate there, or choose a task whose protocol does not score pass_at_1"
        )
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda program: _passes(program, seconds, memory), programs))


def _passes(program: str, seconds: int, memory: int) -> bool:
    command = [sys.executable, "-I", "-c", _CHILD, str(seconds), str(memory)]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            command,
            cwd=folder,
            env={},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that what it starts ends with it
        ) as child,
    ):
        try:
            said, _ = child.communicate(program.encode(errors="replace"), 2 * seconds)
        except subprocess.TimeoutExpired:
            said = b""
        finally:
            with contextlib.suppress(ProcessLookupError):  # it ended, and all that it started
                os.killpg(child.pid, signal.SIGKILL)
    return said == _PASSED
