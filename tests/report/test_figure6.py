import pandas as pd
import pytest

from flanrepro.report.figure6 import draw
from flanrepro.report.figure6 import table as figure6_table

VALIDATION = {"untuned": [(30, 40, 50), (34, 44, 48)], "tuned": [(40, 60, 55), (44, 66, 57)]}


@pytest.fixture
def table() -> pd.DataFrame:
    curves = pd.DataFrame(
        {"run": f"{target}-{state}-{seed}", "target": target, "group": group, "metric": "accuracy"}
        | {"state": state, "seed": seed, "step": 20 * i, "validation": value, "test": 0.0}
        for target, group in (("rte", "held_in"), ("wanli", "held_out"), ("mednli", "held_out"))
        for state, seeds in VALIDATION.items()
        for seed, values in enumerate(seeds)
        for i, value in enumerate(values)
    )
    return figure6_table(curves)


def test_a_point_is_the_mean_validation_score_of_a_step_over_seeds(table):
    (point,) = table.query("target == 'wanli' and state == 'tuned' and step == 20").itertuples()
    assert (point.value, point.seeds, point.group) == (63, 2, "held_out")
    half = 12.706205 * 3
    assert (point.low, point.high) == pytest.approx((63 - half, 63 + half), rel=1e-6)
    assert point.runs == "wanli-tuned-0 wanli-tuned-1"


def test_held_out_targets_have_a_panel_each_with_a_star_at_the_best_step(table, stars, legend):
    fig = draw(table)
    assert [ax.get_title() for ax in fig.axes] == ["WANLI (accuracy)", "MedNLI (accuracy)"]
    for ax in fig.axes:
        assert stars(ax) == [(40, 49.0), (20, 63.0)]
        assert not [line for line in ax.lines if line.get_linestyle() == ":"]
    assert legend(fig) == ["T5", "Flan-T5"]


def test_where_a_group_has_no_target_at_hand_all_are_drawn(table):
    assert len(draw(table, "little").axes) == 3
