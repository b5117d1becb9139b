import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ci.gpu.__main__ import app, main
from flanrepro.experiments.pretrain import pretraining_specs
from flanrepro.experiments.store import RunStore

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.filterwarnings("ignore::flanrepro.data.pretraining.DocumentTooLong")

WITHOUT = """
import sys
ABSENT = {"grain", "seqio", "tensorflow", "pooch", "papermill", "matplotlib"}
class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in ABSENT:
            return self.finder.find_spec(name, path, target)
    def __getattr__(self, name):
        return getattr(self.finder, name)
sys.meta_path[:] = map(Without, sys.meta_path)
"""
"""A borrowed machine's Python: these are not installed there."""


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Path:
    """A workspace with two parts, the second with the rest of a run that begins in the first."""
    folder = tmp_path_factory.mktemp("here")
    said = in_process(folder, "prepare", "--tiny", "--part", "96000")
    assert said.startswith("5 of 5 lacking runs are packed whole, in 2 parts:\n")
    return folder


def in_process(workspace: Path, *command: str, **variables) -> str:
    """What `python -m ci.gpu` prints."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ({"FLANREPRO_OUT": workspace} | variables).items():
            patch.setenv(name, str(value))
        done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def run(workspace: Path, *command, **variables) -> subprocess.CompletedProcess:
    done = subprocess.run(command, **how(workspace, variables), check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def how(workspace: Path, variables: dict) -> dict:
    named = {"FLANREPRO_OUT": str(workspace), "JAX_PLATFORMS": "cpu", **variables}
    env = os.environ | {name: str(value) for name, value in named.items()}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return {"cwd": ROOT, "env": env, **pipes}


def carry(here: Path, there: Path, part: str) -> None:
    shutil.rmtree(there / ".gpu-tiny", ignore_errors=True)
    shutil.copytree(here / ".gpu-tiny" / part, there / ".gpu-tiny" / part)


@pytest.mark.slow
def test_a_part_whose_beginning_never_came_is_left_out(here, tmp_path):
    carry(here, tmp_path, "2")
    said = in_process(tmp_path, "work", "--tiny", OUT=tmp_path / "out")
    assert "nano prefix lm, seed 0: left out, the part before" in said
    assert "0 of 1 runs are done" in said  # the third phase waits for the second


@pytest.mark.slow
def test_a_killed_job_goes_on_with_the_next_part_and_its_runs_are_taken_home(here, tmp_path):
    there, out = tmp_path / "there", tmp_path / "out"
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "sitecustomize.py").write_text(WITHOUT)
    machine = {"PYTHON": sys.executable, "PYTHONPATH": tmp_path / "python", "OUT": out}
    logs = there / ".gpu-tiny-work" / "logs"
    logs.mkdir(parents=True)
    for name in ("variants", "tests", "bench", "decode", "many"):  # they have tests of their own
        (logs / f"{name}.done").touch()

    carry(here, there, "1")
    job = ("bash", "ci/gpu/run.sh", "--tiny")
    killed = subprocess.Popen(job, **how(there, machine), start_new_session=True)
    while not list(there.glob(".gpu-tiny-work/runs/*/manifest.json")):
        assert killed.poll() is None, killed.communicate()
        time.sleep(0.1)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()

    said = run(there, *job, **machine).stdout
    assert "prefix lm, seed 0: stopped with a checkpoint at step 40 of 90; its batches" in said
    assert "3 of 4 runs are done" in said
    carry(here, there, "2")
    said = run(there, *job, **machine).stdout
    assert "5 of 5 runs are done" in said
    assert sorted(path.name for path in out.iterdir()) == ["logs.tar.gz", "outcome.zip.0"]

    taken = in_process(here, "take", str(out))
    assert taken.count(": taken over\n") == 5
    store = RunStore(here / "runs")
    *phases, last = pretraining_specs("pocket", "nano", steps=3)
    usual = RunStore(tmp_path / "usual")
    for spec in (*phases, last):
        expected, found = usual.get(spec).metrics(), store.find(spec).metrics()
        np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-4)
    for name, leaf in store.find(last).params()["decoder"]["decoder_norm"].items():
        known = usual.find(last).params()["decoder"]["decoder_norm"][name]
        np.testing.assert_allclose(leaf, known, rtol=1e-3)
    scores = list(here.glob("runs/*/scores/held_in_0shot_8.json"))
    assert len(scores) == 2
    assert json.loads(scores[0].read_text())["scores"][-1]["task"] == "mean"

    again = in_process(here, "take", str(out))
    assert again.count(": was there already\n") == 5
    left = in_process(here, "prepare", "--tiny")
    assert left.startswith("0 of 0 lacking runs")


def test_a_folder_that_has_nothing_to_take_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ci.gpu", "take", str(tmp_path)])
    said = f"ci.gpu: {tmp_path} has no outcome.zip.0: give the folder that came back"
    with pytest.raises(SystemExit, match=f"^{re.escape(said)}$"):
        main()
