"""A benchmark's engines in processes of their own, asked in turn."""

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any


@contextlib.contextmanager
def process(name: str, work: Callable, *arguments: Any) -> Iterator[tuple[Callable, Any]]:
    """Starts `work(connection, *arguments)` in a new interpreter, see `serve`.

    Gives what sends it a question and waits for the answer, and what it said first. SystemExit if
    it ends before that.
    """
    spawn = multiprocessing.get_context("spawn")  # a fork would share this process's threads
    here, there = spawn.Pipe()
    started = spawn.Process(target=work, args=(there, *arguments), daemon=True)
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


def serve(connection: Connection, first: Any, answer: Callable[[Any], Any]) -> None:
    """In the new process: says `first`, and then answers until the other end is closed."""
    connection.send(first)
    with contextlib.suppress(EOFError):
        while True:
            connection.send(answer(connection.recv()))
