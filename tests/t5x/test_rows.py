import json

import pytest

from flanrepro.t5x import rows


def row(step: int, began: float, seconds: float, **more: float) -> dict:
    measured = {"loss": 2.0, "accuracy": 0.5, "non_padding": 0.75}
    return {**measured, "examples": 10.0, "step": step, "began": began, "seconds": seconds, **more}


@pytest.fixture
def write(tmp_path):
    def written(*found: dict):
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(each) + "\n" for each in found))
        return path

    return written


def test_rows_are_the_history_with_seconds_of_all_processes(write, spec):
    path = write(row(10, 1.0, 5.0), row(20, 1.0, 8.0), row(24, 99.0, 4.0, loss=1.0))
    done = rows.progress(path, spec)
    tokens = 4 * (128 + 32)
    assert [each["step"] for each in done.history] == [10, 20, 24]
    assert [each["loss"] for each in done.history] == [2.0, 2.0, 1.0]
    assert [each["seconds"] for each in done.history] == [5.0, 8.0, 12.0]
    assert done.history[1]["useful_tokens_per_s"] == pytest.approx(0.75 * tokens * 10 / 3.0)
    assert (done.seconds, done.examples) == (12.0, 240)
    assert (done.tokens, done.useful_tokens) == (24 * tokens, 18 * tokens)
    assert (done.truncated, done.dropped) == (None, None)  # T5X does not count them


def test_rows_behind_a_checkpoint_are_dropped(write):
    path = write(row(10, 1.0, 5.0), row(20, 1.0, 8.0))
    rows.cut(path, 10)
    assert rows.last(path)["step"] == 10
    rows.cut(path, 0)
    assert rows.last(path) is None
