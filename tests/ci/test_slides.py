"""The notebooks' cells are marked for slides, and nbconvert makes slides of them."""

import re
import subprocess
import sys

import nbformat
import pytest

from ci import slides

NOTEBOOKS = sorted(slides.NOTEBOOKS.glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_have_the_marks_that_the_script_makes(path):
    kept, marked = (nbformat.read(path, as_version=4) for _ in range(2))
    slides.mark(marked)
    assert kept == marked  # else: python -m ci.slides
    kinds = [cell.metadata.get("slideshow", {}).get("slide_type") for cell in kept.cells]
    assert kinds[0] == "slide" and kinds.count("slide") >= 7


def test_nbconvert_makes_a_slide_of_each_heading_and_none_of_a_solution(tmp_path):
    pytest.importorskip("nbconvert", reason="nbconvert is not installed: nbgrader brings it")
    path = NOTEBOOKS[2]
    command = [sys.executable, "-m", "nbconvert", "--to", "slides", path, "--output-dir", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    page = (tmp_path / f"{path.stem}.slides.html").read_text("utf-8")
    said = re.sub(r"<[^>]+>", "", page)
    cells = nbformat.read(path, as_version=4).cells
    marked = [c for c in cells if c.metadata.get("slideshow", {}).get("slide_type") == "slide"]
    assert page.count("<section><section>") == len(marked)
    assert "Exercises" in said and "BEGIN SOLUTION" not in said and "Solution." not in said
