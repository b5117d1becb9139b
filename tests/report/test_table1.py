import math

import pandas as pd
import pytest

from flanrepro.experiments.sweep import ABLATIONS, COLLECTIONS_OF_TABLE_1
from flanrepro.report.claims import parts_of
from flanrepro.report.table1 import NEXT_BEST, printed, table

T_2 = 4.302653
"""0.975 quantile of Student's t with two degrees of freedom, from a printed table."""

SEEDS = dict.fromkeys((*ABLATIONS, *COLLECTIONS_OF_TABLE_1), (20.0, 20.0, 20.0)) | {
    "flan2022": (60.0, 62.0, 64.0),
    "p3++": (50.0, 54.0, 52.0),
    "niv2": (58.0, 40.0, 40.0),
}


@pytest.fixture
def scores(scored):
    values = {(("mixture", mixture),): by_seed for mixture, by_seed in SEEDS.items()}
    return scored(values, suites=("mmlu", "held_in"))


def row(found: pd.DataFrame, name: str, suite: str, setting: str):
    where = (found["row"] == name) & (found["suite"] == suite) & (found["setting"] == setting)
    (only,) = found[where].itertuples()
    return only


def test_a_row_has_our_mean_and_interval_beside_the_papers_number(scores):
    ours = row(table(scores), "Flan 2022", "held_in", "few_shot")
    assert (ours.value, ours.paper, ours.chance, ours.seeds) == (62, 74.8, 25, 3)
    half = T_2 * 2 / math.sqrt(3)
    assert (ours.low, ours.high) == pytest.approx((62 - half, 62 + half), rel=1e-6)
    assert (ours.mixture, ours.runs) == ("flan2022", "a0 a1 a2")


def test_the_next_best_has_the_highest_mean_and_is_compared_seed_by_seed(scores):
    gain = row(table(scores), NEXT_BEST, "mmlu", "zero_shot")
    assert gain.value == (10 + 8 + 12) / 3  # to P3++: Natural Instructions' best seed is no mean
    half = T_2 * 2 / math.sqrt(3)
    assert (gain.low, gain.high) == pytest.approx((10 - half, 10 + half), rel=1e-6)
    assert gain.paper == 4.2
    assert {"a0", "a1", "a2", "g0", "g1", "g2"} <= set(gain.runs.split())


def test_the_next_best_row_is_what_the_claim_about_it_is_judged_by(scores):
    (held_in,) = {part.ours for part in parts_of("F1", scores)}
    assert row(table(scores), NEXT_BEST, "held_in", "few_shot").value == held_in


def test_there_is_no_next_best_without_another_collection(scores):
    found = table(scores[scores["mixture"].isin(ABLATIONS)])
    assert NEXT_BEST not in set(found["row"])


def test_what_others_report_of_their_models_has_no_value_of_ours(scores):
    others = table(scores).query("group == 'reported elsewhere'")
    assert others["value"].isna().all()
    assert row(others, "OPT-IML-Max 175B", "mmlu", "few_shot").paper == 47.1
    assert set(others["suite"]) == {"mmlu"}


def test_it_is_printed_as_the_paper_prints_it(scores):
    form = printed(table(scores))
    assert list(form.index) == [
        *("Flan 2022", "- CoT", "- Input Inversion", "- Mixture Balancing", "- Few Shot Templates"),
        *("Flan 2021", "P3++", "Super-Natural Inst.", "GLM-130B", "OPT-IML-Max 30B"),
        *("OPT-IML-Max 175B", NEXT_BEST),
    ]
    assert list(form.columns.unique(0)) == ["Held-In", "MMLU"]
    assert form.loc["Flan 2022", "MMLU"].tolist() == ["62.0 / 62.0", "50.3 / 52.4"]
    assert form.loc[NEXT_BEST, "MMLU"].tolist() == ["+10.0 / +10.0", "+4.2 / +17.6"]
    assert form.loc["GLM-130B", "MMLU"].tolist() == ["", "- / 44.8"]
    assert form.loc["GLM-130B", "Held-In"].tolist() == ["", ""]
