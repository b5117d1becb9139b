"""What is declared, pinned and tracked agrees, and importing the package stays cheap."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]

# In environment.yml for reading notebooks; no dependency of the package.
ONLY_IN_ENVIRONMENT = {"jupyterlab", "ipywidgets"}
SLOW_IMPORTS = {"jax", "flax", "tensorflow", "seqio", "grain", "pandas", "matplotlib", "torch"}
# Character classes keep this file from matching its own pattern.
PACKAGE_INDEX = re.compile(
    rb"[p]ypi\.org|[p]ythonhosted\.org|[r]egistry\.npmjs|[c]onda\.anaconda\.org"
    rb"|[d]eb\.debian\.org|[d]ownload\.pytorch\.org|[-]-(?:extra-)?index-url|[-]-find-links"
)
LARGEST_FILE_BYTES = 10_000_000
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))


def requirement_names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def pins() -> list[tuple[str, str]]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [tuple(line.split("==")) for line in lines]


def tracked_files() -> list[Path]:
    """Files that git tracks, or would track if they were added now."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout, so there is no list of tracked files")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    paths = [ROOT / name for name in sorted(set(listed.split("\0")) - {""})]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def test_extras_are_the_documented_ones():
    assert set(EXTRAS) == {
        "dev",
        "book",
        "hub",
        "notebook",
        "interop",
        "beam",
        "cuda",
        "gpu",
        "tpu",
    }


def test_environment_yml_holds_the_dependencies_of_pyproject_line_for_line():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *conda, pip = environment["dependencies"]
    options = [line for line in pip["pip"] if line.startswith("-")]
    packages = [line for line in pip["pip"] if not line.startswith("-")]

    assert environment["name"] == PROJECT["name"]
    assert conda == [f"python{PROJECT['requires-python']},<3.15", "pip"]
    assert options == ["-c constraints.txt", "-e ."]
    assert [p for p in packages if p not in ONLY_IN_ENVIRONMENT] == PROJECT["dependencies"]


def test_constraints_hold_only_sorted_pins_of_one_version_each():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    strange = [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line)]
    names = [name for name, _ in pins()]

    assert strange == []
    assert names == sorted(set(names))


@pytest.mark.parametrize("extra", ["", "dev", "book", "hub", "notebook", "interop", "beam", "gpu"])
def test_constraints_pin_every_declared_dependency_to_a_version_it_allows(extra):
    declared = EXTRAS[extra] if extra else PROJECT["dependencies"]
    pinned = dict(pins())
    refused = [
        text
        for text in declared
        if not Requirement(text).specifier.contains(
            pinned.get(canonicalize_name(Requirement(text).name), "0")
        )
        or canonicalize_name(Requirement(text).name) not in pinned
    ]
    assert refused == []


def test_pytorch_is_for_interop_alone():
    assert "torch==2.13.0" in EXTRAS["interop"]
    everyone = PROJECT["dependencies"] + EXTRAS["dev"]
    assert not requirement_names(everyone) & {"torch", "transformers"}


@pytest.mark.parametrize("extra", ["book", "hub", "notebook"])
def test_dev_holds_what_an_extra_of_users_needs(extra):
    assert set(EXTRAS[extra]) <= set(EXTRAS["dev"])


def test_importing_flanrepro_imports_no_slow_package():
    program = "import sys, flanrepro; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout.split()
    assert "flanrepro" in loaded
    assert SLOW_IMPORTS & set(loaded) == set()


def test_tracked_files_name_no_package_index():
    naming = [
        str(path.relative_to(ROOT))
        for path in tracked_files()
        if PACKAGE_INDEX.search(path.read_bytes())
    ]
    assert naming == []


def test_tracked_files_are_at_most_10_mb():
    large = {
        str(path.relative_to(ROOT)): path.stat().st_size
        for path in tracked_files()
        if path.stat().st_size > LARGEST_FILE_BYTES
    }
    assert large == {}


def test_a_python_that_is_too_old_ends_in_one_sentence(tmp_path):
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    old_python = tmp_path / "python3.9"
    old_python.write_text("#!/bin/sh\nexit 1\n")
    old_python.chmod(0o755)
    done = subprocess.run(
        ["make", "--silent", "install", f"PYTHON={old_python}", f"VENV={tmp_path / 'venv'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    said = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert done.returncode != 0
    assert len(said) == 1
    assert "needs Python 3.11 or newer" in said[0]
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize(("ci", "outcome"), [("true", "1 error"), ("", "1 skipped")])
def test_missing_real_data_fails_in_ci_and_is_skipped_elsewhere(tmp_path, ci, outcome):
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_real.py").write_text("def test_real(mirror):\n    assert mirror.is_dir()\n")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-rs",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            tmp_path,
            tmp_path,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"CI": ci, "FLANREPRO_MIRROR": str(tmp_path / "nowhere")},
    )
    assert outcome in done.stdout.splitlines()[-1]
    assert "no real data: FLANREPRO_MIRROR names" in done.stdout


def test_make_test_names_every_folder_of_tests():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (parts,) = re.findall(r"^PARTS := (.*)$", makefile, re.MULTILINE)
    folders = {path.parent.relative_to(ROOT / "tests").parts for path in TESTS}
    assert sorted(re.split("[ ,]", parts)) == sorted({first for first, *_ in filter(None, folders)})
