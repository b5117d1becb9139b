"""`flanrepro reproduce`: runs all of the paper's notebooks."""

from pathlib import Path
from typing import Annotated

import typer

from flanrepro.cli.options import Parameters, Seeds
from flanrepro.cli.parameters import pair


def reproduce(
    profile: Annotated[
        str, typer.Option(help="how much to spend: smoke, quick, full or paper")
    ] = "quick",
    seeds: Seeds = 0,
    parameters: Parameters = None,
    notebooks: Annotated[Path, typer.Option(help="folder of the notebooks")] = Path("notebooks"),
) -> None:
    """Run the paper's notebooks, 00 to 06 and 09, into the folder `reproduced`.

    The figures that ship stay as they are; `-p out FOLDER` names another folder. The command first
    says how long it takes. A failed notebook stops no other.
    """
    from flanrepro.experiments import reproduce as runner

    given = {"profile": profile} | ({"seeds": str(seeds)} if seeds else {})
    for line in runner.reproduce(given | dict(map(pair, parameters or [])), notebooks):
        print(line, flush=True)
