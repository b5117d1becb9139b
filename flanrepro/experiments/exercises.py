"""A notebook's exercises, and copies of it for a class, without their solutions.

An exercise is a markdown cell with `**1.**`, `**2.**` and so on, under the heading `## Exercises`.
The cells after it that are tagged `solution` are its solution. In the copy, cells with nbgrader's
metadata stay, with the gaps that `nbgrader generate_assignment` leaves; an empty cell for the
answer takes the place of others.
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

# nbgrader's own gaps, so that a copy can be handed in to it.
GAPS = {
    "code": "# YOUR CODE HERE\nraise NotImplementedError()",
    "markdown": "YOUR ANSWER HERE",
}
SOLUTION = re.compile(r"^([ \t]*)[^\n]*BEGIN SOLUTION.*?END SOLUTION[^\n]*", re.M | re.S)
HIDDEN = re.compile(r"^[^\n]*BEGIN HIDDEN TESTS.*?END HIDDEN TESTS[^\n]*\n?", re.M | re.S)
MARKER = re.compile(r"(BEGIN|END) (SOLUTION|HIDDEN TESTS)")
KEPT = ("tags", "nbgrader", "slideshow")
"""The metadata of a cell that a copy keeps; any other could give a solution away."""


def is_solution(cell: "nbformat.NotebookNode") -> bool:
    return "solution" in cell.metadata.get("tags", [])


def is_graded(cell: "nbformat.NotebookNode") -> bool:
    """True if nbgrader knows the cell as an answer or as a check of one."""
    return "nbgrader" in cell.metadata


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
    for i, cell in enumerate(original.cells):
        if is_graded(cell) or not is_solution(cell):
            copy.cells.append(_stripped(cell, outputs, f"{path}, cell {i}"))
        elif copy.cells[-1].source != ANSWER:  # one for all cells of a solution
            made = nbformat.v4.new_code_cell(ANSWER, id=f"answer-{len(copy.cells)}")
            copy.cells.append(made)
    return copy


def _stripped(cell: "nbformat.NotebookNode", outputs: bool, where: str) -> "nbformat.NotebookNode":
    """The cell with gaps, without metadata that no reader needs, and perhaps without outputs."""
    import nbformat

    graded = is_graded(cell)
    cell.source = _with_gaps(cell, where)
    tags = [tag for tag in cell.metadata.get("tags", []) if tag != "solution"]
    if graded and cell.cell_type == "code":
        tags.append("raises-exception")  # Jupyter then runs on below a gap
    metadata = {**cell.metadata, "tags": tags}
    cell.metadata = nbformat.from_dict({k: metadata[k] for k in KEPT if metadata.get(k)})
    if cell.cell_type == "code" and (graded or not outputs):
        cell.outputs, cell.execution_count = [], None
    return cell


def _with_gaps(cell: "nbformat.NotebookNode", where: str) -> str:
    """A cell's text as nbgrader hands it out: no solution and no hidden test.

    Raises:
        InputError: a marker has no counterpart, so that text would be handed out that must not be.
    """
    gap = GAPS.get(cell.cell_type, "")
    text, found = SOLUTION.subn(lambda region: _indented(gap, region[1]), cell.source)
    text = HIDDEN.sub("", text).removesuffix("\n") if HIDDEN.search(text) else text
    if left := MARKER.search(text):
        raise InputError(
            f"{where}: the line with '{left[0]}' has no counterpart; expected `### BEGIN SOLUTION` "
            "and `### END SOLUTION`, or the two of HIDDEN TESTS, each on a line of its own: add it"
        )
    return gap if cell.metadata.get("nbgrader", {}).get("solution") and not found else text


def _indented(text: str, by: str) -> str:
    return "\n".join(by + line for line in text.split("\n"))
