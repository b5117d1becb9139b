"""The notebook itself, as its users run it."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "02_mixed_prompts.ipynb"


@pytest.mark.slow
def test_figure_3_of_pocket_has_every_suite_and_share(smoke):
    folder = smoke(NOTEBOOK.stem).out / "figures" / "smoke"
    table = pd.read_csv(folder / "figure_3_pocket.csv")
    assert set(table["suite"]) == {"held_in", "cot", "mmlu", "bbh", "bbh_cot"}
    assert set(table["setting"]) == {"zero_shot", "few_shot"}
    assert sorted(table["few_shot_fraction"].unique()) == [0.0, 0.5, 1.0]
    assert table["value"].between(0, 100).all()
    for kind in ("png", "svg"):
        assert (folder / f"figure_3_pocket.{kind}").stat().st_size > 5000


@pytest.mark.parametrize("profile", ["fast", ""])
def test_plain_papermill_with_an_unknown_profile_says_which_there_are(tmp_path, profile):
    command = [sys.executable, "-m", "papermill", NOTEBOOK, tmp_path / "o.ipynb"]
    result = subprocess.run(
        [*command, "-p", "profile", profile, "-p", "out", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert f"unknown profile '{profile}': choose one of smoke, quick" in result.stderr
