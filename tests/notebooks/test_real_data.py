"""The paper's notebooks on real data at `smoke`, one after the other, through the command line."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "notebooks").glob("0*.ipynb"))
SUITES = {"held_in", "cot", "mmlu", "bbh", "bbh_cot"}
LACK = "anli_r1, anli_r2, anli_r3 have no training data here"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def out(tmp_path_factory, mirror) -> tuple[Path, dict[str, str]]:
    """The folder of results, and what each notebook printed."""
    folder = tmp_path_factory.mktemp("real")
    environment = {"FLANREPRO_MIRROR": str(mirror), "FLANREPRO_CACHE": str(folder / "cache")}
    printed = {}
    for name in NAMES:
        command = [sys.executable, "-m", "flanrepro", "run", ROOT / "notebooks" / f"{name}.ipynb"]
        given = ["--profile", "smoke", "-p", "collection", "flan2022", "-p", "out", folder]
        done = subprocess.run(
            list(map(str, [*command, *given])),
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=os.environ | environment,
            check=False,
        )
        assert done.returncode == 0, (name, done.stderr[-3000:])
        printed[name] = done.stdout
    return folder, printed


def csv(out, name: str) -> pd.DataFrame:
    path = out[0] / "figures" / "smoke" / f"{name}_flan2022.csv"
    return pd.read_csv(path, dtype={"runs": str}, keep_default_na=False)


def test_every_notebook_says_where_its_executed_copy_is(out):
    for name, printed in out[1].items():
        assert f"{name}.flan2022.smoke.ipynb" in printed


@pytest.mark.parametrize("name", ["table_1", "figure_1", "figure_3", "formats", "inversion"])
def test_every_suite_of_a_table_says_how_many_of_its_tasks_it_is_a_mean_of(out, name):
    table = csv(out, name)
    assert set(table["suite"]) == SUITES
    ours = table[table["value"] != ""]
    few_shot = ours[(ours["suite"] == "held_in") & (ours["setting"] == "few_shot")]
    assert set(few_shot["evaluated"]) == {"5 of 8 tasks"}
    assert set(few_shot["left_out"]) == {LACK}
    mmlu = ours[ours["suite"] == "mmlu"]
    assert set(mmlu["evaluated"]) == {"57 of 57 tasks"} and set(mmlu["left_out"]) == {""}


@pytest.mark.parametrize("name", ["figure_1", "figure_3", "formats", "inversion", "checkpoints"])
def test_a_figures_caption_says_it(out, name):
    drawing = (out[0] / "figures" / "smoke" / f"{name}_flan2022.svg").read_text("utf-8")
    assert f"Held-In few-shot, 5 of 8 tasks: {LACK}." in drawing


def test_both_ways_of_writing_prompts_were_run(out):
    table = csv(out, "formats")
    assert set(table["formats"]) == {"plain", "reference"}
    assert len(table) == 2 * 2 * len(SUITES)


def test_every_claim_says_which_of_its_parts_were_tested(out):
    card = csv(out, "scorecard").set_index("claim")
    ours = card.loc[[name for name in card.index if name.startswith("F")]]
    assert ours["parts"].str.fullmatch(r"\d+ of \d+").all()
    assert card.loc["F10", "parts"] == card.loc["F24", "parts"] == "10 of 10"
    assert card.loc["F21", "parts"] == "2 of 15"
    assert "p3++ not run, so not compared with" in card.loc["F1", "left_out"]
    assert LACK in card.loc["F11", "left_out"]


def test_targets_of_finetuning_have_data_for_all_three_splits(out):
    table = csv(out, "figure_5")
    assert set(table["target"]) == {"arc_easy", "condaqa", "pubmedqa"}
    assert set(table.loc[table["target"] == "pubmedqa", "group"]) == {"little"}
