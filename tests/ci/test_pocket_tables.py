"""The tables that `ci/pocket.py` makes of scores."""

import pandas as pd
import pytest

from ci.pocket import steps_to_best, summarised


def test_means_have_their_t_interval_chance_and_runs():
    scores = pd.DataFrame(
        {
            "suite": ["mmlu"] * 3 + ["cot"],
            "value": [50.0, 52.0, 54.0, 9.0],
            "chance": [25.0] * 3 + [15.0],
            "run": list("abcd"),
        }
    )
    mmlu, cot = summarised(scores, ["suite"]).to_dict("records")
    # The 97.5 % point of Student's t with two degrees of freedom is 4.303; the error 2 / sqrt(3).
    assert (mmlu["value"], mmlu["seeds"], mmlu["chance"], mmlu["runs"]) == (52.0, 3, 25.0, "a b c")
    assert mmlu["low"] == pytest.approx(52 - 4.303 * 2 / 3**0.5, abs=1e-3)
    assert mmlu["high"] == pytest.approx(52 + 4.303 * 2 / 3**0.5, abs=1e-3)
    assert (cot["value"], cot["seeds"]) == (9.0, 1)
    assert cot["low"] != cot["low"]  # one seed has no interval


@pytest.mark.parametrize(
    ("tuned", "step", "fewer"), [([40, 80, 90], 20, True), ([40, 50, 60], None, False)]
)
def test_the_step_at_which_the_untuned_models_best_is_reached(tuned, step, fewer):
    rows = [
        {"target": "cxc", "metric": "spearman", "seed": seed, "state": state, "step": at}
        | {"value": value + change}
        for state, values in (("untuned", [0, 60, 70]), ("tuned", tuned))
        for seed, change in ((0, -5), (1, 5))  # of which only the mean counts
        for at, value in zip((0, 20, 40), values, strict=True)
    ]
    (row,) = steps_to_best(pd.DataFrame(rows)).to_dict("records")
    assert (row["untuned_best"], row["untuned_step"], row["seeds"]) == (70, 40, 2)
    assert row["tuned_step"] == step if step else row["tuned_step"] != row["tuned_step"]
    assert (row["fewer"], row["tuned_before"], row["metric"]) == (fewer, 40, "spearman")
