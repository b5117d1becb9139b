"""`flanrepro reproduce`: runs all of the paper's notebooks."""

from pathlib import Path
from typing import Annotated

import typer

from flanrepro.cli.kept import in_store
from flanrepro.cli.options import Parameters, Seeds
from flanrepro.cli.parameters import pair


def reproduce(
    profile: Annotated[
        str, typer.Option(help="how much to spend: smoke, quick, full or paper")
    ] = "quick",
    seeds: Seeds = 0,
    parameters: Parameters = None,
    notebooks: Annotated[
        Path | None, typer.Option(help="folder of the notebooks; none: those that come with it")
    ] = None,
) -> None:
    """Run the paper's notebooks, 00 to 06 and 09; results go to the folder `out`.

    The figures that ship stay as they are; `-p out FOLDER` names another folder. The command first
    says where results go and how long it takes. A failed notebook stops no other.
    """
    from flanrepro.experiments import reproduce as runner
    from flanrepro.experiments.notebook_files import notebook_folder
    from flanrepro.experiments.profiles import workspace

    given = {"profile": profile} | ({"seeds": str(seeds)} if seeds else {})
    given |= dict(map(pair, parameters or []))
    in_store(workspace(given.get("out", "")) / "runs")
    for line in runner.reproduce(given, notebooks or notebook_folder()):
        print(line, flush=True)
