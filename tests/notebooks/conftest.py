"""What the tests of all notebooks need."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
OF_THE_PAPER = sorted((ROOT / "notebooks").glob("0[0-69]_*.ipynb"))
"""The notebooks that share runs."""


@pytest.fixture(scope="session")
def code_cells():
    """code_cells(path): the code cells of a notebook."""

    def cells(path: Path) -> list:
        every = nbformat.read(path, as_version=4).cells
        return [cell for cell in every if cell.cell_type == "code"]

    return cells


@dataclass(frozen=True)
class Executed:
    """What an execution left.

    Attributes:
        path: of the executed copy.
        out: the folder with runs and figures that it was given.
        stderr: papermill's own.
        status: papermill's exit status.
        manifests: of the runs that were finished then, by run: the time of their last change.
    """

    path: Path
    out: Path
    stderr: str
    status: int
    manifests: dict[str, int]


@pytest.fixture(scope="session")
def executes():
    """executes(name, copy, **parameters): executes a notebook into a copy, which must succeed."""

    def execute(name: str, copy: Path, **parameters: object) -> None:
        done = papermill(ROOT / "notebooks" / name, copy, **parameters)
        assert done.returncode == 0, done.stderr[-3000:]

    return execute


def papermill(notebook: Path, copy: Path, **parameters: object) -> subprocess.CompletedProcess:
    pairs = [text for name, value in parameters.items() for text in ("-p", name, str(value))]
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", str(notebook), str(copy)]
    return subprocess.run([*command, *pairs], capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory) -> Callable[[str], Executed]:
    """smoke(name): a notebook of the paper, executed at `smoke` on pocket after those before it.

    All write into one folder, so that they share runs as a user's do, and each is executed once.
    """
    out = tmp_path_factory.mktemp("smoke")
    done: dict[str, Executed] = {}

    def executed(name: str) -> Executed:
        for path in OF_THE_PAPER:
            if path.stem <= name and path.stem not in done:
                copy = out / path.name
                ended = papermill(path, copy, profile="smoke", out=out)
                times = {
                    manifest.parent.name: manifest.stat().st_mtime_ns
                    for manifest in out.glob("runs/*/manifest.json")
                }
                done[path.stem] = Executed(copy, out, ended.stderr, ended.returncode, times)
        return done[name]

    return executed
