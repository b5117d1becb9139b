"""Notebooks on real data at `smoke`, one after the other, through the command line.

Two of the nine: the one with the most runs, and the scorecard over them.
"""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("01_ablations", "09_scorecard")
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


@pytest.mark.parametrize("name", ["table_1", "figure_1"])
def test_every_suite_of_a_table_says_how_many_of_its_tasks_it_is_a_mean_of(out, name):
    table = csv(out, name)
    assert set(table["suite"]) == SUITES
    ours = table[table["value"] != ""]
    few_shot = ours[(ours["suite"] == "held_in") & (ours["setting"] == "few_shot")]
    assert set(few_shot["evaluated"]) == {"5 of 8 tasks"}
    assert set(few_shot["left_out"]) == {LACK}
    mmlu = ours[ours["suite"] == "mmlu"]
    assert set(mmlu["evaluated"]) == {"57 of 57 tasks"} and set(mmlu["left_out"]) == {""}


def test_a_figures_caption_says_it(out):
    drawing = (out[0] / "figures" / "smoke" / "figure_1_flan2022.svg").read_text("utf-8")
    assert f"Held-In few-shot, 5 of 8 tasks: {LACK}." in drawing


def test_every_claim_says_which_of_its_parts_were_tested(out):
    card = csv(out, "scorecard").set_index("claim")
    ours = card.loc[[name for name in card.index if name.startswith("F")]]
    ours = ours[ours["verdict"] != "published"]
    assert ours["parts"].str.fullmatch(r"\d+ of \d+").all()
    assert card.loc["F10", "parts"] == "10 of 10"
    assert "p3++ not run, so not compared with" in card.loc["F1", "left_out"]
    assert LACK in card.loc["F11", "left_out"]
