"""Of every notebook in the repository, as it is committed."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import nbformat
import pytest
from names import names

from ci.bench.notebook_costs import sentences
from flanrepro.experiments.exercises import exercises
from flanrepro.sources import SAID

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
NUMBERED = sorted(FOLDER.glob("0[0-9]_*.ipynb"))
"""The notebooks that teach a section, in the order in which they are read."""

of_notebooks = pytest.mark.parametrize("path", NUMBERED, ids=lambda path: path.stem)


def cells(path: Path) -> list:
    return nbformat.read(path, as_version=4).cells


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_source_is_stripped_and_its_cells_are_short(path, code_cells):
    assert code_cells(path)
    for cell in code_cells(path):
        assert not cell.outputs
        assert cell.execution_count is None
        assert len(cell.source.splitlines()) <= 15
        assert "class " not in cell.source


@of_notebooks
def test_it_goes_from_a_question_to_what_was_found_and_exercises(path):
    text = "\n".join(cell.source for cell in cells(path) if cell.cell_type == "markdown")
    said = ["**The question.**", "**Why it matters.**", "**What is done here.**"]
    said += ["**What it costs.**", "## What was found", "## Exercises"]
    places = [text.find(one) for one in said]
    assert -1 not in places and places == sorted(places)
    assert "$" in text  # a formula


@of_notebooks
def test_its_head_says_what_was_measured_of_its_cost(path):
    head = " ".join(cells(path)[0].source.split())
    for said in sentences(path.stem):
        assert said in head


def test_the_first_notebook_says_what_pocket_is_and_whose_the_words_are():
    first = " ".join(cells(NUMBERED[0])[0].source.split())
    assert SAID["pocket"].removeprefix("pocket ") in first
    for said in ("templates are our own", "google-research/FLAN", "2301.13688", "2109.01652"):
        assert said in first


def test_a_cell_of_several_lines_stands_in_one_notebook():
    found = defaultdict(set)
    for path in NUMBERED:
        for cell in cells(path):
            own = cell.metadata.get("tags", [])
            if len(cell.source.splitlines()) > 2 and not {"parameters", "solution"} & set(own):
                found[cell.cell_type, cell.source].add(path.stem)
    shared = {text for (kind, text), where in found.items() if kind == "code" and len(where) > 1}
    assert shared == set()


@of_notebooks
def test_each_exercise_has_a_solution_in_words_and_in_code(path):
    found = exercises(path)
    assert 3 <= len(found) <= 5
    for solution in found.values():
        assert [cell.cell_type for cell in solution][:1] == ["markdown"]
        assert "<summary><b>Solution.</b></summary>" in solution[0].source
        assert "code" in [cell.cell_type for cell in solution]


def graded(path: Path) -> dict[int, list]:
    """The cells of each exercise that nbgrader knows, by the exercise's number."""
    found = defaultdict(list)
    for cell in cells(path):
        if "nbgrader" in cell.metadata:
            found[int(cell.metadata["nbgrader"]["grade_id"].split("-")[1])].append(cell)
    return found


@of_notebooks
def test_each_exercise_has_words_code_a_check_and_a_hidden_one_as_nbgrader_knows_them(path):
    found = graded(path)
    assert list(found) == list(exercises(path))
    for number, own in found.items():
        parts = [cell.metadata["nbgrader"] for cell in own]
        ids = [f"exercise-{number}-{name}" for name in ("words", "code", "check", "hidden")]
        assert [part["grade_id"] for part in parts] == ids
        assert [part["grade"] for part in parts] == [True, False, True, True]
        assert [part["solution"] for part in parts] == [True, True, False, False]
        assert [part["locked"] for part in parts] == [False, False, True, True]
        assert [part.get("points") for part in parts] == [1, None, 1, 1]
        assert {part["schema_version"] for part in parts} == {3} and not any(
            p["task"] for p in parts
        )
        assert "### BEGIN SOLUTION" in own[1].source and "HIDDEN" not in own[2].source
        assert re.fullmatch(
            r"# .*\n### BEGIN HIDDEN TESTS\n(?s:.*)\n### END HIDDEN TESTS", own[3].source
        )


@of_notebooks
def test_both_checks_call_the_function_on_other_input_and_no_assertion_stands_twice(path):
    for number, (_, code, *checks) in graded(path).items():
        name = next(
            n.name for n in ast.walk(ast.parse(code.source)) if isinstance(n, ast.FunctionDef)
        )
        calls = [
            {ast.unparse(n) for n in ast.walk(ast.parse(check.source)) if isinstance(n, ast.Assert)}
            for check in checks
        ]
        assert all(name in check.source and own for check, own in zip(checks, calls, strict=True))
        assert not calls[0] & calls[1], number


@of_notebooks
def test_a_solution_and_its_checks_use_what_stands_above_the_exercises_alone(path):
    every = cells(path)
    at = next(i for i, cell in enumerate(every) if "## Exercises" in cell.source)
    above = [cell.source for cell in every[:at] if cell.cell_type == "code"]
    known = names("\n".join(above))[1]
    solved = {
        number: names("\n".join(cell.source for cell in of if cell.cell_type == "code"))
        for number, of in graded(path).items()
    }
    for number, (taken, _) in solved.items():
        assert taken - known == set(), number
        others = set().union(*(given for other, (_, given) in solved.items() if other != number))
        assert taken & others == set(), number


def test_a_name_that_another_solution_gives_is_found():
    assert names("import numpy as np\nfor a in b:\n    c = np.sum(a + len(d))") == (
        {"b", "d"},
        {"np", "a", "c"},
    )
    assert names("def f(a):\n    b = a\n    return b + c\nf(d)") == ({"c", "d"}, {"f"})


@of_notebooks
def test_every_link_to_a_file_of_the_project_leads_to_one(path):
    text = "\n".join(cell.source for cell in cells(path) if cell.cell_type == "markdown")
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert link.startswith("https://") or (FOLDER / link).is_file(), link
