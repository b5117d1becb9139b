"""The allocator of processes that train; how much it saves is the kernel's business, too."""

import importlib.util
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from flanrepro import allocator
from flanrepro.cli import main as cli
from flanrepro.cli.app import COMMANDS
from flanrepro.experiments.runner import run_sweep
from flanrepro.training.spec import RunSpec

ROOT = Path(__file__).resolve().parent.parent
ENTRY = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]

on_glibc = pytest.mark.skipif(not allocator._glibc(), reason="glibc's malloc alone has settings")


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """The tests themselves may have been started with settings."""
    for name in (*allocator._own(), "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)


def python(*args: str, **how) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-P", *args], capture_output=True, text=True, check=False, **how
    )


# --- what a process is given ---


@pytest.fixture
def huge_pages(monkeypatch, tmp_path):
    """huge_pages(text): the kernel says that its huge pages have so many bytes."""
    path = tmp_path / "hpage_pmd_size"
    monkeypatch.setattr(allocator, "_PAGE_SIZE", path)
    return path.write_text


@on_glibc
def test_a_process_that_trains_is_given_the_settings(huge_pages):
    assert allocator.environment() == allocator.SETTINGS
    huge_pages("2097152\n")
    assert allocator.environment() == {
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_TRIM_THRESHOLD_": "2147483647",
        "MALLOC_MMAP_MAX_": "0",
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    }


@on_glibc
def test_huge_pages_are_asked_for_where_they_are_small(huge_pages):
    huge_pages(str(512 << 20))
    assert allocator.environment() == allocator.SETTINGS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MALLOC_ARENA_MAX", "8"),
        ("MALLOC_TRIM_THRESHOLD_", "0"),
        ("MALLOC_PERTURB_", "1"),
        ("GLIBC_TUNABLES", "glibc.cpu.x86_shstk=off:glibc.malloc.arena_max=8"),
    ],
)
def test_any_setting_of_the_user_is_left_alone(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert allocator.environment() == {}
    if allocator._glibc():
        assert allocator.state().startswith(f"as your own settings say ({name})")


@on_glibc
def test_other_tunables_of_glibc_stay_in_front_of_ours(monkeypatch, huge_pages):
    huge_pages("2097152")
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.cpu.x86_shstk=off")
    ours = {"GLIBC_TUNABLES": "glibc.cpu.x86_shstk=off:glibc.malloc.hugetlb=1"}
    assert allocator.environment() == allocator.SETTINGS | ours


def test_settings_are_given_once(monkeypatch):
    for name, value in allocator.environment().items():
        monkeypatch.setenv(name, value)
    assert allocator.environment() == {}


def no_such_name(name: str) -> str:
    raise ValueError("unrecognized configuration name")


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [
        (sys, "platform", "darwin"),
        (os, "confstr", no_such_name),
        (os, "confstr", lambda name: None),
    ],
)
def test_elsewhere_than_on_glibc_nothing_is_set(monkeypatch, module, name, value):
    monkeypatch.setattr(module, name, value, raising=False)
    assert allocator.environment() == {}
    assert not allocator.holds()
    assert allocator.state() == "the system's own; flanrepro has settings for glibc alone"


# --- who has them ---

SAYS = "from flanrepro import allocator; print(allocator.holds(), allocator.state(), sep=': ')"


@on_glibc
def test_they_hold_in_a_process_that_was_started_with_them_and_in_no_other():
    begun_with = python("-c", SAYS, env={**os.environ, **allocator.environment()})
    assert begun_with.stdout.startswith("True: glibc keeps freed memory for the next train step")
    set_later = python("-c", f"import os; os.environ.update({allocator.SETTINGS}); {SAYS}")
    assert set_later.stdout.startswith("False: ")


IMPORTS = """
import sys
asked = []
sys.addaudithook(lambda event, args: event == "ctypes.dlsym" and asked.append(args[1]))
import flanrepro.model.t5
print("mallopt" in asked, end=" ")
"""


@on_glibc
def test_who_imports_the_library_keeps_their_own_allocator():
    run = python("-c", f"{IMPORTS}{SAYS}")
    assert run.stdout.startswith("False False: glibc gives freed memory back"), run.stderr
    assert "MALLOC_ARENA_MAX=1 " in run.stdout
    assert run.stdout.endswith(" jupyter lab\n")
    assert importlib.util.find_spec("flanrepro.model.host_memory") is None


@pytest.fixture(params=["script", "module"])
def command(request, tmp_path):
    """command(*args) -> the finished `flanrepro`, started as installed or as `python -m`."""
    module, _, function = ENTRY["flanrepro"].partition(":")
    script = tmp_path / "flanrepro"
    script.write_text(f"import sys\nfrom {module} import {function}\nsys.exit({function}())\n")
    begin = {"script": ["-P", str(script)], "module": ["-m", "flanrepro"]}[request.param]

    def start(*args: str, **how) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, *begin, *args], capture_output=True, text=True, check=False, **how
        )

    return start


@on_glibc
def test_doctor_says_that_commands_have_them(command):
    run = command("doctor")
    assert run.returncode == 0, run.stderr
    assert "\nallocator: glibc keeps freed memory for the next train step" in run.stdout


def test_a_sentence_and_its_exit_status_survive_the_restart(command):
    run = command("run", "ü.ipynb", "-p", "seeds")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "flanrepro: parameter 'seeds' has no value: write -p seeds VALUE\n"


def test_the_commands_that_are_restarted_are_there():
    functions = {function.__name__ for function in COMMANDS}
    assert functions | {"challenge", "data", "pocket"} >= cli.RESTARTED


@pytest.mark.parametrize("name", ["tasks", "--help", "cache"])
def test_no_other_command_is_restarted(monkeypatch, name):
    monkeypatch.setattr(sys, "argv", ["flanrepro", name])
    monkeypatch.setattr(allocator, "restart_with_it", lambda: pytest.fail("restarted"))
    monkeypatch.setattr(cli, "end_on_signals", lambda: None)  # pytest has its own way to end
    monkeypatch.setattr(cli, "main", lambda: None)
    cli.command()


def test_a_program_that_calls_the_command_is_not_restarted(monkeypatch):
    monkeypatch.setattr(os, "execve", lambda *args: pytest.fail("restarted"))
    monkeypatch.setattr(sys, "argv", ["flanrepro", "doctor"])
    allocator.restart_with_it()
    monkeypatch.setattr(sys, "argv", ["flanrepro"])
    allocator.restart_with_it()


@on_glibc
def test_the_same_program_is_started_with_the_same_arguments(monkeypatch):
    started = []
    monkeypatch.setattr(os, "execve", lambda *args: started.append(args))
    own = ["python", "-W", "error", "-X", "utf8", "-m", "flanrepro", "run", "a b", ""]
    monkeypatch.setattr(sys, "orig_argv", own)
    monkeypatch.setattr(sys, "argv", ["flanrepro", "run", "a b", ""])
    allocator.restart_with_it()
    [(program, arguments, environment)] = started
    assert (program, arguments) == (sys.executable, [sys.executable, *own[1:]])
    assert environment == {**os.environ, **allocator.environment()}


@on_glibc
def test_a_system_that_cannot_restart_goes_on(monkeypatch):
    asked = []

    def refused(*args):
        asked.append(args)
        raise OSError("Argument list too long")

    monkeypatch.setattr(os, "execve", refused)
    monkeypatch.setattr(sys, "argv", sys.orig_argv)
    allocator.restart_with_it()
    assert len(asked) == 1


@on_glibc
def test_a_signal_during_the_restart_waits_for_the_new_process(monkeypatch):
    blocked = []

    def started(*args):
        blocked.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        raise OSError("Argument list too long")

    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    monkeypatch.setattr(os, "execve", started)
    monkeypatch.setattr(sys, "argv", sys.orig_argv)
    allocator.restart_with_it()
    assert blocked == [before | {signal.SIGINT, signal.SIGTERM}]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


# --- what trains elsewhere ---


def begun_with(spec: RunSpec) -> tuple[int, bool, dict[str, str]]:
    return os.getpid(), allocator.holds(), dict(os.environ)


@on_glibc
def test_workers_have_them_though_the_process_of_the_sweep_has_not():
    specs = [RunSpec("pocket", "nano", "pocket", 2, 2, 64, 16, 1e-3, seed=i) for i in range(2)]
    for process, holds, names in run_sweep(begun_with, specs, done=lambda _: False, workers=2):
        assert process != os.getpid()
        assert holds
        assert names.items() >= allocator.environment().items()


@on_glibc
def test_t5xs_process_is_started_with_them():
    from flanrepro.t5x import engine

    assert engine._environment().items() >= allocator.environment().items()


@on_glibc
def test_the_kernel_of_a_notebook_that_is_run_has_them(tmp_path):
    import nbformat

    parameters = nbformat.v4.new_code_cell('out: str = ""', metadata={"tags": ["parameters"]})
    says = nbformat.v4.new_code_cell(SAYS, metadata={"tags": ["result"]})
    notebook = nbformat.v4.new_notebook(cells=[parameters, says])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    nbformat.write(notebook, tmp_path / "two_cells.ipynb")
    asked = ("run", "two_cells.ipynb", "-p", "out", str(tmp_path))
    run = python("-m", "flanrepro", *asked, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "\nTrue: glibc keeps freed memory" in run.stdout
