import dataclasses
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# Training is a stand-in that leaves a file and waits for another, so that the order is certain.
ASK = """
import json, os, sys, time
from pathlib import Path
from flanrepro.training.spec import RunSpec
from flanrepro.experiments.store import RunStore
from flanrepro.training import loop

def train(spec, folder, **kwargs):
    (root / f"training.{os.getpid()}").touch()
    while not (root / "go").exists():
        time.sleep(0.01)
    return {}, loop.Progress(stream={}, history=[{"step": 1}])

root, loop.train = Path(sys.argv[2]), train
print(RunStore(root).get(RunSpec(**json.loads(sys.argv[1]))).folder.name)
"""


@pytest.fixture
def ask(spec, tmp_path):
    """ask() -> a process that asks the store for `spec`; ended with the test."""
    started = []

    def start() -> subprocess.Popen:
        command = [sys.executable, "-c", ASK, json.dumps(dataclasses.asdict(spec)), str(tmp_path)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def in_training(root: Path, count: int) -> list[Path]:
    """The files of `count` trainings, once so many have begun."""
    until = time.monotonic() + 900  # it hangs; a busy machine takes what it takes
    while len(found := list(root.glob("training.*"))) < count:
        assert time.monotonic() < until
        time.sleep(0.01)
    return found


def test_of_two_processes_one_trains_and_the_other_waits_and_says_so(ask, spec, tmp_path):
    first = ask()
    in_training(tmp_path, 1)
    second = ask()
    said = second.stdout.readline()
    assert said == f"run {spec.run_id} is being trained by another process: waiting for it\n"
    (tmp_path / "go").touch()
    for process in (first, second):
        assert process.communicate()[0] == f"{spec.run_id}\n"
        assert process.returncode == 0
    assert len(in_training(tmp_path, 1)) == 1


def test_when_the_process_that_trains_is_killed_the_waiting_one_trains(ask, spec, tmp_path):
    first = ask()
    in_training(tmp_path, 1)
    second = ask()
    assert "waiting" in second.stdout.readline()
    first.send_signal(signal.SIGKILL)
    in_training(tmp_path, 2)
    (tmp_path / "go").touch()
    assert second.communicate()[0] == f"{spec.run_id}\n"
