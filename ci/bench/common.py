"""What the benchmarks share: measured processes, turns, rates, and how a table is told."""

import contextlib
import multiprocessing
import os
import platform
import time
import unittest.mock
from collections.abc import Callable, Hashable, Iterator
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a measured process imports what it measures
    import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "figures" / "bench"

# --- processes ---


@contextlib.contextmanager
def process(
    name: str,
    work: Callable,
    *arguments: Any,
    optional: bool = False,
    one_core: bool = False,
    environment: dict[str, str] | None = None,
) -> Iterator[tuple[Callable, Any]]:
    """Starts `work(*arguments)` in a new interpreter, where it stays to answer questions.

    Args:
        name: the process's, for its error.
        work: function that gives what is said first, and what answers a question.
        arguments: `work`'s.
        optional: True: if a module is not installed, {"missing": the error} is said instead.
        one_core: True: the process has one of this one's cores, from its beginning.
        environment: variables beside this process's own.

    Yields:
        a function that asks and waits for the answer, and what was said first. SystemExit if the
        process ends before that.
    """
    spawn = multiprocessing.get_context("spawn")  # a fork would share this process's threads
    here, there = spawn.Pipe()
    started = spawn.Process(target=_serve, args=(there, work, arguments, optional), daemon=True)
    with _inherited(one_core, environment or {}):
        started.start()
    there.close()

    def answer() -> Any:
        try:
            return here.recv()
        except EOFError:
            raise SystemExit(f"{name}'s process has ended, see its error above") from None

    def ask(question: Any) -> Any:
        here.send(question)
        return answer()

    try:
        yield ask, answer()
    finally:
        here.close()
        started.join()


@contextlib.contextmanager
def _inherited(one_core: bool, environment: dict[str, str]) -> Iterator[None]:
    """Gives this thread what a process that it starts meanwhile begins with: malloc reads its
    variables, and libraries count the cores, when a process begins."""
    with contextlib.ExitStack() as undo:
        undo.enter_context(unittest.mock.patch.dict(os.environ, environment))
        if one_core:
            cores = os.sched_getaffinity(0)
            undo.callback(os.sched_setaffinity, 0, cores)
            os.sched_setaffinity(0, {min(cores)})
        yield


def _serve(connection: Connection, work: Callable, arguments: tuple, optional: bool) -> None:
    """Runs in the new process: works, and answers until the other end is closed."""
    try:
        first, answer = work(*arguments)
    except ImportError as error:
        if not optional:
            raise
        first, answer = {"missing": str(error)}, None
    connection.send(first)
    with contextlib.suppress(EOFError):
        while True:
            connection.send(answer(connection.recv()))


def in_process(function: Callable, *arguments: Any, **how: Any) -> Any:
    """What `function(*arguments)` returns in a fresh process; see `process` for `how`."""
    with process(function.__name__, _once, function, arguments, **how) as (_, returned):
        return returned


def _once(function: Callable, arguments: tuple) -> tuple[Any, None]:
    return function(*arguments), None


# --- measuring ---


def in_turn(engines: dict[Hashable, Callable[[], Any]], rounds: int) -> dict[Hashable, list]:
    """What each engine gave in each round; in turn, so that all meet the same other load."""
    found: dict[Hashable, list] = {key: [] for key in engines}
    for _ in range(rounds):
        for key, engine in engines.items():
            found[key].append(engine())
    return found


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Wall-clock seconds of `run()`, and what it returned."""
    began = time.perf_counter()
    returned = run()
    return time.perf_counter() - began, returned


def rate(step: Callable[[], Any], seconds: float) -> float:
    """Steps per second, over about `seconds`, one step at least."""
    began, done = time.perf_counter(), 0
    while done == 0 or time.perf_counter() - began < seconds:
        step()
        done += 1
    return done / (time.perf_counter() - began)


# --- telling ---


def environment(device: str | None = None, packages: str = "") -> dict[str, str | int]:
    """What a measured number depends on: versions (of `packages`, too), machine, and the device's
    name, which is JAX's first one's if none is given."""
    from flanrepro.workers import cores

    versions = {}
    for name in ("jax", "flax", "optax", "torch", "transformers", *packages.split()):
        with contextlib.suppress(PackageNotFoundError):
            versions[name] = version(name)
    if device is None:
        import jax

        device = jax.devices()[0].device_kind
    system = {"machine": platform.machine(), "python": platform.python_version()}
    return versions | system | {"cores": len(cores()), "device": device}


def tell(table: "pd.DataFrame", path: Path, where: dict | None = None, **how: Any) -> None:
    """Writes a table as CSV, and prints it with what its numbers depend on.

    Args:
        table: what was measured.
        path: the CSV file's; its folder is made.
        where: see `environment`; written, too, unless `columns` is False.
        how: `form` of printed numbers, `digits` of written ones as `to_csv` takes it, `columns`.
    """
    where, form = where or {}, how.get("form", "{:,.2f}")
    path.parent.mkdir(parents=True, exist_ok=True)
    written = table.assign(**where) if how.get("columns", True) else table
    written.to_csv(path, index=False, float_format=how.get("digits"))
    print(table.to_string(index=False, float_format=form.format, na_rep=""))
    if where:
        print(", ".join(f"{name} {value}" for name, value in where.items()))
