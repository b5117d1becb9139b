import numpy as np
import pytest

from flanrepro.data.fates import DROPPED, KEPT, TRUNCATED, count_fates, say_losses
from flanrepro.data.fates import without_exemplars as less


@pytest.mark.parametrize(
    ("fates", "said"),
    [
        ([0, KEPT, KEPT, 0], ""),
        ([TRUNCATED, DROPPED, KEPT], "2 of 3 prompts did not fit: 1 cut, 1 left out"),
        (
            [less(1), less(3), TRUNCATED, *[KEPT] * 1200],
            "3 of 1,203 prompts did not fit: 2 lost exemplars (4 in all), 1 cut, 0 left out",
        ),
    ],
)
def test_what_was_lost_is_said(fates, said):
    assert say_losses(count_fates(np.array(fates))) == said


def test_counts_that_an_engine_does_not_give_are_not_said():
    none = dict.fromkeys(("truncated", "dropped", "shortened", "exemplars_dropped"))
    assert say_losses({"examples": 80, **none}) == ""


def test_texts_are_called_texts():
    counts = {"examples": 80, "truncated": 2, "dropped": 0}
    assert say_losses(counts, "texts") == "2 of 80 texts did not fit: 2 cut, 0 left out"


def test_fates_are_counted_without_padding():
    fate = np.array([[KEPT, TRUNCATED, 0, 0], [DROPPED, KEPT, KEPT, 0], [less(4), less(1), 0, 0]])
    assert count_fates(fate) == {
        "examples": 7,
        "truncated": 1,
        "dropped": 1,
        "shortened": 2,
        "exemplars_dropped": 5,
    }
