"""Bars are a line in a terminal, a display in an open notebook, nothing in a notebook's file."""

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel

from flanrepro import bars

SWEEP = """
import time
from flanrepro import bars
from flanrepro.experiments.runner import run_sweep

def trains(spec):
    with __import__("contextlib").closing(bars.steps(f"seed {spec}", 0, 4)) as steps:
        for step in steps:
            time.sleep(0.3)
            steps.set_postfix_str(f"loss {3 - step}.5")

bars.EVERY = 0.1
results = run_sweep(trains, [0, 1], done=lambda spec: False, label="runs of x", workers=1)
"""


def in_terminal(*command: str, columns: int) -> str:
    """What a command shows in a terminal of its own."""
    terminal, of_process = pty.openpty()
    fcntl.ioctl(of_process, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(command, stdout=of_process, stderr=of_process) as process:
        os.close(of_process)
        shown = b""
        with contextlib.suppress(OSError):  # how a terminal ends
            while read := os.read(terminal, 10_000):
                shown += read
    os.close(terminal)
    assert process.returncode == 0, shown.decode()
    return shown.decode()


def papermill(folder: Path) -> list[str]:
    """The command that executes SWEEP as a notebook, into `out.ipynb`."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SWEEP)])
    nbformat.write(notebook, folder / "in.ipynb")
    named = ["--no-progress-bar", "-k", "python3", "--log-level", "ERROR"]
    return [
        sys.executable,
        "-m",
        "papermill",
        *named,
        *(f"{folder}/{n}.ipynb" for n in ("in", "out")),
    ]


@pytest.mark.parametrize("columns", [120, 0])
def test_a_terminal_has_a_line_with_runs_steps_loss_and_time_left(columns):
    shown = in_terminal(sys.executable, "-c", SWEEP, columns=columns)
    lines = shown.replace("\n", "").split("\r")
    assert "runs of x: " in lines[1]
    said = [line for line in lines if "seed 1: step 2/4, loss 1.5]" in line]
    assert "1.5 of 2 [00:01<00:00" in said[0].replace("00:02<", "00:01<")
    assert lines[-1].strip() == "" and lines[-2].strip() == ""  # it is gone at the end


def test_a_log_has_a_line_in_a_while(monkeypatch, tmp_path):
    script = SWEEP.replace("bars.EVERY = 0.1", "bars.EVERY, bars.LOG_EVERY = 0.1, 0.5")
    done = subprocess.run([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    lines = done.stderr.splitlines()
    assert 1 < len(lines) < 5
    assert all(line.startswith("runs of x: ") and "\r" not in line for line in lines)


def test_papermill_shows_the_line_in_its_terminal_and_keeps_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # under which a kernel leaves its file 2 as it is
    shown = in_terminal(*papermill(tmp_path), columns=120)
    assert "seed 1: step 2/4, loss 1.5]" in shown
    (cell,) = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells
    assert cell.outputs == []


def test_papermill_without_a_terminal_keeps_nothing_either(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    subprocess.run(papermill(tmp_path), check=True, capture_output=True)
    (cell,) = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells
    assert cell.outputs == []


def test_an_open_notebook_has_one_display_that_is_replaced_and_then_empty():
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        # As JupyterLab and VS Code ask: they name the cell.
        message = client.session.msg("execute_request", {"code": SWEEP})
        message["metadata"] = {"cellId": "a"}
        client.shell_channel.send(message)
        texts, kinds = [], set()
        while True:
            got = client.get_iopub_msg(timeout=120)
            kinds.add(got["msg_type"])
            if "data" in got["content"]:
                texts.append(got["content"]["data"]["text/plain"])
            if got["content"].get("execution_state") == "idle" and len(kinds) > 2:
                break
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert kinds == {"status", "execute_input", "display_data", "update_display_data"}
    assert any("seed 1: step 2/4, loss 1.5]" in text and "█" in text for text in texts)
    assert texts[-1] == ""


def test_a_run_outside_a_sweep_has_a_bar_of_its_own_and_without_a_name_none():
    assert bars.steps("", 2, 5).disable
    assert list(bars.steps("", 2, 5)) == [2, 3, 4]
    heard = []
    with bars.told_to(heard.append):
        assert list(bars.steps("run", 2, 4)) == [2, 3]
    assert heard == [bars.At("run", 3, 4, "")]
    assert not isinstance(bars.steps("run", 0, 1), bars.Told)
