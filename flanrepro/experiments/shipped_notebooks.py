"""The executed copies that ship with the notebooks: `flanrepro figures --notebooks`."""

from collections.abc import Iterator
from pathlib import Path

from flanrepro.errors import InputError
from flanrepro.experiments.notebook import run_notebook
from flanrepro.experiments.parameters import injected, notebook_parameters, read_notebook
from flanrepro.experiments.profiles import Job, project
from flanrepro.whole import write_whole


def execute_all() -> Iterator[Path]:
    """Executes every numbered notebook of the checkout from the scores that ship.

    A copy that is there is executed again with its own parameters. It is replaced only when its
    notebook has come to its end.

    Yields:
        path of each copy.

    Raises:
        InputError: the current folder is in no checkout, or a notebook failed.
    """
    here = project()
    if here is None:
        raise InputError(
            "the executed copies that ship are a checkout's: run this in its folder, or `flanrepro "
            "run NOTEBOOK -p engine shipped` for one of your own"
        )
    for path in sorted((here / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        copy = here / "notebooks" / "executed" / f"{path.stem}.pocket.{Job().profile}.ipynb"
        given = {"engine": "shipped"} if "engine" in notebook_parameters(path) else {}
        if copy.is_file():
            given = injected(copy, read_notebook(copy))
        write_whole(copy, run_notebook(path, given).read_bytes())
        yield copy
