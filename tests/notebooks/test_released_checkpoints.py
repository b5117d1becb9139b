"""The notebook itself, as its users run it."""

import os

import pandas as pd
import pytest

NOTEBOOK = "08_released_checkpoints.ipynb"
SUITES = {"held_in", "cot", "mmlu", "bbh", "bbh_cot", "single_task"}


@pytest.mark.slow
def test_it_draws_checkpoints_and_reads_them_the_second_time(executes, tmp_path, code_cells):
    executed = tmp_path / "out.ipynb"
    executes(NOTEBOOK, executed, profile="smoke", out=tmp_path)
    table = pd.read_csv(tmp_path / "figures" / "smoke" / "checkpoints_pocket.csv")
    assert set(table["suite"]) == SUITES
    assert set(table["checkpoint"]) == {"pocket-nano", "random"}
    assert table["value"].between(0, 100).all()
    assert table.query("suite == 'mmlu' and setting == 'few_shot'")["paper"].eq(52.4).all()
    for kind in ("png", "svg"):
        assert (tmp_path / "figures" / "smoke" / f"checkpoints_pocket.{kind}").stat().st_size > 5000
    streams = [out.get("text", "") for cell in code_cells(executed) for out in cell.outputs]
    assert not any("Warning" in text for text in streams)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("evaluations/*/*/*")}
    assert len(before) == 2 * 2 * len(SUITES) * 2  # checkpoints, shots, suites, answers and scores
    executes(NOTEBOOK, executed, profile="smoke", out=tmp_path)
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.slow
def test_it_runs_on_real_data_with_a_checkpoint_of_ones_own(
    executes, tmp_path, mirror, monkeypatch
):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    given = {"collection": "flan2022", "checkpoints": "pocket-nano,majority"}
    executes(
        NOTEBOOK, tmp_path / "o.ipynb", **given, suites="held_in", profile="smoke", out=tmp_path
    )
    table = pd.read_csv(tmp_path / "figures" / "smoke" / "checkpoints_flan2022.csv")
    assert set(table["checkpoint"]) == {"pocket-nano", "majority"}
    assert dict(zip(table["setting"], table["paper"], strict=True)) == {
        "zero_shot": 73.8,
        "few_shot": 74.8,
    }
    assert os.listdir(tmp_path / "evaluations")
