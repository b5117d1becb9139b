import numpy as np
import pandas as pd
import pytest

from flanrepro.report.figure5 import draw, named_targets
from flanrepro.report.figure5 import table as figure5_table

CURVES = {  # target, state: per seed validation and test by step
    ("wanli", "untuned"): [((30, 60, 60), (31, 50, 70)), ((30, 40, 50), (33, 44, 54))],
    ("wanli", "tuned"): [((50, 70, 65), (40, 72, 99)), ((50, 60, 65), (44, 61, 64))],
    ("cxc_small", "untuned"): [((0, 5, 4), (-2, 3, 9)), ((0, 5, 4), (-2, 3, 9))],
    ("cxc_small", "tuned"): [((6, 5, 4), (8, 3, 9)), ((6, 5, 4), (8, 3, 9))],
}


@pytest.fixture
def curves() -> pd.DataFrame:
    return pd.DataFrame(
        {"run": f"{target}-{state}-{seed}", "target": target, "state": state, "seed": seed}
        | {"group": "little" if target.endswith("_small") else "held_out"}
        | {"metric": "spearman" if target.startswith("cxc") else "accuracy"}
        | {"step": 20 * i, "validation": validation, "test": test}
        for (target, state), seeds in CURVES.items()
        for seed, scores in enumerate(seeds)
        for i, (validation, test) in enumerate(zip(*scores, strict=True))
    )


def test_a_bar_is_the_test_score_where_validation_is_best_and_flan_t5s_is_before_any_step(curves):
    table = figure5_table(curves).set_index(["target", "bar"])
    assert table.loc["wanli"]["value"].to_dict() == {
        "t5_finetuned": (50 + 54) / 2,  # of equals the first, at step 20; then step 40
        "flan_t5": (40 + 44) / 2,
        "flan_t5_finetuned": (72 + 64) / 2,
    }
    assert table.loc["cxc_small", "flan_t5_finetuned"]["value"] == 8  # finetuning never helps
    half = 12.706205 * 2  # Student's t with one degree of freedom, times the standard error
    low, high = table.loc[("wanli", "t5_finetuned"), ["low", "high"]]
    assert (low, high) == pytest.approx((52 - half, 52 + half), rel=1e-6)
    assert table.loc[("wanli", "flan_t5"), "runs"] == "wanli-tuned-0 wanli-tuned-1"


def test_it_has_a_panel_per_group_and_three_bars_per_target_in_its_own_metric(curves, legend):
    fig = draw(figure5_table(curves))
    assert [ax.get_title() for ax in fig.axes] == ["Held-Out", "Little data"]
    heights = [[bar.get_height() for bar in ax.patches] for ax in fig.axes]
    np.testing.assert_equal(heights, [[52, 42, 68], [3, 8, 8]])
    labels = [tick.get_text() for ax in fig.axes for tick in ax.get_xticklabels()]
    assert labels == ["WANLI\naccuracy", "CxC\nSpearman"]
    assert len({bar.get_facecolor() for bar in fig.axes[0].patches}) == 3
    assert len({bar.get_hatch() for bar in fig.axes[0].patches}) == 3
    assert legend(fig) == ["T5, finetuned", "Flan-T5", "Flan-T5, finetuned"]


def test_a_target_of_its_own_row_in_table_3_has_that_name_and_any_other_its_own():
    targets = ["bool_q", "anli_r1", "mednli_small"]
    names = named_targets(
        pd.DataFrame({"target": targets, "metric": ["auc_roc", "f1", "accuracy"]})
    )
    assert names == {
        "bool_q": ("BoolQ", "AUC-ROC"),
        "anli_r1": ("ANLI R1", "F1"),
        "mednli_small": ("MedNLI", "accuracy"),
    }
