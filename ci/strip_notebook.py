"""Strips a notebook of what running it leaves: `python3 ci/strip_notebook.py < IN > OUT`.

It also folds the code of the exercises' answers, of which JupyterLab then shows one line.

Git applies it to `notebooks/*.ipynb` (see `.gitattributes`) once `make install` has told it how:
opening, running and saving a notebook then changes nothing in git. It needs Python's own library
alone, since git runs it with whatever Python there is.
"""

import json
import sys

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def stripped(text: str) -> str:
    """The notebook's text without outputs, counts and the metadata of a front end or an execution.

    Text that is no notebook, such as one with marks of a merge, comes back as it is.
    """
    try:
        notebook = json.loads(text)
        cells = [_cell(cell) for cell in notebook["cells"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return text
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    notebook |= {"cells": cells, "metadata": metadata}
    # As nbformat writes it, which is how JupyterLab saves.
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _cell(cell: dict) -> dict:
    kept = {name: cell["metadata"].get(name) for name in KEPT}
    # JupyterLab writes this with an empty type into cells that nobody has marked.
    slide = cell["metadata"].get("slideshow", {})
    kept["slideshow"] = slide if slide.get("slide_type") else None
    kept["jupyter"] = {"source_hidden": True} if _tells(cell) else None
    cell = cell | {"metadata": {name: value for name, value in kept.items() if value}}
    if cell["cell_type"] == "code":
        cell |= {"outputs": [], "execution_count": None}
    return cell


def _tells(cell: dict) -> bool:
    """True if the code is an exercise's answer or its hidden check: Jupyter is to fold it.

    JupyterLab notes in a saved notebook which folds its reader has opened, so the cell's own
    metadata does not say. Running a cell of text opens its fold: an answer in words folds itself.
    """
    hidden = "BEGIN HIDDEN TESTS" in "".join(cell["source"])
    answer = "solution" in cell["metadata"].get("tags", [])
    return cell["cell_type"] == "code" and (answer or hidden)


KEPT = ("nbgrader", "tags")
"""Names of a cell's metadata that the author wrote."""


if __name__ == "__main__":
    sys.stdin.reconfigure(encoding="utf-8", newline="")
    sys.stdout.reconfigure(encoding="utf-8", newline="")
    sys.stdout.write(stripped(sys.stdin.read()))
