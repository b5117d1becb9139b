"""`flanrepro run`: executes one notebook."""

from pathlib import Path
from typing import Annotated

import typer

from flanrepro.cli.options import Parameters
from flanrepro.cli.parameters import pair


def run(
    notebook: Annotated[Path, typer.Argument(help="e.g. notebooks/02_mixed_prompts.ipynb")],
    profile: Annotated[
        str, typer.Option(help="how much to spend; empty: the notebook's default")
    ] = "",
    parameters: Parameters = None,
    help_notebook: Annotated[
        bool, typer.Option(help="list the notebook's parameters and stop")
    ] = False,
) -> None:
    """Execute a notebook, after checking its parameters."""
    from flanrepro.experiments.notebook import timed_run
    from flanrepro.experiments.parameters import notebook_parameters

    if help_notebook:
        from flanrepro.experiments.profiles import Job
        from flanrepro.fields import expected, table

        checked = {row.name: expected(row) for row in table(Job)}
        for name, row in notebook_parameters(notebook).items():
            holds = checked.get(name, row["inferred_type_name"])
            print(f"{name}: {holds} = {row['default']}  {row['help']}")
        return
    given = dict(map(pair, parameters or []))
    if profile:
        given["profile"] = profile
    print(timed_run(notebook, given))
