"""`flanrepro notebooks`: lists and copies the notebooks, which come with the package."""

from pathlib import Path
from typing import Annotated

import typer

from flanrepro.errors import InputError
from flanrepro.whole import write_whole

app = typer.Typer()


@app.callback()
def notebooks() -> None:
    """List the notebooks, or copy them, for a class without their exercises' solutions."""


@app.command("list")
def list_() -> None:
    """List the notebooks: number or name, and title."""
    from flanrepro.experiments import notebook_files as files

    for path in files.notebooks():
        print(f"{path.stem:28} {files.title(path)}")
    print(f"in {files.notebook_folder()}; `flanrepro run NUMBER` runs one")


@app.command()
def copy(
    folder: Annotated[Path, typer.Argument(help="folder for the copies; made if missing")],
    names: Annotated[
        list[str] | None, typer.Argument(help="numbers, names or paths; none: all notebooks")
    ] = None,
    student: Annotated[
        bool, typer.Option("--student", help="without the exercises' solutions")
    ] = False,
    executed: Annotated[
        bool, typer.Option("--executed", help="also the executed copies, into FOLDER/executed")
    ] = False,
) -> None:
    """Copy notebooks, to work on them anywhere."""
    from flanrepro.experiments import notebook_files as files

    paths = [files.find_notebook(name) for name in names or ()] or files.notebooks()
    if not paths:
        raise InputError(
            f"there are no notebooks in {files.notebook_folder()}: install flanrepro anew, or name "
            "notebooks"
        )
    stems = tuple(f"{path.stem}." for path in paths)
    beside = [path for path in files.executed_copies() if path.name.startswith(stems)]
    # All copies are made and checked before the first is written.
    texts = {folder / path.name: _text(path, student) for path in paths}
    if executed:
        texts |= {folder / "executed" / path.name: _text(path, student, True) for path in beside}
    for target, text in texts.items():
        if target.exists() and target.read_text(encoding="utf-8") != text:
            raise InputError(
                f"{target} is there and is another notebook, perhaps with somebody's answers: "
                "nothing was written; move it away, or name another folder"
            )
    for target, text in texts.items():
        write_whole(target, text)
        print(target)


def _text(path: Path, student: bool, outputs: bool = False) -> str:
    import nbformat

    from flanrepro.experiments.exercises import student_copy
    from flanrepro.experiments.parameters import read_notebook

    if student:
        return nbformat.writes(student_copy(path, outputs)) + "\n"
    read_notebook(path)  # refuses what is none
    return path.read_text(encoding="utf-8")
