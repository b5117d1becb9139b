"""A manifest's commit is that of the package's own repository."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from flanrepro.experiments.store import git_commit


@pytest.fixture
def repository(tmp_path) -> Path:
    """A repository with a package and a figure, committed, and a virtual environment inside."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    for name in ("flanrepro/__init__.py", "figures/a.csv", ".gitignore"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("/.venv/\n")
    installed = tmp_path / ".venv" / "flanrepro"
    installed.mkdir(parents=True)
    (installed / "__init__.py").touch()
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "a")
    return tmp_path


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *who, *words], cwd=folder, check=True)


def test_the_commit_is_dirty_by_the_packages_files_alone(repository):
    package = repository / "flanrepro"
    assert re.fullmatch("[0-9a-f]{12}", clean := git_commit(package))
    (repository / "figures" / "a.csv").write_text("drawn anew")
    assert git_commit(package) == clean
    (package / "__init__.py").write_text("changed")
    assert git_commit(package) == f"{clean}-dirty"
    git(repository, "add", "--all")
    assert git_commit(package) == f"{clean}-dirty"


def test_an_environment_inside_another_repository_has_no_commit(repository, tmp_path, monkeypatch):
    assert git_commit(repository / ".venv" / "flanrepro") is None
    untracked = repository / "vendored"
    shutil.copytree(repository / "flanrepro", untracked)
    assert git_commit(untracked) is None


def test_without_git_there_is_no_commit(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert git_commit(repository / "flanrepro") is None
