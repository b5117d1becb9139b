"""`flanrepro run`: executes one notebook."""

from pathlib import Path
from typing import Annotated, Any

import typer

from flanrepro.cli.kept import in_store
from flanrepro.cli.options import Parameters
from flanrepro.cli.parameters import pair

Notebook = Annotated[
    str, typer.Argument(help="number, name or path: 02, 02_mixed_prompts, my/notebook.ipynb")
]


def run(
    notebook: Notebook,
    profile: Annotated[
        str, typer.Option(help="how much to spend; empty: the notebook's default")
    ] = "",
    parameters: Parameters = None,
    params: Annotated[
        Path | None, typer.Option(help="YAML file of parameters; -p goes before it")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="path of the executed copy; none: out/executed/...")
    ] = None,
    kernel: Annotated[
        str, typer.Option(help="an installed Jupyter kernel; empty: this program's own Python")
    ] = "",
    help_notebook: Annotated[
        bool, typer.Option(help="list the notebook's parameters and stop")
    ] = False,
) -> None:
    """Execute a notebook, after checking its parameters; results go to the folder `out`."""
    from flanrepro.experiments import notebook as module
    from flanrepro.experiments.notebook_files import find_notebook
    from flanrepro.experiments.parameters import read_parameters

    path = find_notebook(notebook)
    if help_notebook:
        _print_parameters(path)
        return
    given: dict[str, Any] = read_parameters(params) if params else {}
    given |= dict(map(pair, parameters or []))
    if profile:
        given["profile"] = profile
    plan = module.plan(path, given, output, kernel)
    print(plan.where(), flush=True)
    in_store(plan.job.store.root)
    print(module.timed_run(plan))


def _print_parameters(path: Path) -> None:
    from flanrepro.experiments.parameters import notebook_parameters
    from flanrepro.experiments.profiles import Job
    from flanrepro.fields import expected, table

    checked = {row.name: expected(row) for row in table(Job)}
    for name, row in notebook_parameters(path).items():
        holds = checked.get(name, row["inferred_type_name"])
        print(f"{name}: {holds} = {row['default']}  {row['help']}")
