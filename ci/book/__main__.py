"""Writes the website into a folder: notebooks are executed from shipped scores, then rendered."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from ci.book.pages import HERE, ROOT, write_notebook, write_texts
from flanrepro.errors import InputError
from flanrepro.experiments.notebook import run_notebook
from flanrepro.experiments.parameters import notebook_parameters

GIVEN = {"engine": "shipped", "beside": "lm-nano"}
"""Values of parameters, for the notebooks that have them; with these, nothing is trained."""


def execute(notebook: Path, out: Path) -> Path:
    """Executes a notebook from shipped scores into `out`; returns the path of the executed copy."""
    has = notebook_parameters(notebook)
    return run_notebook(notebook, {n: v for n, v in GIVEN.items() if n in has} | {"out": str(out)})


def render(executed: dict[str, Path], out: Path) -> Path:
    """Renders executed notebooks, by name, and all texts; returns the path of the first page.

    Raises:
        InputError: Sphinx has stopped at an error or a warning, which it has printed.
    """
    from sphinx.cmd.build import build_main

    source, site = out / "source", out / "html"
    for folder in (source, site):
        shutil.rmtree(folder, ignore_errors=True)
    pages = write_texts(source, executed)
    for name, path in executed.items():
        write_notebook(path, source / "notebooks" / f"{name}.ipynb", pages)
    cached = out / "doctrees"
    options = ["--builder=html", "--fail-on-warning", "--keep-going", "--fresh-env", "--quiet"]
    if build_main(
        [*options, f"--conf-dir={HERE}", f"--doctree-dir={cached}", f"{source}", f"{site}"]
    ):
        raise InputError(f"Sphinx has not made {site}: mend what it says above in the named page")
    return site / "index.html"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    out: Annotated[Path, typer.Argument(help="folder for the site; made if missing")],
    notebooks: Annotated[
        list[Path] | None, typer.Argument(help="none: all of the folder notebooks/")
    ] = None,
) -> None:
    """Execute and render; say where the first page is."""
    paths = notebooks or sorted((ROOT / "notebooks").glob("*.ipynb"))
    executed = {}
    for path in paths:
        print(f"executes {path.name}", flush=True)
        executed[path.stem] = execute(path, (out / "work").absolute())
    print(render(executed, out))


if __name__ == "__main__":
    try:
        app()
    except InputError as error:
        raise SystemExit(f"ci.book: {error}") from None
