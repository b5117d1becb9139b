"""A notebook's exercises, and copies of it for a class, without their solutions.

An exercise is a markdown cell with `**1.**`, `**2.**` and so on, under the heading `## Exercises`.
The cells after it that are tagged `solution` are its solution; in the copy, an empty cell for the
answer takes their place.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from flanrepro.errors import InputError
from flanrepro.experiments.parameters import read_notebook

if TYPE_CHECKING:
    import nbformat

ANSWER = "# Your answer.\n"
NUMBER = re.compile(r"^\*\*(\d+)\.\*\*", re.MULTILINE)
HEADING = re.compile(r"^## Exercises$", re.MULTILINE)


def is_solution(cell: "nbformat.NotebookNode") -> bool:
    return "solution" in cell.metadata.get("tags", [])


def exercises(path: Path) -> dict[int, list["nbformat.NotebookNode"]]:
    """The cells of each exercise's solution, by the exercise's number.

    Raises:
        InputError: the file is no notebook or has no exercises, an exercise has no solution, or a
            solution has no exercise.
    """
    found: dict[int, list] = {}
    below = False
    for i, cell in enumerate(read_notebook(path).cells):
        if is_solution(cell):
            if not found:
                raise InputError(
                    f"{path}, cell {i}: a solution without an exercise before it; expected a "
                    "markdown cell with '**1.**' under '## Exercises': add it, or untag the cell"
                )
            found[max(found)].append(cell)
        elif cell.cell_type == "markdown":
            below = below or bool(HEADING.search(cell.source))
            for number in NUMBER.findall(cell.source) if below else ():
                _add(found, int(number), f"{path}, cell {i}")
    if not found:
        raise InputError(
            f"{path} has no exercises: expected markdown cells with '**1.**', '**2.**' under the "
            "heading '## Exercises', each followed by cells tagged 'solution'; add them, or name "
            "other notebooks"
        )
    _solved(found, f"{path}")
    return found


def _add(found: dict[int, list], number: int, where: str) -> None:
    _solved(found, where)
    if number != len(found) + 1:  # a gap is mostly a typo that would hide an exercise
        raise InputError(
            f"{where}: exercise {number} where {len(found) + 1} was expected; number them from 1 on"
        )
    found[number] = []


def _solved(found: dict[int, list], where: str) -> None:
    if found and not found[max(found)]:
        raise InputError(
            f"{where}: exercise {max(found)} has no solution; expected cells tagged 'solution' "
            "after it, before the next exercise: tag or write them"
        )


def student_copy(path: Path, outputs: bool = False) -> "nbformat.NotebookNode":
    """The notebook with an empty cell for each solution.

    Args:
        path: path of the notebook.
        outputs: true: the other cells keep their outputs, as of an executed copy; false: the copy
            has no trace of a run.
    """
    import nbformat

    exercises(path)
    original = read_notebook(path)
    # Other metadata could give solutions away: a widget's state holds what a solution printed.
    copy = nbformat.v4.new_notebook(
        metadata={
            name: original.metadata[name]
            for name in ("kernelspec", "language_info")
            if name in original.metadata
        }
    )
    for cell in original.cells:
        if not is_solution(cell):
            copy.cells.append(_stripped(cell, outputs))
        elif copy.cells[-1].source != ANSWER:  # one for all cells of a solution
            made = nbformat.v4.new_code_cell(ANSWER, id=f"answer-{len(copy.cells)}")
            copy.cells.append(made)
    return copy


def _stripped(cell: "nbformat.NotebookNode", outputs: bool) -> "nbformat.NotebookNode":
    import nbformat

    tags = cell.metadata.get("tags")
    cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
    if cell.cell_type == "code" and not outputs:
        cell.outputs, cell.execution_count = [], None
    return cell
