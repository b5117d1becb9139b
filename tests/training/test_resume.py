import dataclasses
import signal
import time

import jax
import numpy as np
import pytest

from flanrepro.data.fates import LOSSES
from flanrepro.training.checkpoint import Checkpoints
from flanrepro.training.loop import train

pytestmark = pytest.mark.filterwarnings("ignore::flanrepro.data.examples.PromptTooLong")


def assert_same(one: tuple, other: tuple) -> None:
    """Bit-identical parameters; the same measures at the same steps; the same counts."""
    jax.tree.map(np.testing.assert_array_equal, one[0], other[0])
    left, right = (
        [(row["step"], row["loss"], row["accuracy"]) for row in run[1].history]
        for run in (one, other)
    )
    assert left == right
    for name in ("examples", *LOSSES, "tokens", "useful_tokens"):
        assert getattr(one[1], name) == getattr(other[1], name), name


@pytest.mark.parametrize("stops", [(25,), (50,), (1, 33, 34)])
def test_a_stopped_run_ends_as_an_uninterrupted_one(spec, whole, tmp_path, stops):
    for stop_at in stops:
        _, progress = train(spec, tmp_path, stop_at=stop_at)
        assert [row["step"] for row in progress.history] == [s for s in (25, 50) if s <= stop_at]
    assert_same(train(spec, tmp_path), whole)


def test_a_stopped_run_with_replay_goes_on_with_the_text_that_is_next(spec, tmp_path):
    replayed = dataclasses.replace(spec, steps=40, replay=0.25)
    train(replayed, tmp_path / "stopped", stop_at=17)
    stopped = train(replayed, tmp_path / "stopped")
    assert_same(stopped, train(replayed, tmp_path / "whole"))
    without = train(dataclasses.replace(replayed, replay=0.0), tmp_path / "without")
    assert [row["loss"] for row in stopped[1].history] != [
        row["loss"] for row in without[1].history
    ]


def test_a_stopped_decoder_only_run_ends_as_an_uninterrupted_one(spec, tmp_path):
    spec = dataclasses.replace(spec, model="lm-nano", steps=40)
    train(spec, tmp_path / "stopped", stop_at=17)
    params, progress = train(spec, tmp_path / "whole")
    assert_same(train(spec, tmp_path / "stopped"), (params, progress))
    assert progress.tokens == 40 * 4 * (64 + 16)
    assert progress.tokens > progress.useful_tokens > 0.7 * progress.tokens
    assert progress.history[0]["loss"] - progress.history[-1]["loss"] > 0.5


def test_a_run_that_is_complete_is_not_trained_further(spec, whole, tmp_path):
    first = train(spec, tmp_path)
    again = train(spec, tmp_path)
    assert_same(first, again)
    assert first[1].seconds == again[1].seconds


# So that it is still there to be killed, however long this process has to wait for its turn.
HELD_AT_110 = """
import time
how = {"each": lambda step, params: step and time.sleep(3600), "every": 110}
"""


@pytest.mark.slow
def test_a_killed_run_ends_as_an_uninterrupted_one(spec, tmp_path, start_training):
    spec = dataclasses.replace(spec, steps=120)
    folder = tmp_path / "killed"
    process = start_training(spec, folder, before=HELD_AT_110)
    while not any(path.name.isdigit() for path in folder.glob("*")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    time.sleep(np.random.default_rng().uniform(0, 0.2))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stderr.close()
    assert Checkpoints(folder).latest < 120
    assert_same(train(spec, folder), train(spec, tmp_path / "whole"))


NO_LARGE_FILE = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
"""


def test_a_full_disk_is_one_sentence_and_the_run_goes_on_when_there_is_space(
    spec, whole, tmp_path, start_training
):
    train(spec, tmp_path, stop_at=25)
    process = start_training(spec, tmp_path, before=NO_LARGE_FILE)
    _, report = process.communicate()
    assert process.returncode == 1
    sentence = report.strip().splitlines()[-1]
    assert f"InputError: the checkpoint of step 50 could not be written to {tmp_path}" in sentence
    assert (
        "File too large); the checkpoint of step 25 is whole: free some space and start" in sentence
    )
    assert report.count("Error:") == 1  # nothing else is reported
    assert sorted(path.name for path in tmp_path.iterdir()) == ["25"]
    assert_same(train(spec, tmp_path), whole)
