import dataclasses
import json
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from flanrepro.errors import InputError
from flanrepro.training import checkpoint
from flanrepro.training.loop import LOG_EVERY, train

TRAIN = """
import json, sys
from pathlib import Path
from flanrepro.experiments.spec import RunSpec
from flanrepro.training.loop import train
train(RunSpec(**json.loads(sys.argv[1])), Path(sys.argv[2]), checkpoint_seconds=0)
"""


def train_command(spec, folder, before: str = "") -> list[str]:
    return [sys.executable, "-c", before + TRAIN, json.dumps(dataclasses.asdict(spec)), str(folder)]


def assert_same(one: tuple, other: tuple) -> None:
    """Bit-identical parameters; the same losses at the same steps; the same counts."""
    jax.tree.map(np.testing.assert_array_equal, one[0], other[0])
    left, right = (
        [(row["step"], row["loss"]) for row in run[1].history if row["step"] % LOG_EVERY == 0]
        for run in (one, other)
    )
    assert left == right
    for name in ("examples", "truncated", "dropped", "tokens", "useful_tokens"):
        assert getattr(one[1], name) == getattr(other[1], name), name


def test_the_loss_on_pocket_falls(spec, tmp_path):
    _, progress = train(spec, tmp_path)
    first, last = progress.history[0], progress.history[-1]
    assert last["step"] == 60
    assert first["loss"] - last["loss"] > 1.5
    assert progress.examples > 500
    assert 0.8 < progress.useful_tokens / progress.tokens < 1


@pytest.mark.parametrize("stop_at", [25, 37])
def test_a_stopped_run_ends_as_an_uninterrupted_one(spec, tmp_path, stop_at):
    whole = train(spec, tmp_path / "whole")
    train(spec, tmp_path / "parts", stop_at=stop_at)
    assert_same(train(spec, tmp_path / "parts"), whole)


def test_a_killed_run_ends_as_an_uninterrupted_one(spec, tmp_path):
    spec = dataclasses.replace(spec, steps=200)
    process = subprocess.Popen(train_command(spec, tmp_path / "killed"))
    while not any(path.name.isdigit() for path in (tmp_path / "killed").glob("*")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert checkpoint.Checkpoints(tmp_path / "killed").latest < 200
    killed = train(spec, tmp_path / "killed")
    assert_same(killed, train(spec, tmp_path / "whole"))


LIMITED = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # no file may grow beyond this, as on a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
"""


def test_a_full_disk_is_one_sentence_and_the_older_checkpoint_is_whole(spec, tmp_path):
    whole = train(spec, tmp_path / "whole")
    folder = tmp_path / "full"
    train(spec, folder, stop_at=25)
    command = train_command(spec, folder, before=LIMITED)
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    sentence = result.stderr.strip().splitlines()[-1]
    assert "InputError: the checkpoint of step 50 could not be written" in sentence
    assert "the one of step 25 is whole: free some space and start the run again" in sentence
    assert_same(train(spec, folder), whole)


def test_without_a_checkpoint_there_are_no_parameters(tmp_path):
    with pytest.raises(InputError, match="no checkpoint in"):
        checkpoint.restore_params(tmp_path)


def test_parameters_come_back_as_they_were_saved(spec, tmp_path):
    params, _ = train(spec, tmp_path, stop_at=25)
    restored = checkpoint.restore_params(tmp_path)
    assert jax.tree.structure(restored) == jax.tree.structure(params)
    jax.tree.map(np.testing.assert_array_equal, restored, params)


def test_bfloat16_and_adafactor_train(spec, tmp_path):
    spec = dataclasses.replace(
        spec, dtype="bfloat16", optimizer="adafactor", learning_rate=0.03, warmup_steps=10
    )
    params, progress = train(spec, tmp_path)
    assert progress.history[-1]["loss"] < progress.history[0]["loss"] - 0.5
    assert {leaf.dtype.name for leaf in jax.tree.leaves(params)} == {"float32"}
