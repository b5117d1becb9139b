"""How the program ends: streams that cannot be written, Control-C, SIGTERM."""

import os
import pty
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from flanrepro import allocator
from flanrepro.cli.app import app
from flanrepro.cli.kept import KEPT

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "flanrepro"]
FULL = (
    "flanrepro: the output could not be written (No space left on device): free some space, or "
    "send standard output elsewhere\n"
)

# --- streams ---


@pytest.fixture
def full():
    """A stream of which nothing can be written."""
    with open("/dev/full", "w") as stream:
        yield stream


@pytest.mark.parametrize(
    "args",
    [
        "tasks",
        "mixture flan2021 -c pocket",  # little, so that it is written as the program ends
        "--help",
        pytest.param("figures --profile smoke --out {out}", marks=pytest.mark.slow),
        pytest.param("doctor", marks=pytest.mark.slow),
    ],
)
def test_full_standard_output_is_one_sentence(full, tmp_path, args):
    given = args.format(out=tmp_path).split()
    done = subprocess.run([*COMMAND, *given], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, FULL)


@pytest.mark.parametrize("args", ["tasks", "mixture flan2021 -c pocket"])
def test_an_output_that_nobody_reads_ends_quietly(args):
    reads, writes = os.pipe()
    os.close(reads)
    try:
        done = subprocess.run(
            [*COMMAND, *args.split()], stdout=writes, stderr=subprocess.PIPE, text=True
        )
    finally:
        os.close(writes)
    assert (done.returncode, done.stderr) == (1, "")


def test_full_standard_error_leaves_the_status(full):
    done = subprocess.run([*COMMAND, "tasks", "--source", "x"], stderr=full, check=False)
    assert done.returncode == 2
    both = subprocess.run([*COMMAND, "tasks"], stdout=full, stderr=full, check=False)
    assert both.returncode == 2


@pytest.mark.parametrize(("closed", "status"), [(">&-", 0), ("2>&-", 0), ("<&- >&- 2>&-", 0)])
def test_a_closed_stream_is_no_file_of_ours(tmp_path, closed, status):
    opened = (
        "import sys; from flanrepro.cli import main; main._open_streams(); print('out');"
        "print('err', file=sys.stderr); file = open('made', 'w'); file.write(str(file.fileno()))"
    )
    command = f"'{sys.executable}' -c \"{opened}\" {closed}"
    done = subprocess.run(command, shell=True, cwd=tmp_path, check=False)
    assert done.returncode == status
    assert int((tmp_path / "made").read_text()) > 2


# --- signals ---


class Started:
    """A process in a group of its own, as a terminal starts it, and all that descends from it."""

    def __init__(self, command: list, stderr: int = subprocess.PIPE, **env: str):
        self.mark = uuid.uuid4().hex
        # In the background of a script pytest ignores it, and what it starts would, too.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.process = subprocess.Popen(
            [str(word) for word in command],
            cwd=ROOT,
            env={**os.environ, "FLANREPRO_TEST": self.mark, **env},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            process_group=0,
        )
        signal.signal(signal.SIGINT, before)

    def wait_until(self, begun: Callable[[], object]) -> None:
        end = time.monotonic() + 120
        while not begun() and self.process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)

    def send(self, number: int, *, group: bool = True) -> tuple[int, str]:
        """Sends a signal; exit status and standard error. Asserts that no descendant is left."""
        (os.killpg if group else os.kill)(self.process.pid, number)
        _, err = self.process.communicate(timeout=60)
        end = time.monotonic() + 20
        while (left := self.left()) and time.monotonic() < end:
            time.sleep(0.1)
        assert not left
        return self.process.returncode, err

    def left(self) -> list[psutil.Process]:
        """The processes that are still there."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("FLANREPRO_TEST") == self.mark:
                    found.append(process)
            except psutil.Error:  # it ended meanwhile, or is another user's
                continue
        return found


@pytest.fixture
def start():
    """start(command, **env): a `Started`, which a test that fails leaves no process of."""
    every = []

    def started(*args, **env) -> Started:
        every.append(Started(*args, **env))
        return every[-1]

    yield started
    for one in every:
        for process in one.left():
            process.kill()
        one.process.communicate()


def script(code: str) -> list[str]:
    """A program with the handlers that prints `ready`, and has lines of its own."""
    begin = "import os, signal, subprocess, sys, time\nfrom flanrepro.cli import main\n"
    begin += "sys.argv = ['flanrepro', 'run']\nmain.end_on_signals()\n"
    ready = "\nprint('ready', flush=True)\n"
    return [sys.executable, "-c", begin + textwrap.dedent(code).replace("READY", ready.strip())]


SENTENCE = (
    "\nflanrepro: interrupted: finished runs are kept, and of each other one its last "
    "checkpoint; start the same command again, and it goes on from there\n"
)
PROGRAMS = {
    "a library that catches everything": """
        READY
        while True:
            try:
                time.sleep(30)
            except BaseException:
                pass
        """,
    "children in groups of their own, and theirs": """
        code = "import subprocess, sys; subprocess.run(['sleep', '99'])"
        subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        time.sleep(0.5)
        READY
        time.sleep(30)
        """,
    "a copy that was forked": """
        if os.fork():
            READY
        time.sleep(30)
        """,
    "a write to standard error": """
        READY
        while True:
            sys.stderr.write(" ")
        """,
}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("group", [True, False])
def test_control_c_ends_a_program_and_its_children_in_one_sentence(start, program, group):
    started = start(script(PROGRAMS[program]))
    assert started.process.stdout.readline() == "ready\n"
    status, err = started.send(signal.SIGINT, group=group)
    assert (status, err.lstrip(" ")) == (130, SENTENCE)


def test_sigterm_is_said_too(start):
    started = start(script("READY\ntime.sleep(30)"))
    assert started.process.stdout.readline() == "ready\n"
    status, err = started.send(signal.SIGTERM)
    assert (status, err) == (143, SENTENCE.replace("interrupted", "ended from outside"))


def test_a_signal_that_came_during_the_restart_is_not_lost():
    code = """
        import signal, os, sys
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        os.kill(os.getpid(), signal.SIGINT)
        os.execv(sys.executable, [sys.executable, "-m", "flanrepro", "tasks"])
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    said = "\nflanrepro: interrupted: start the same command again\n"
    assert (done.returncode, done.stdout, done.stderr) == (130, "", said)


def test_a_signal_that_is_ignored_from_the_start_stays_so():
    code = "import signal; from flanrepro.cli import main; main.end_on_signals(); print("
    code += "signal.getsignal(signal.SIGTERM) is signal.SIG_IGN, "
    code += "signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
    command = ["sh", "-c", 'trap "" TERM; exec "$0" -c "$1"', sys.executable, code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("True ")


def test_every_command_that_keeps_something_is_there():
    groups = {group.name for group in app.registered_groups}
    assert set(KEPT) <= groups | {one.callback.__name__ for one in app.registered_commands}


# --- real commands ---

NOTEBOOK = ROOT / "notebooks" / "02_mixed_prompts.ipynb"
REAL = {
    "run": (["run", NOTEBOOK, "--profile", "smoke", "-p", "out", "{out}"], "runs/*"),
    "reproduce": (["reproduce", "--profile", "smoke", "-p", "out", "{out}"], "runs/*"),
    "evaluate": (["evaluate", "pocket-nano", "--suite", "cot", "--out", "{out}"], "evaluations/*"),
    "pretrain": (["pretrain", "--out", "{out}"], "runs/*/*"),
    "cache": (
        ["cache", "flan2021", "-c", "pocket", "--workers", "2", "--out", "{out}"],
        "*/stats.train*",
    ),
    "pocket": (["pocket", "tuned", "--profile", "smoke"], "runs/*"),
    "figures": (["figures", "--out", "{out}"], "figures/*/*"),
}


@pytest.mark.slow
@pytest.mark.parametrize("group", [True, False])
@pytest.mark.parametrize("name", REAL)
def test_control_c_ends_every_long_command_in_one_sentence(start, tmp_path, name, group):
    words, begun = REAL[name]
    words = [str(word).format(out=tmp_path) for word in words]
    started = start([*COMMAND, *words], FLANREPRO_OUT=str(tmp_path))
    started.wait_until(lambda: list(tmp_path.glob(begun)))
    status, err = started.send(signal.SIGINT, group=group)
    assert status == 130
    assert "Traceback" not in err and err.count("flanrepro: ") == 1
    last = err.splitlines()[-1]
    assert last.startswith("flanrepro: interrupted: ") and KEPT.get(name, "start the same") in last
    if name in ("run", "reproduce"):
        assert f"interrupted: in {tmp_path / 'runs'} 0 finished runs are kept, and of each" in last


@pytest.mark.slow
@pytest.mark.parametrize(("number", "said"), [(2, "interrupted"), (15, "ended from outside")])
def test_a_signal_in_the_middle_of_training_is_one_sentence(start, tmp_path, number, said):
    terminal, of_process = pty.openpty()  # where a bar is drawn
    started = start([*COMMAND, "pretrain", "--out", tmp_path], stderr=of_process)
    os.close(of_process)
    text = ""
    while "loss" not in text:
        text += os.read(terminal, 1000).decode(errors="replace")
    status, _ = started.send(number)
    err = os.read(terminal, 10_000).decode(errors="replace")
    os.close(terminal)
    assert status == 128 + number
    assert "Traceback" not in text + err and err.count(f"flanrepro: {said}: finished runs") == 1


@pytest.mark.slow
@pytest.mark.skipif(not allocator._glibc(), reason="glibc's malloc alone has settings")
@pytest.mark.parametrize("seconds", [0, 0.03, 0.1, 0.3, 1, 2, 4])
def test_control_c_at_any_time_after_the_restart_is_one_sentence(
    start, tmp_path, monkeypatch, seconds
):
    for name in (*allocator._own(), "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    started = start([*COMMAND, "pretrain", "--out", tmp_path])
    process = psutil.Process(started.process.pid)
    started.wait_until(lambda: "MALLOC_ARENA_MAX" in process.environ())
    time.sleep(seconds)
    status, err = started.send(signal.SIGINT)
    assert status == 130
    assert "Traceback" not in err and err.count("flanrepro: interrupted: ") == 1


@pytest.mark.slow
def test_control_c_of_make_reproduce_is_one_sentence_beside_makes_own(start, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "flanrepro").write_text(f'#!/bin/sh\nexec {" ".join(COMMAND)} "$@"\n')
    (tmp_path / "bin" / "flanrepro").chmod(0o755)
    made = [tmp_path / name for name in ("created", "installed")]
    for path in made:
        path.touch()
    started = start(
        ["make", "reproduce", "PROFILE=smoke", f"VENV={tmp_path}"], FLANREPRO_OUT=str(tmp_path)
    )
    started.wait_until(lambda: list(tmp_path.glob("runs/*")))
    status, err = started.send(signal.SIGINT)
    assert status in (-signal.SIGINT, 2)
    assert "Traceback" not in err and err.count("flanrepro: interrupted: ") == 1
    assert "Error 130" in err
