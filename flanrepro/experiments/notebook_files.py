"""Where the notebooks are: in a checkout, or inside an installed package."""

import re
from pathlib import Path

from flanrepro.errors import InputError
from flanrepro.experiments.parameters import read_notebook
from flanrepro.experiments.profiles import project
from flanrepro.fields import shown

_PACKAGE = Path(__file__).resolve().parents[1]


def notebook_folder() -> Path:
    """The notebooks of the checkout around the current folder, else those beside the package.

    A wheel has them inside the package; a package that is used from its checkout, beside it.
    """
    if here := project():
        return here / "notebooks"
    inside = _PACKAGE / "notebooks"
    return inside if inside.is_dir() else _PACKAGE.parent / "notebooks"


def notebooks() -> list[Path]:
    """The notebooks in their order."""
    return sorted(notebook_folder().glob("*.ipynb"))


def executed_copies() -> list[Path]:
    """The executed copies that come with the notebooks, in their order."""
    return sorted((notebook_folder() / "executed").glob("*.ipynb"))


def find_notebook(name: str) -> Path:
    """A notebook by its path, its name or its number.

    Args:
        name: a path such as `notebooks/02_mixed_prompts.ipynb`, else `02_mixed_prompts`, `02`, `2`.

    Raises:
        InputError: it is neither; the sentence lists those that there are.
    """
    path = Path(name)
    if path.suffix == ".ipynb" or len(path.parts) > 1:
        return path
    wanted = name.zfill(2) if name.isdecimal() else name
    found = [one for one in notebooks() if wanted in (one.stem, one.stem.split("_")[0])]
    if len(found) != 1:
        names = ", ".join(one.stem for one in notebooks()) or "none"
        raise InputError(
            f"there is no notebook {shown(name)}: give the path of one, or the name or number of "
            f"one in {notebook_folder()}, which has {names}"
        )
    return found[0]


def title(path: Path) -> str:
    """The first heading of a notebook, without its signs; empty: it has none."""
    for cell in read_notebook(path).cells:
        if cell.cell_type == "markdown" and (found := re.search(r"^# (.+)$", cell.source, re.M)):
            return found[1].strip()
    return ""
