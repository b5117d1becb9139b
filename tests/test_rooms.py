"""Rooms: a module imports from its own room and from those above it, and there is no circle."""

import ast
import graphlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

ORDER = (
    "collection",
    "raw",
    "sources",
    "data",
    "model",
    "training",
    "evaluation",
    "t5x",
    "experiments",
    "report",
    "cards",
    "cli",
)
"""The way of an example, from a record to a verdict: each room may import from those before it."""

GROUND = {
    "flanrepro.errors",
    "flanrepro.whole",
    "flanrepro.cluster",
    "flanrepro.markdown",
    "flanrepro.packaged",
    "flanrepro.version",
}
"""Modules of no room that every room may import; of the package they import each other alone."""

FRONT = {"flanrepro", "flanrepro.__main__"}
"""Modules of no room that may import every room."""


def modules(folder: str) -> dict[str, Path]:
    """The modules below a folder of the checkout, by their dotted names."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    names = (path.relative_to(ROOT).with_suffix("").as_posix() for path in paths)
    dotted = (name.removesuffix("/__init__").replace("/", ".") for name in names)
    return dict(zip(dotted, paths, strict=True))


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of `known` that a file imports, also inside functions and for types alone."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else node.module for name in inside}
    return found & set(known)


LIBRARY = modules("flanrepro")
IMPORTS = {name: imported(path, LIBRARY) for name, path in LIBRARY.items()}


def room(module: str) -> str:
    return module.split(".")[1]


def test_every_module_stands_in_a_room():
    assert {room(name) for name in LIBRARY if name not in GROUND | FRONT} == set(ORDER)


def test_imports_run_only_to_rooms_above():
    upwards = [
        f"{name} -> {other}"
        for name, others in IMPORTS.items()
        for other in others - GROUND
        if name not in FRONT
        and (name in GROUND or other in FRONT or ORDER.index(room(other)) > ORDER.index(room(name)))
    ]
    assert upwards == []


def test_no_import_runs_in_a_circle():
    # A package's own __init__ is imported with each of its modules: that is Python's, not ours.
    graphlib.TopologicalSorter(IMPORTS).prepare()


def test_the_library_imports_nothing_of_ci_and_no_test():
    outside = {**modules("ci"), **modules("tests")}
    assert [name for name, path in LIBRARY.items() if imported(path, outside)] == []
