"""The notebook itself, as its users run it."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "02_mixed_prompts.ipynb"


def run(*args: object, **environment: str) -> str:
    """What a command prints; its error output is shown if it fails."""
    result = subprocess.run(
        [sys.executable, "-m", *map(str, args)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


def check_figure(folder: Path, collection: str, suites: set[str]) -> None:
    table = pd.read_csv(folder / f"figure_3_{collection}.csv")
    assert set(table["suite"]) == suites
    assert set(table["setting"]) == {"zero_shot", "few_shot"}
    assert sorted(table["few_shot_fraction"].unique()) == [0.0, 0.5, 1.0]
    assert table["value"].between(0, 100).all()
    for kind in ("png", "svg"):
        assert (folder / f"figure_3_{collection}.{kind}").stat().st_size > 5000


@pytest.mark.slow
def test_figure_3_of_pocket_has_every_suite_and_share(smoke):
    suites = {"held_in", "cot", "mmlu", "bbh", "bbh_cot"}
    check_figure(smoke(NOTEBOOK.stem).out / "figures" / "smoke", "pocket", suites)


@pytest.mark.slow
def test_real_data_train_and_evaluate_through_the_command_line(tmp_path, mirror):
    args = ["run", NOTEBOOK, "--profile", "smoke", "-p", "collection", "flan2022"]
    printed = run(
        "flanrepro",
        *args,
        *("-p", "out", tmp_path),
        FLANREPRO_MIRROR=str(mirror),
        FLANREPRO_CACHE=str(tmp_path / "cache"),
    )
    check_figure(tmp_path / "figures" / "smoke", "flan2022", {"held_in", "cot"})
    figure = tmp_path / "figures" / "smoke" / "figure_3_flan2022.png"
    assert f"png: {os.path.relpath(figure, ROOT)}" in printed
    assert "02_mixed_prompts.flan2022.smoke.ipynb" in printed


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
