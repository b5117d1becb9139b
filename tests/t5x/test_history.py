"""T5X's reports of a run, there and back; `test_twin.py` has T5X itself write them."""

import json
from types import SimpleNamespace

import pytest

from flanrepro.data.fates import LOSSES
from flanrepro.t5x import history


def row(step: int, began: float, seconds: float, **more: float) -> dict:
    """A row as `history.Writer` writes it."""
    measured = {"loss": 2.0, "accuracy": 0.5, "non_padding": 0.75}
    return {**measured, "examples": 10.0, "step": step, "began": began, "seconds": seconds, **more}


@pytest.fixture
def write(tmp_path):
    def written(*found: dict):
        path = tmp_path / history.FILE
        path.write_text("".join(json.dumps(each) + "\n" for each in found))
        return path

    return written


def test_what_t5x_reports_is_a_row_of_the_history(tmp_path, spec):
    path = tmp_path / history.FILE
    reported = {"cross_ent_loss": 2.0, "accuracy": 0.5, "non_padding_fraction/overall": 0.75}
    reported |= {"effective_batch_size/decoder": 10.0, "learning_rate": 1e-3}
    metrics = {name: SimpleNamespace(value=value) for name, value in reported.items()}
    began = history.Writer(str(path)).began
    assert not history.Writer(str(path), began).run(SimpleNamespace(step=5), {"train": metrics})
    written = history.last(path)
    assert written == row(5, began, written["seconds"])
    assert 0 <= written["seconds"] < 60
    assert history.progress(path, spec).history[0]["loss"] == 2.0


def test_rows_are_the_history_with_seconds_of_all_processes(write, spec):
    path = write(row(10, 1.0, 5.0), row(20, 1.0, 8.0), row(24, 99.0, 4.0, loss=1.0))
    done = history.progress(path, spec)
    tokens = 4 * (128 + 32)
    assert [each["step"] for each in done.history] == [10, 20, 24]
    assert [each["loss"] for each in done.history] == [2.0, 2.0, 1.0]
    assert [each["seconds"] for each in done.history] == [5.0, 8.0, 12.0]
    assert done.history[1]["useful_tokens_per_s"] == pytest.approx(0.75 * tokens * 10 / 3.0)
    assert (done.seconds, done.examples) == (12.0, 240)
    assert (done.tokens, done.useful_tokens) == (24 * tokens, 18 * tokens)
    assert {getattr(done, name) for name in LOSSES} == {None}  # T5X does not count them


def test_rows_after_a_checkpoint_are_dropped(write):
    path = write(row(10, 1.0, 5.0), row(20, 1.0, 8.0))
    history.drop_after(path, 10)
    assert history.last(path)["step"] == 10
    history.drop_after(path, 0)
    assert history.last(path) is None
