"""What Sphinx reads: executed notebooks and the project's Markdown, each at its place in `source`.

A page keeps its path in the checkout, so that its links to other pages hold. A link to a table or
a picture brings a copy of that file along; a link to other files and folders becomes plain text.
"""

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from flanrepro.experiments.exercises import is_solution
from flanrepro.experiments.parameters import INJECTED, read_notebook, tagged

if TYPE_CHECKING:
    import nbformat

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

TEXTS = ("docs/*.md", "data_cards/pocket*.md")
"""Patterns of the pages beside the notebooks, which have no file of their own elsewhere."""

COPIED = {".csv", ".png", ".svg"}
"""Suffixes of files that a page may link to."""

LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s#]*)(#[^()\s]*)?\)")
"""An image or a link of Markdown: `!`, text, path or address, anchor."""

WIDGET = "application/vnd.jupyter.widget-view+json"
NO_WIDGET = "(Widgets answer in JupyterLab, with a kernel: open this notebook there.)"
FOLDED = '<details class="solution">\n<summary>Solution</summary>'
WORDS = re.compile(r"<details>\n<summary><b>Solution\.</b></summary>\n\n(.*)\n\n</details>", re.S)
"""An answer in words, which in the notebook folds itself; the page folds it with the code."""


def write_texts(source: Path, notebooks: Iterable[str]) -> set[str]:
    """Writes all pages but the notebooks; returns the paths of all pages, relative to `source`."""
    texts = sorted(path for pattern in TEXTS for path in ROOT.glob(pattern))
    pages = {path.relative_to(ROOT).as_posix() for path in texts}
    pages |= {f"notebooks/{name}.ipynb" for name in notebooks}
    for path in texts:
        target = source / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(linked(path.read_text("utf-8"), target, source, pages), "utf-8")
    shutil.copy(HERE / "index.md", source / "index.md")
    return pages


def linked(text: str, page: Path, source: Path, pages: set[str]) -> str:
    """A page's Markdown with links that hold on the site; copies the files that they lead to.

    Args:
        text: Markdown.
        page: where it is going to be, below `source`.
        source: folder of all pages.
        pages: paths of all pages, relative to `source`.
    """

    def replaced(found: re.Match[str]) -> str:
        _, said, path, _ = found.groups()
        if not path or ":" in path:
            return found[0]
        target = os.path.relpath(os.path.normpath(page.parent / path), source)
        if target in pages:
            return found[0]
        original = ROOT / target
        if original.suffix not in COPIED or not original.is_file():
            return said
        (source / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(original, source / target)
        return found[0]

    return LINK.sub(replaced, text)


def write_notebook(path: Path, target: Path, pages: set[str]) -> None:
    """Writes an executed notebook as a page: solutions and hidden checks folded, links as there.

    Args:
        path: of the executed copy, `OUT/notebooks/executed/NAME.COLLECTION.PROFILE.ipynb`.
        target: of the page, `SOURCE/notebooks/NAME.ipynb`.
        pages: paths of all pages, relative to `SOURCE`.
    """
    import nbformat

    notebook = read_notebook(path)
    for i in tagged(notebook, INJECTED):
        lines = notebook.cells[i].source.splitlines()
        notebook.cells[i].source = "\n".join(li for li in lines if not li.startswith("out = "))
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = linked(cell.source, target, target.parents[1], pages)
        if "BEGIN HIDDEN TESTS" in cell.source:
            cell.metadata.tags = [*cell.metadata.get("tags", []), "hide-input"]
        for output in cell.get("outputs", ()):
            _without_machine(output, path.parents[2])
    notebook.metadata.pop("widgets", None)
    notebook.cells = list(_folded(notebook.cells))
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)


def _without_machine(output: "nbformat.NotebookNode", out: Path) -> None:
    """Makes an output one of any machine: paths below `out` are relative to it, widgets a note."""
    import nbformat

    if WIDGET in output.get("data", {}):
        output.data = nbformat.from_dict({"text/plain": NO_WIDGET})
    for folder in (f"{out}/", f"{os.path.relpath(out)}/"):
        if "text" in output:
            output.text = output.text.replace(folder, "")
        for kind in {"text/plain", "text/html"} & set(output.get("data", ())):
            output.data[kind] = output.data[kind].replace(folder, "")


def _folded(cells: list["nbformat.NotebookNode"]) -> Iterable["nbformat.NotebookNode"]:
    """The cells, each row of those tagged `solution` between two that open and close a fold."""
    import nbformat

    inside = False
    for i, cell in enumerate(cells):
        if is_solution(cell) != inside:
            inside = not inside
            text = FOLDED if inside else "</details>"
            yield nbformat.v4.new_markdown_cell(text, id=f"fold-{i}")
        cell.source = WORDS.sub(r"\1", cell.source)
        yield cell
    if inside:
        yield nbformat.v4.new_markdown_cell("</details>", id="fold-end")
