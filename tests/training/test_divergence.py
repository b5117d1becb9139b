import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flanrepro.errors import InputError
from flanrepro.model.sizes import t5_config
from flanrepro.training.checkpoint import restore_params, steps_in
from flanrepro.training.loop import NothingLearnt, train, warn_of_guessing
from flanrepro.training.progress import OpenRun
from flanrepro.training.step import Metrics, init_state

pytestmark = pytest.mark.filterwarnings("ignore::flanrepro.data.examples.PromptTooLong")


class Stream:
    """A stream that gives nothing."""

    def get_state(self) -> dict:
        return {}

    def set_state(self, state: dict) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def run(spec, tmp_path) -> OpenRun:
    return OpenRun(spec, tmp_path / "checkpoints", Stream())


def state(value: float):
    return init_state(t5_config("nano", vocab_size=128), "adamw", value, 0, seed=0)


def test_a_loss_that_is_none_is_an_error_that_names_its_step(run):
    run.save(25, state(1e-3), Metrics.zero())
    bad = Metrics.of(float("nan"), 0, 50, 80)._replace(diverged=jnp.int32(31))
    said = (
        f"run {run.spec.run_id} diverged: the loss of step 31 is infinite or NaN; the checkpoint "
        "of step 25 is whole, and no later one is written: train it with a lower learning_rate "
        "than 0.002"
    )
    for read in (lambda: run.add_row(50, bad), lambda: run.save(50, state(1e-3), bad)):
        with pytest.raises(InputError, match=f"^{re.escape(said)}$"):
            read()
    assert steps_in(run.checkpoints.folder) == [25]
    assert run.progress.history == []


def test_a_run_that_reads_no_target_is_an_error_that_counts_the_prompts(run):
    run._counts["dropped"] = 2560
    with pytest.raises(
        InputError, match=r"no target up to step 25: 2560 prompts were left out, as 64"
    ):
        run.add_row(25, Metrics.of(0, 0, 0, 900))


def test_progress_of_older_versions_is_read_and_another_is_one_sentence(run):
    older = {"stream": {}, "history": [], "examples": 5, "pending": [1.0, 2.0, 3.0, 4.0]}
    run.checkpoints.save(25, state(1e-3), older)
    _, metrics = run.restore(state(1e-3))
    assert [float(x) for x in metrics] == [1.0, 2.0, 3.0, 4.0, 0]
    for changes in ({"new": 1}, {"pending": [1.0]}, {"pending": None}):
        run.checkpoints.save(50, state(1e-3), older | changes)
        with pytest.raises(
            InputError, match=r"the progress of the checkpoint of step 0 in .* is not"
        ):
            run.restore(state(1e-3))


@pytest.mark.slow
@pytest.mark.parametrize(("optimizer", "rate"), [("adamw", 1e30), ("adafactor", 1e6)])
def test_a_run_that_diverges_stops_and_says_so_again(spec, tmp_path, optimizer, rate):
    changed = dataclasses.replace(spec, learning_rate=rate, optimizer=optimizer, steps=100)
    said = []
    for _ in range(2):
        with pytest.raises(InputError, match=r"diverged: the loss of step \d+ is") as caught:
            train(changed, tmp_path)
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert steps_in(tmp_path) == []


@pytest.mark.slow
def test_the_finite_checkpoint_before_stays(spec, tmp_path, monkeypatch):
    train(dataclasses.replace(spec, steps=60), tmp_path, stop_at=25)
    kept = restore_params(tmp_path)
    # The same folder, trained on with a rate that it was not begun with.
    with pytest.raises(InputError, match="the checkpoint of step 25 is whole, and no later one is"):
        train(dataclasses.replace(spec, steps=60, learning_rate=1e30), tmp_path)
    jax.tree.map(np.testing.assert_array_equal, restore_params(tmp_path), kept)


@pytest.mark.slow
def test_a_run_whose_prompts_are_all_dropped_stops_at_the_first_row(spec, tmp_path):
    with pytest.raises(
        InputError, match=r"reads no target up to step 25: \d{3,} prompts were left out"
    ):
        train(dataclasses.replace(spec, targets_length=2, tasks=("xsum",)), tmp_path)
    assert steps_in(tmp_path) == []


def test_a_run_that_ends_no_better_than_guessing_says_so(spec):
    row = lambda loss: {"step": 60, "loss": loss}  # noqa: E731
    said = (
        r"has learnt nothing: its last loss is 6\.64 nats per target token, as guessing among 768"
    )
    with pytest.warns(NothingLearnt, match=said):
        warn_of_guessing(spec, [row(5.0), row(6.64)], 768)
    for history in ([row(6.64), row(6.5)], [row(9.0)], []):  # the first steps may well be worse
        warn_of_guessing(spec, history, 768)
