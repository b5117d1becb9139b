"""The notebook itself, as its users run it."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "00_tour.ipynb"


def printed(executed: Path, code_cells) -> str:
    """What the cells printed, or had as their values; nothing may have come by standard error."""
    outputs = [output for cell in code_cells(executed) for output in cell.outputs]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    return "".join(map(_text, outputs))


def _text(output) -> str:
    return output.get("text") or output.get("data", {}).get("text/plain", "")


def check_files(folder: Path, collection: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Figure 2's table and Table 3, as they were written."""
    names = [f"figure_2_{collection}.{kind}" for kind in ("csv", "png", "svg")]
    names.append(f"table_3_{collection}.csv")
    for name in names[1:3]:
        assert (folder / name).stat().st_size > 20_000
    return pd.read_csv(folder / names[0]), pd.read_csv(folder / names[3])


def test_the_tour_of_pocket_draws_figure_2_and_table_3_and_trains_nothing(smoke, code_cells):
    tour = smoke(NOTEBOOK.stem)
    timeline, table_3 = check_files(tour.out / "figures" / "smoke", "pocket")
    assert timeline["collection"].iloc[-1] == "pocket (here, available)"
    assert timeline.query("version == 'here'")["tasks"].tolist() == [1857]
    assert set(timeline["collection"]) >= {"UnifiedQA", "P3", "xP3", "Flan 2022 (ours)"}
    assert len(table_3) == 20 and (table_3["validation"] > 0).all()
    text = printed(tour.path, code_cells)
    for said in ("Every task is available.", "1,836 tasks", "1,873 tasks", "300 of 1,300: 23.1%"):
        assert said in text
    assert tour.manifests == {}


@pytest.mark.slow
def test_the_tour_of_real_data_says_what_is_at_hand(tmp_path, mirror, monkeypatch, code_cells):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    executed = tmp_path / "out.ipynb"
    given = ["-p", "collection", "flan2022", "-p", "profile", "smoke", "-p", "out", tmp_path]
    command = [sys.executable, "-m", "papermill", NOTEBOOK, executed, *given]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    text = printed(executed, code_cells)
    timeline, table_3 = check_files(tmp_path / "figures" / "smoke", "flan2022")
    assert timeline.iloc[-1]["prompt_types"] == "ZS + FS + CoT"
    assert table_3.set_index("task").loc["gsm8k", "validation"] == 1319
    assert "tasks are not available and are left out." in text
    assert "Natalia sold clips to 48 of her friends" in text
