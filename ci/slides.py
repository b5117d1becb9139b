"""Marks the notebooks' cells for `jupyter nbconvert --to slides`: `python -m ci.slides`.

A heading begins a slide, as does each exercise; the cells that set things up, and the answers and
checks of exercises, are on no slide. All other cells follow on the slide that they stand under.
"""

import re
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
SETTING_UP = re.compile(r"(import|from) \w|paths = save_figure|show\.paths\(")
BEGINS = re.compile(r"#{1,2} |\*\*\d+\.\*\* ")
OFF = {"parameters", "result", "solution", "check"}


def kind(cell: nbformat.NotebookNode) -> str:
    """The cell's type of slide: `slide`, `skip`, or empty if it goes on with the one before."""
    if OFF & set(cell.metadata.get("tags", [])):
        return "skip"
    if cell.cell_type == "markdown":
        return "slide" if BEGINS.match(cell.source) else ""
    return "skip" if SETTING_UP.match(cell.source) else ""


def mark(notebook: nbformat.NotebookNode) -> None:
    """Sets each cell's type of slide, in the place of any that it has."""
    for cell in notebook.cells:
        cell.metadata.pop("slideshow", None)
        if found := kind(cell):
            cell.metadata["slideshow"] = {"slide_type": found}


if __name__ == "__main__":
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        read = nbformat.read(path, as_version=4)
        mark(read)
        path.write_text(nbformat.writes(read) + "\n", encoding="utf-8")
