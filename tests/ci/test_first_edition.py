import pandas as pd
import pytest
from typer.testing import CliRunner

from ci.bench.first_edition import app

SCORES = {
    *("held_in", "cot", "mmlu", "bbh", "bbh_cot"),
    *("completion", "own_wording_write", "own_wording_choose"),
}


def run(*arguments: str, folder) -> str:
    out = ["--profile", "smoke", "--steps", "10", "--out", str(folder), "--tables", str(folder)]
    result = CliRunner().invoke(app, [*arguments, *out], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.slow
def test_a_part_writes_a_row_per_run_and_score_and_reads_what_is_there(tmp_path):
    run("replay", "--rates", "1e-3", "--shares", "0,0.5", folder=tmp_path)
    table = pd.read_csv(tmp_path / "first_edition_replay.csv", dtype={"run": str})
    assert table.groupby("run")["score"].agg(set).tolist() == [SCORES, SCORES]
    assert set(zip(table["replay"], table["steps"], strict=True)) == {(0.0, 10), (0.5, 10)}
    assert not table.duplicated(["run", "score", "shots", "method"]).any()
    trained = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/manifest.json")}
    run("replay", "--rates", "1e-3", "--shares", "0.5", folder=tmp_path)
    again = pd.read_csv(tmp_path / "first_edition_replay.csv", dtype={"run": str})
    pd.testing.assert_frame_equal(again, table)
    assert trained == {path: path.stat().st_mtime_ns for path in trained}


@pytest.mark.slow
def test_operations_that_are_held_out_are_scored_beside_those_trained_on(tmp_path):
    run("operations", "--numbers", "8", folder=tmp_path)
    table = pd.read_csv(tmp_path / "first_edition_operations.csv")
    assert set(table["tasks"]) == {0, 8}  # the untuned model is there, too
    own = table[table["score"].str.startswith("operations")]
    assert own.groupby("tasks")["score"].agg(list).to_dict() == {
        0: ["operations_held_out"],
        8: ["operations_held_out", "operations_trained"],
    }
    assert own["n"].tolist() == [400, 400, 64]


def test_what_a_mixture_shows_is_counted(tmp_path):
    result = CliRunner().invoke(
        app, ["exposure", "--draws", "400", "--tables", str(tmp_path)], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    rows = pd.read_csv(tmp_path / "first_edition_exposure.csv").set_index(["mixture", "tasks"])
    assert rows.loc[("niv2", 1560), ["held_in", "cot", "niv2"]].tolist() == [0, 0, 100]
    eight = rows.loc[("flan2022_without_few_shot", 8)]
    assert eight["held_in"] == 100 and eight["median_of_a_task"] > 10
    less, more = (
        rows.loc[(name, 1847), "inverted"] for name in ("flan2022_without_inversion", "flan2022")
    )
    assert less < more < less + 5
