import pandas as pd
import pytest

from flanrepro.experiments.unknown_scores import UnknownScores, known


def test_scores_that_are_no_numbers_are_left_out_and_said():
    table = pd.DataFrame({"run": ["a", "b", "c"], "value": [1.0, None, float("inf")]})
    said = r"sweep: 2 of 3 scores are no numbers, and are left out \(of run b, c\)"
    with pytest.warns(UnknownScores, match=said):
        assert list(known(table, "sweep")["run"]) == ["a"]
