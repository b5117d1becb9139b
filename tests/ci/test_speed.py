"""The one table of rates and seconds: from the parts' CSV, into its own, a picture and a page."""

from pathlib import Path

import pandas as pd
import pytest

from ci.bench import speed
from ci.bench.common import OUT

COLD = """\
model,suite,shots,method,prompts,engine,seconds,fastest,slowest,ready,ratio,jax,lm_eval
nano,mmlu,3,rank,50,flanrepro,2.0,1.5,3.0,1.0,4.0,0.10.2,0.4.13
nano,mmlu,3,rank,50,"flanrepro, compiled before",1.0,0.9,1.1,0.8,8.0,0.10.2,0.4.13
nano,mmlu,3,rank,50,harness,8.0,6.0,9.0,7.0,1.0,0.10.2,0.4.13
"""
TRAIN = """\
model,optimizer,engine,useful_tokens_per_s,slowest,fastest,utilisation,jax,torch
nano,adamw,flanrepro,300,200,400,0.5,0.10.2,2.13.0
nano,adamw,hugging_face,100,50,200,0.1,0.10.2,2.13.0
"""


@pytest.fixture
def measured(tmp_path) -> pd.DataFrame:
    (tmp_path / "cold.csv").write_text(COLD)
    (tmp_path / "train.csv").write_text(TRAIN)
    return speed.table(tmp_path)


def test_a_ratio_says_how_many_times_as_quick_ours_is_in_rates_and_in_seconds(measured):
    rates, share, cold, kept = measured.itertuples()
    assert (rates.unit, rates.ratio, cold.unit, cold.ratio, kept.ratio) == (
        "useful tokens/s",
        3,
        "s",
        4,
        8,
    )
    assert rates.opponent == "Hugging Face (PyTorch)" and pd.isna(share.opponent)
    assert (share.unit, share.ours) == ("%", 50)
    assert (rates.low, rates.high, cold.low, cold.high) == (200, 400, 3, 1.5)
    assert rates.versions == "jax 0.10.2, torch 2.13.0"
    assert cold.versions == "jax 0.10.2, lm_eval 0.4.13"


def test_the_page_has_medians_with_their_ranges_and_the_file_of_each_row(measured):
    old = "before\n<!-- table speed -->\nearlier rows\n<!-- end -->\nafter\n"
    page = speed.page(old, measured)
    assert page.startswith("before\n") and page.endswith("after\n") and "earlier" not in page
    assert (
        "| 300 (200 to 400) useful tokens/s | Hugging Face (PyTorch): 100 (50 to 200) | 3 |" in page
    )
    assert "| 2 (1.5 to 3) s | lm-evaluation-harness (Hugging Face): 8 (6 to 9) | 4 |" in page
    assert page.count("`train.csv`") == page.count("`cold.csv`") == 2


def test_the_committed_table_is_that_of_the_committed_parts():
    pd.testing.assert_frame_equal(pd.read_csv(OUT / "speed.csv"), speed.table(OUT))


def test_the_committed_page_and_picture_are_made_from_it(tmp_path):
    table, page = speed.table(OUT), speed.PAGE.read_text("utf-8")
    assert page == speed.page(page, table)
    for path in speed.draw(table, tmp_path):
        assert path.read_bytes() == (OUT / Path(path).name).read_bytes()
