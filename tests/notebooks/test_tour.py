"""The notebook itself, as its users run it."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "00_tour.ipynb"


def outputs(folder: Path, code_cells, **parameters: object) -> dict[str, str]:
    """What each cell printed, or had as its value, by the cell's name; fails with the notebook."""
    executed = folder / "out.ipynb"
    given = {"out": folder, **parameters}
    pairs = [text for name, value in given.items() for text in ("-p", name, str(value))]
    command = [sys.executable, "-m", "papermill", str(NOTEBOOK), str(executed), *pairs]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    cells = code_cells(executed)
    assert not [out.text for cell in cells for out in cell.outputs if out.get("name") == "stderr"]
    return {cell.id: "".join(map(_text, cell.outputs)) for cell in cells}


def _text(output) -> str:
    return output.get("text") or output.get("data", {}).get("text/plain", "")


def check_files(folder: Path, collection: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Figure 2's table and Table 3, as they were written."""
    names = [f"figure_2_{collection}.{kind}" for kind in ("csv", "png", "svg")]
    names.append(f"table_3_{collection}.csv")
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    for name in names[1:3]:
        assert (folder / name).stat().st_size > 20_000
    return pd.read_csv(folder / names[0]), pd.read_csv(folder / names[3])


def test_the_tour_of_pocket_draws_figure_2_and_table_3_without_a_warning(tmp_path, code_cells):
    printed = "".join(outputs(tmp_path, code_cells, profile="quick").values())
    timeline, table_3 = check_files(tmp_path / "figures" / "quick", "pocket")
    assert timeline["collection"].iloc[-1] == "pocket (here, at hand)"
    assert timeline.query("version == 'here'")["tasks"].tolist() == [1847]
    assert set(timeline["collection"]) >= {"UnifiedQA", "P3", "xP3", "Flan 2022 (ours)"}
    assert len(table_3) == 20 and (table_3["validation"] > 0).all()
    for text in ("Every task is at hand.", "1,836 tasks", "1,873 tasks", "300 of 1,300: 23.1%"):
        assert text in printed
    assert not (tmp_path / "runs").exists()  # nothing is trained


def test_the_tour_of_real_data_says_what_is_at_hand(tmp_path, mirror, monkeypatch, code_cells):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    given = {"collection": "flan2022", "profile": "smoke"}
    printed = "".join(outputs(tmp_path, code_cells, **given).values())
    timeline, table_3 = check_files(tmp_path / "figures" / "smoke", "flan2022")
    assert timeline.iloc[-1]["prompt_types"] == "ZS + FS + CoT"
    assert table_3.set_index("task").loc["gsm8k", "validation"] == 1319
    assert "tasks are not at hand and left out." in printed
    assert "Natalia sold clips to 48 of her friends" in printed


def test_every_exercise_is_followed_by_a_solution_in_words_and_code():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    numbered = [i for i, cell in enumerate(cells) if re.search(r"\*\*\d\.\*\*", cell.source)]
    assert len(numbered) == 5
    for i in numbered:
        assert [cell.cell_type for cell in cells[i + 1 : i + 3]] == ["markdown", "code"]
        for cell in cells[i + 1 : i + 3]:
            assert cell.metadata["tags"] == ["solution"]
