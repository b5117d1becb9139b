"""The program `flanrepro`: how it begins, and how it ends.

Importing this module takes little time, so that Control-C ends in a sentence from the start.
"""

import contextlib
import errno
import os
import signal
import sys
from types import FrameType
from typing import IO

from flanrepro.cli.kept import left
from flanrepro.errors import InputError, say_warnings

RESTARTED = {"run", "reproduce", "pretrain", "pocket", "evaluate", "challenge", "doctor"}
"""The commands that train or evaluate, and `doctor`, which says what they run with."""

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors of a stream, or of a file that a library writes, with no space left."""

SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "ended from outside"}


def command() -> None:
    """Runs the command as a program of its own: `flanrepro`, `python -m flanrepro`."""
    end_on_signals()
    _open_streams()
    say_warnings()
    from flanrepro import allocator

    if len(sys.argv) > 1 and sys.argv[1] in RESTARTED:
        allocator.restart_with_it()
    main()


def main() -> None:
    """Runs the command in this process, and ends it.

    Bad input, and standard output that cannot be written, end in one sentence, no traceback, and
    exit status 2; if nobody reads the output any more, there is no sentence and the status is 1.
    """
    from flanrepro.cli.app import app
    from flanrepro.cli.parameters import join_pairs

    status = 0
    try:
        app(args=join_pairs(sys.argv[1:]))
    except SystemExit as stop:
        status = stop.code or 0
    except InputError as error:
        status = _refuse(str(error))
    except OSError as error:
        if error.filename or error.errno not in FULL:  # a mistake of this program
            raise
        status = _unwritten(error)
    # What is printed may wait in a buffer until now.
    output, errors = _stuck(sys.stdout), _stuck(sys.stderr)
    if output and not status:
        status = 1 if output.errno == errno.EPIPE else _unwritten(output)
    sys.exit(status or (2 if errors else 0))


def _unwritten(error: OSError) -> int:
    return _refuse(
        f"the output could not be written ({error.strerror}): free some space, or send standard "
        "output elsewhere"
    )


def _refuse(sentence: str) -> int:
    """Prints the sentence; gives the status that goes with it."""
    with contextlib.suppress(OSError):  # standard error that is full
        print(f"flanrepro: {sentence}", file=sys.stderr)
    return 2


def _stuck(stream: IO[str]) -> OSError | None:
    """Flushes a standard stream; gives the error if that fails, and then drops what is in it."""
    try:
        stream.flush()
    except OSError as error:
        # Else Python would try once more as it ends, and print a traceback of its own.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return error
    return None


def _open_streams() -> None:
    """Opens the standard streams that the caller closed: a file that is written would be one."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


def end_on_signals() -> None:
    """Makes Control-C and SIGTERM end this process and its children, in one sentence.

    The status is 128 and the signal's number, as shells have it. Signals that this process was
    started without, by `nohup` or in the background of a script, stay ignored.
    """
    process = os.getpid()
    asked = sys.argv[1] if len(sys.argv) > 1 else ""

    def end(number: int, frame: FrameType | None) -> None:
        # No exception: it would come up wherever the program is, and a callback, or a library that
        # catches everything, would keep it. Nothing needs to be closed, since a process that is
        # killed loses nothing.
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        if os.getpid() == process:  # a copy that was forked has nothing to say
            _end_children()
            with contextlib.suppress(OSError):  # past `sys.stderr`, which may be within a write
                os.write(2, f"\nflanrepro: {SIGNALS[number]}: {left(asked)}\n".encode())
        os._exit(128 + number)

    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)
    if hasattr(signal, "pthread_sigmask"):  # they wait since `allocator.restart_with_it`
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _end_children() -> None:
    """Kills this process's children, and theirs: notebooks' kernels and workers."""
    with contextlib.suppress(Exception):  # without it they end by themselves, a second later
        import psutil

        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()
