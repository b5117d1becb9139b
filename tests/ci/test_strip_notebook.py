"""In a clone that is set up, git does not see that a notebook was opened, run and saved."""

import importlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ("Makefile", ".gitattributes", ".gitignore", "ci/strip_notebook.py")
NAME = "notebooks/02_mixed_prompts.ipynb"
WORDS = r"<details>\n<summary><b>Solution\.</b></summary>\n\n\S.*\n\n</details>"
EXECUTED = "notebooks/executed/02_mixed_prompts.pocket.quick.ipynb"


@pytest.fixture
def clone(tmp_path) -> Path:
    """A clone of a repository with our notebooks, with the filter as `make install` sets it."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    origin = tmp_path / "origin"
    for name in (*FILES, NAME, EXECUTED):
        (origin / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, origin / name)
    git(origin, "init", "--quiet")
    commit(origin)
    git(tmp_path, "clone", "--quiet", "origin", "clone")
    (made,) = re.findall(r"^FILTER := (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    subprocess.run(["sh", "-c", made], cwd=tmp_path / "clone", check=True)
    return tmp_path / "clone"


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    done = subprocess.run(
        ["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    assert "strip_notebook" not in done.stderr
    return done.stdout


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "a")


def save_as_jupyterlab_does(path: Path, source: str = "", output: str = "ü\n" * 99) -> None:
    """Saves a notebook with outputs, counts and the metadata that a front end writes."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.kernelspec.display_name = "Python 3 (ipykernel)"
    notebook.metadata.language_info |= {"version": "3.11.7", "file_extension": ".py"}
    notebook.metadata["widgets"] = {"state": {}}
    for i, cell in enumerate(notebook.cells):
        cell.metadata["editable"] = True
        cell.metadata.setdefault("slideshow", {"slide_type": ""})
        cell.metadata.setdefault("tags", [])
        cell.metadata.pop("jupyter", None)  # the reader has opened a fold
        if cell.cell_type == "code":
            cell.execution_count = i
            cell.metadata["execution"] = {"iopub.status.busy": "2020-01-01T00:00:00Z"}
            cell.outputs = [nbformat.v4.new_output("stream", text=output)]
    if source:
        notebook.cells[-1].source = source
    nbformat.write(notebook, path)


def test_opening_running_and_saving_a_notebook_leaves_git_status_clean(clone):
    before = (clone / NAME).read_bytes()
    for i in range(2):  # also where the index knows of a saved one already
        save_as_jupyterlab_does(clone / NAME, output="ü" * (1 + i))
        after_save(clone / NAME)
        assert (clone / NAME).read_bytes() != before
        assert git(clone, "status", "--porcelain") == ""
        assert git(clone, "diff") == ""


def test_without_jupyterlabs_hook_there_is_no_difference_and_nothing_to_commit(clone):
    save_as_jupyterlab_does(clone / NAME)
    assert git(clone, "diff") == ""
    git(clone, "add", "--all")
    assert git(clone, "status", "--porcelain") == ""


def test_the_hook_adds_no_change_of_the_author_and_no_new_file(clone, tmp_path):
    save_as_jupyterlab_does(clone / NAME, source="changed = 1")
    new = clone / "notebooks" / "new.ipynb"
    shutil.copy(clone / NAME, new)
    shutil.copy(clone / NAME, tmp_path / "outside.ipynb")
    for path in (clone / NAME, new, tmp_path / "outside.ipynb"):
        after_save(path)
    assert git(clone, "status", "--porcelain") == f" M {NAME}\n?? notebooks/new.ipynb\n"


def after_save(path: Path) -> None:
    """Calls the extension as Jupyter's server does after it has saved a notebook."""
    config = json.loads((ROOT / "ci" / "jupyter_server.json").read_text("utf-8"))
    (name,) = config["ServerApp"]["jpserver_extensions"]
    (point,) = importlib.import_module(name)._jupyter_server_extension_points()
    hooks = []
    manager = SimpleNamespace(register_post_save_hook=hooks.append)
    extension = importlib.import_module(point["module"])
    extension._load_jupyter_server_extension(SimpleNamespace(contents_manager=manager))
    (hook,) = hooks
    hook(os_path=str(path), model={"type": "notebook"}, contents_manager=manager)


def test_what_the_author_changed_is_committed_without_what_running_it_left(clone):
    save_as_jupyterlab_does(clone / NAME, source="changed = 1")
    assert git(clone, "status", "--porcelain") == f" M {NAME}\n"
    commit(clone)
    committed = nbformat.reads(git(clone, "show", f"HEAD:{NAME}"), as_version=4)
    assert committed.cells[-1].source == "changed = 1"
    original = nbformat.read(ROOT / NAME, as_version=4)
    original.cells[-1].source = "changed = 1"
    del original.cells[-1].metadata["jupyter"]  # no hidden check any longer, so no fold
    assert committed == original
    assert nbformat.read(clone / NAME, as_version=4).cells[-1].source == "changed = 1"


@pytest.mark.parametrize("folder", ["", "executed"])
def test_answers_and_hidden_checks_are_folded_and_nothing_else(folder):
    for path in (ROOT / "notebooks" / folder).glob("0[0-9]_*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
            folded = cell.metadata.get("jupyter", {}).get("source_hidden", False)
            assert folded == name.endswith(("-code", "-hidden")), (path.name, cell.id)
            if name.endswith("-words"):
                assert re.fullmatch(WORDS, cell.source, re.DOTALL), (path.name, cell.id)


def test_an_executed_copy_keeps_its_outputs(clone):
    save_as_jupyterlab_does(clone / EXECUTED)
    assert git(clone, "status", "--porcelain") == f" M {EXECUTED}\n"
    commit(clone)
    assert git(clone, "show", f"HEAD:{EXECUTED}") == (clone / EXECUTED).read_text("utf-8")


def test_a_notebook_with_marks_of_a_merge_comes_back_as_it_is():
    text = "<<<<<<< HEAD\n{\n=======\n"
    done = subprocess.run(
        [sys.executable, ROOT / "ci" / "strip_notebook.py"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == text


def test_the_committed_notebooks_are_stripped():
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        command = [sys.executable, ROOT / "ci" / "strip_notebook.py"]
        done = subprocess.run(command, input=path.read_bytes(), capture_output=True, check=True)
        assert done.stdout == path.read_bytes(), path.name
