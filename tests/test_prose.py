"""Prose is read once: what docstrings begin with, and words that have a plainer one."""

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted([*(ROOT / "flanrepro").rglob("*.py"), *(ROOT / "ci").rglob("*.py")])
OF_PAGES = ("README.md", "ci/*.md", "docs/*.md", "notebooks/*.ipynb")
PAGES = sorted(path for pattern in OF_PAGES for path in ROOT.glob(pattern))

BEGINNINGS = re.compile(r"(Of|Those|So many|Such|Whether)\b")
"""A sentence that begins so has its subject at its end, or none."""

PLAINER = {"at hand": "available", "so many": "a number", "such a one": "what it is"}
"""Words, and what says it plainly."""

SHIPPED_IN_FIGURES = {"flanrepro/report/figure2.py", "flanrepro/report/rates.py"}
"""Modules whose texts stand in figures that ship, and stay as they were drawn."""


def docstrings(path: Path) -> list[str]:
    """The texts of a module that stand alone as a statement: docstrings, also of constants."""
    tree = ast.parse(path.read_text("utf-8"))
    alone = (node.value for node in ast.walk(tree) if isinstance(node, ast.Expr))
    return [n.value for n in alone if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def sentences(text: str) -> list[str]:
    """Sentences, list items and glosses (`name: gloss`), each from its first word on."""
    return [part.strip() for part in re.split(r"(?<=[.:;?!])\s+|\n\s*\n|\n\s*- ", text)]


def wrong_beginnings(text: str) -> list[str]:
    return [part[:60] for part in sentences(text) if BEGINNINGS.match(part)]


def old_words(text: str) -> list[str]:
    words = " ".join(text.split())
    return [f"'{old}' for '{new}'" for old, new in PLAINER.items() if old in words.lower()]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_no_docstring_has_a_sentence_without_a_subject(path):
    assert [found for text in docstrings(path) for found in wrong_beginnings(text)] == []


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_modules_say_it_plainly(path):
    if named(path) not in SHIPPED_IN_FIGURES:
        assert old_words(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_pages_say_it_plainly(path):
    text = path.read_text("utf-8")
    if path.suffix == ".ipynb":
        text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    assert old_words(text) == []


def test_what_is_looked_for_is_found():
    text = "Prompts.\n\nArgs:\n    n: so many\n        prompts.\n\nOf a run, its name."
    assert wrong_beginnings(text) == ["Of a run, its name."]
    assert wrong_beginnings("seed: Whether it is one.") == ["Whether it is one."]
    assert old_words(text) == ["'so many' for 'a number'"]
