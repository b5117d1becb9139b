"""nbgrader itself makes a class's copy of a notebook, runs what is handed in, and counts points."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from names import names

from flanrepro.experiments.exercises import student_copy

pytest.importorskip("nbgrader", reason="nbgrader is not installed: it is in the extra dev")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "02_mixed_prompts.ipynb"

EVERY_SUITE_ALIKE = """
    error = scores.groupby(["suite", "setting"])["standard_error"].mean()
    return 2 * 2**0.5 * (0 * error + scores["standard_error"].mean())"""
"""A wrong answer to exercise 3 that its visible check, of one suite, does not notice."""


def nbgrader(command: str, course: Path) -> str:
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # alembic
    env = os.environ | {"PATH": tools, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    words = [sys.executable, "-m", "nbgrader", *command.split(), f"--course-dir={course}"]
    done = subprocess.run(words, capture_output=True, text=True, env=env, cwd=course, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


def needed(path: Path) -> nbformat.NotebookNode:
    """A notebook with shipped scores and, above its exercises, only the cells that they need."""
    notebook = nbformat.read(path, as_version=4)
    cells = notebook.cells
    at = next(i for i, cell in enumerate(cells) if "## Exercises" in cell.source)
    wanted = names("\n".join(c.source for c in cells[at:] if c.cell_type == "code"))[0]
    kept = []
    for cell in reversed([cell for cell in cells[:at] if cell.cell_type == "code"]):
        taken, given = names(cell.source)
        if given & wanted:
            wanted |= taken
            cell.source = cell.source.replace('engine: str = "local"', 'engine: str = "shipped"')
            kept.append(cell)
    notebook.cells = [*reversed(kept), *cells[at:]]
    return notebook


def answered(notebook: nbformat.NotebookNode, answers: dict[str, str]) -> nbformat.NotebookNode:
    """The notebook with other lines in the place of some solutions, by nbgrader's name."""
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        if answer := answers.get(cell.metadata.get("nbgrader", {}).get("grade_id", "")):
            region = re.compile(r"\n    ### BEGIN SOLUTION.*### END SOLUTION", re.S)
            cell.source = region.sub(lambda _, answer=answer: answer, cell.source)
    return copy


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """A course with one assignment, handed in by four students, graded and answered."""
    folder = tmp_path_factory.mktemp("course")
    source = folder / "source" / "flan" / NOTEBOOK.name
    source.parent.mkdir(parents=True)
    right = needed(NOTEBOOK)
    lines = nbformat.writes(right).splitlines(keepends=True)  # as docs/teaching.md unfolds it
    source.write_text("".join(li for li in lines if '"source_hidden"' not in li), "utf-8")
    nbgrader("generate_assignment flan --create", folder)
    wrong = {f"exercise-{n}-code": "\n    return None" for n in (1, 2, 3, 4)}
    handed_in = {
        "right": right,
        "wrong": answered(right, wrong),
        "careless": answered(right, {"exercise-3-code": EVERY_SUITE_ALIKE}),
        "blank": student_copy(source),
    }
    for name, notebook in handed_in.items():
        target = folder / "submitted" / name / "flan" / NOTEBOOK.name
        target.parent.mkdir(parents=True)
        nbformat.write(notebook, target)
    nbgrader("autograde flan --create --Execute.timeout=600", folder)
    nbgrader("generate_feedback flan", folder)
    return folder


def grades(course: Path, student: str) -> dict[str, float | None]:
    """What nbgrader gives by itself, by cell; None: a person has to read it."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        rows = book.find_submission_notebook(NOTEBOOK.stem, "flan", student).grades
        return {row.name: row.auto_score for row in rows}


def points(course: Path, student: str, kind: str) -> list[float | None]:
    own = grades(course, student)
    return [own[f"exercise-{n}-{kind}"] for n in (1, 2, 3, 4)]


def errors(course: Path, student: str) -> list[str]:
    """nbgrader's names, or the ids, of the cells that failed."""
    path = course / "autograded" / student / "flan" / NOTEBOOK.name
    return [
        cell.metadata.get("nbgrader", {}).get("grade_id", cell.id)
        for cell in nbformat.read(path, as_version=4).cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]


def test_nbgraders_copy_for_the_class_is_ours(course):
    released = nbformat.read(course / "release" / "flan" / NOTEBOOK.name, as_version=4)
    ours = student_copy(course / "source" / "flan" / NOTEBOOK.name)
    assert [cell.source for cell in released.cells] == [cell.source for cell in ours.cells]
    assert "BEGIN" not in "".join(cell.source for cell in released.cells)
    assert not any(cell.metadata.get("jupyter") for cell in [*released.cells, *ours.cells])


def test_the_solutions_get_all_points_and_their_words_wait_for_a_reader(course):
    assert points(course, "right", "check") == points(course, "right", "hidden") == [1, 1, 1, 1]
    assert points(course, "right", "words") == [None] * 4
    assert errors(course, "right") == []


def test_wrong_answers_and_none_get_no_points(course):
    for student in ("wrong", "blank"):
        for kind in ("check", "hidden"):
            assert points(course, student, kind) == [0, 0, 0, 0], (student, kind)
    assert points(course, "blank", "words") == [0, 0, 0, 0]


def test_an_answer_that_only_the_hidden_check_refuses_loses_that_point(course):
    assert points(course, "careless", "check") == [1, 1, 1, 1]
    assert points(course, "careless", "hidden") == [1, 1, 0, 1]


def test_a_reader_gives_the_points_of_the_words(course):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        for row in book.find_submission_notebook(NOTEBOOK.stem, "flan", "right").grades:
            if row.needs_manual_grade:
                row.manual_score, row.needs_manual_grade = 1, False
        book.db.commit()
        total = book.find_submission("flan", "right")
        assert (total.score, total.max_score) == (12, 12)


def test_a_copy_without_answers_fails_in_answers_and_checks_alone(course):
    failed = errors(course, "blank")
    assert failed and all(name.startswith("exercise-") for name in failed)


def test_feedback_shows_what_was_lost(course):
    page = (course / "feedback" / "careless" / "flan" / f"{NOTEBOOK.stem}.html").read_text("utf-8")
    score = r'<a href="#(exercise-\d-\w+)">Test cell</a> \(Score: 0.0 / 1.0\)'
    assert re.findall(score, page) == ["exercise-3-hidden"]
