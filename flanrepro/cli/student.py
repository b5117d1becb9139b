"""`flanrepro student`: writes the notebooks for a class, without the solutions."""

from pathlib import Path
from typing import Annotated

import typer

from flanrepro.errors import InputError
from flanrepro.whole import write_whole

NOTEBOOKS = Path("notebooks")


def student(
    out: Annotated[Path, typer.Argument(help="folder for the copies; made if missing")],
    notebooks: Annotated[
        list[Path] | None,
        typer.Argument(help="notebooks to copy; none: all of the folder notebooks/"),
    ] = None,
) -> None:
    """Write the notebooks without their exercises' solutions, for a class."""
    paths = notebooks or sorted(NOTEBOOKS.glob("*.ipynb"))
    if not paths:
        raise InputError(
            f"there are no notebooks in {NOTEBOOKS.absolute()}: run this in the project's folder, "
            "or name notebooks"
        )
    # All copies are made and checked before the first is written.
    texts = {out / path.name: _text(path) for path in paths}
    for target, text in texts.items():
        if target.exists() and target.read_text(encoding="utf-8") != text:
            raise InputError(
                f"{target} is there and is another notebook, perhaps with somebody's answers: "
                "nothing was written; move it away, or name another folder"
            )
    for target, text in texts.items():
        write_whole(target, text)
        print(target)


def _text(path: Path) -> str:
    import nbformat

    from flanrepro.experiments.exercises import student_copy

    return nbformat.writes(student_copy(path)) + "\n"
