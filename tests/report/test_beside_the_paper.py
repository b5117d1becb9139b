"""What a collection has, beside Table 3 and the published rates."""

import pandas as pd
import pytest

from flanrepro.collection.named import named_mixture
from flanrepro.experiments.profiles import Job
from flanrepro.report import rates, table3
from flanrepro.report.figures import save_table
from flanrepro.sources import load_collection


def test_table_3_has_a_row_per_task_with_what_is_at_hand_of_it():
    table = table3.table(load_collection("pocket")).set_index("task")
    assert len(table) == 20
    assert table.loc["anli_r2", "row"] == "ANLI R1+R2+R3"
    assert table.loc["rte", "scored_by"] == "auc_roc"
    assert table.loc["cxc", ["train", "validation", "test"]].tolist() == [2000, 200, 200]
    assert pd.isna(table.loc["svamp", "train"])  # its exemplars are a split of their own


def test_a_split_that_is_not_at_hand_counts_no_records(mirror, monkeypatch):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    table = table3.table(load_collection("flan2022")).set_index("task")
    assert table.loc["anli_r1", ["train", "validation"]].tolist() == [0, 1000]
    assert table.loc["gsm8k", "validation"] == 1319


def test_every_set_of_rates_sums_to_100_per_cent_and_ours_are_the_mixtures():
    made = named_mixture("flan2022", load_collection("pocket"))
    table = rates.table(made)
    sums = table.groupby("where")["per_cent"].sum()
    assert len(sums) == 6 and sums.tolist() == pytest.approx([100] * 6)
    section = table[table["where"].str.contains("section 3.6")]
    assert section["rate"].tolist() == [0.46, 0.28, 0.25]
    here = table[table["where"] == "here, stated"].set_index("source")["per_cent"]
    assert here["flan2021"] == pytest.approx(100 * 40 / 103)
    equal = table[table["where"].str.contains("Table 2")]
    assert equal["per_cent"].tolist() == pytest.approx([100 / 6] * 6)


def test_a_table_is_kept_with_four_digits(tmp_path):
    job = Job(out=str(tmp_path / "new"))
    path = save_table(pd.DataFrame({"a": [1 / 3]}), job, "t")
    assert path == job.figures / "t_pocket.csv"
    assert path.read_text() == "a\n0.3333\n"
