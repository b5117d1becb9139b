"""Notebooks are listed and copied; copies for a class have nothing of a solution."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import nbformat
import pytest

from flanrepro.errors import InputError
from flanrepro.experiments.exercises import ANSWER, GAPS, MARKER, exercises, student_copy

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NUMBERED = [path for path in NOTEBOOKS if path.stem[0].isdigit()]
EXERCISE, SOLUTION = "## Exercises\n\n**1.** How many?", "answer = forty-two-is-it"

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def write_notebook(path: Path, *cells: tuple[str, str]) -> Path:
    """A notebook of markdown (`#` or `*` first) and code cells, each with its tag."""
    notebook = nbformat.v4.new_notebook()
    for source, tag in cells:
        markdown = source.startswith(("#", "*"))
        make = nbformat.v4.new_markdown_cell if markdown else nbformat.v4.new_code_cell
        notebook.cells.append(make(source, metadata={"tags": [tag]} if tag else {}))
    nbformat.write(notebook, path)
    return path


def student(*args: object) -> subprocess.CompletedProcess:
    return notebooks("copy", "--student", *args)


def notebooks(*args: object, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "flanrepro", "notebooks", *args]
    how = {"capture_output": True, "text": True, "check": False, "cwd": cwd}
    return subprocess.run(command, **how, env=os.environ | {"PYTHONPATH": str(ROOT)})


@each_notebook
def test_a_notebook_has_three_to_five_exercises_each_solved_in_words_and_code(path):
    solutions = exercises(path)
    assert 3 <= len(solutions) <= 5
    for cells in solutions.values():
        kinds = [cell.cell_type for cell in cells]
        assert kinds[0] == "markdown" and set(kinds[1:]) == {"code"}


# The playground's exercises are for nobody to grade.
@pytest.mark.parametrize(
    "path", [p for p in NOTEBOOKS if p.stem[0].isdigit()], ids=lambda p: p.stem
)
def test_a_copy_has_gaps_for_all_answers_and_no_line_of_a_solution(path):
    solutions = exercises(path)
    copy = student_copy(path)
    gaps = [gap for cell in copy.cells for gap in GAPS.values() if solid(gap) in solid(cell.source)]
    assert Counter(gaps) == {gap: len(solutions) for gap in GAPS.values()}
    secret = {
        line.strip()
        for cell in nbformat.read(path, as_version=4).cells
        for line in secret_lines(cell)
    }
    assert len(secret) > 5 * len(solutions)
    told = {line.strip() for cell in copy.cells for line in cell.source.splitlines()}
    shown = {line.strip() for cell in given(path) for line in cell.source.splitlines()}
    assert {line for line in told & (secret - shown) if len(line) > 3} == set()  # not a `)`
    tags = [tag for cell in copy.cells for tag in cell.metadata.get("tags", [])]
    assert "solution" not in tags
    assert not MARKER.search("".join(cell.source for cell in copy.cells))


def solid(text: str) -> str:
    return "".join(text.split())


def secret_lines(cell) -> list[str]:
    """The lines of a solution in words, or between the markers of a code cell."""
    if solved(cell) and cell.cell_type == "markdown":
        return cell.source.splitlines()
    between = re.findall(r"### BEGIN [A-Z ]+\n(.*?)\n *### END", cell.source, re.S)
    return [line for part in between for line in part.splitlines()]


def given(path: Path) -> list:
    """The cells that are neither an answer nor a check."""
    return [c for c in nbformat.read(path, as_version=4).cells if "nbgrader" not in c.metadata]


def solved(cell) -> bool:
    return "solution" in cell.metadata.get("tags", [])


def test_nothing_of_a_run_is_left_in_outputs_or_metadata(tmp_path):
    path = write_notebook(
        tmp_path / "a.ipynb", ("1 + 1", ""), (EXERCISE, ""), (SOLUTION, "solution")
    )
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["widgets"] = {"state": "forty-two-is-it"}
    notebook.cells[0].metadata["papermill"] = {"said": "forty-two-is-it"}
    notebook.cells[0].outputs = [nbformat.v4.new_output("stream", text="forty-two-is-it")]
    nbformat.write(notebook, path)
    done = student(tmp_path / "out", path)
    assert (done.returncode, done.stderr) == (0, "")
    written = (tmp_path / "out" / "a.ipynb").read_text()
    assert "How many?" in written
    assert "forty-two-is-it" not in written


def test_answers_are_not_overwritten(tmp_path):
    path = write_notebook(tmp_path / "a.ipynb", (EXERCISE, ""), (SOLUTION, "solution"))
    copy = tmp_path / "out" / "a.ipynb"
    assert student(copy.parent, path).returncode == 0
    assert student(copy.parent, path).returncode == 0  # nobody has touched it
    answered = copy.read_text().replace(ANSWER.strip(), "43")
    copy.write_text(answered)
    done = student(copy.parent, path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"flanrepro: {copy} is there and is another notebook")
    assert copy.read_text() == answered


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([("1 + 1", "")], "has no exercises: expected markdown cells with '**1.**'"),
        ([(EXERCISE, "")], ": exercise 1 has no solution; expected cells tagged 'solution'"),
        (
            [(EXERCISE, ""), ("**2.** Why?", ""), (SOLUTION, "solution")],
            ", cell 1: exercise 1 has no solution",
        ),
        ([(SOLUTION, "solution"), (EXERCISE, "")], ", cell 0: a solution without an exercise"),
        (
            [(EXERCISE.replace("1.", "2."), ""), (SOLUTION, "solution")],
            ", cell 0: exercise 2 where 1 was expected",
        ),
    ],
)
def test_exercises_and_solutions_that_do_not_match_are_named(tmp_path, cells, said):
    path = write_notebook(tmp_path / "a.ipynb", *cells)
    with pytest.raises(InputError) as error:
        student_copy(path)
    assert str(error.value).startswith(str(path)) and said in str(error.value)


@pytest.mark.parametrize("source", ["### BEGIN SOLUTION\nx = 42", "x = 42\n### END HIDDEN TESTS"])
def test_a_marker_without_its_counterpart_gives_nothing_away(tmp_path, source):
    path = write_notebook(
        tmp_path / "a.ipynb", (EXERCISE, ""), (SOLUTION, "solution"), (source, "")
    )
    done = student(tmp_path / "out", path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "a.ipynb, cell 2: the line with '" in done.stderr and not (tmp_path / "out").exists()


def test_what_is_no_notebook_is_one_sentence_and_nothing_is_written(tmp_path):
    text = tmp_path / "a.ipynb"
    text.write_text("{")
    for path, said in ((tmp_path / "b.ipynb", "there is no notebook"), (text, "is no Jupyter")):
        done = student(tmp_path / "out", path)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert said in done.stderr
    assert not (tmp_path / "out").exists()


def test_all_are_listed_with_their_titles_from_anywhere(tmp_path):
    done = notebooks("list", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    *lines, where = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [path.stem for path in NOTEBOOKS]
    assert all(len(line.split(maxsplit=1)[1]) > 5 for line in lines)
    assert str(ROOT / "notebooks") in where


def test_copies_are_the_notebooks_and_their_executed_copies(tmp_path):
    done = notebooks("copy", "d", "02", "--executed", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    copies = sorted(path.relative_to(tmp_path / "d") for path in tmp_path.rglob("*.ipynb"))
    executed = Path("executed", "02_mixed_prompts.pocket.quick.ipynb")
    assert copies == [Path("02_mixed_prompts.ipynb"), executed]
    for path in copies:
        original = nbformat.read(ROOT / "notebooks" / path, as_version=4)
        assert nbformat.read(tmp_path / "d" / path, as_version=4) == original


def test_executed_copies_for_a_class_keep_outputs_but_those_of_solutions(tmp_path):
    assert student(tmp_path, "02", "--executed").returncode == 0
    name = "02_mixed_prompts.pocket.quick.ipynb"
    copy = nbformat.read(tmp_path / "executed" / name, as_version=4)
    original = nbformat.read(ROOT / "notebooks" / "executed" / name, as_version=4)
    graded = {cell.id for cell in original.cells if "nbgrader" in cell.metadata}
    kept = {c.id: c.get("outputs") for c in original.cells if c.id not in graded and not solved(c)}
    assert any(kept.values()) and graded
    assert {c.id: c.get("outputs") for c in copy.cells if c.id not in graded} == kept
    assert not any(cell.get("outputs") for cell in copy.cells if cell.id in graded)
    solutions = {cell.source for cell in original.cells if solved(cell)}
    assert not solutions & {cell.source for cell in copy.cells}


@pytest.mark.parametrize("name", ["12", "mixed"])
def test_a_name_of_no_notebook_lists_those_that_there_are(tmp_path, name):
    done = notebooks("copy", tmp_path / "d", name)
    assert done.returncode == 2 and not (tmp_path / "d").exists()
    assert f"flanrepro: there is no notebook '{name}': give the path of one, or" in done.stderr
    assert "00_tour, 01_ablations" in done.stderr
