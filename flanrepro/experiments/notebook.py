"""Runs notebooks with papermill, after checking their parameters."""

import ast
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flanrepro.cluster import for_people
from flanrepro.errors import InputError
from flanrepro.experiments.profiles import Job, workspace


def notebook_parameters(path: Path) -> dict[str, dict[str, str]]:
    """The parameters in a notebook's cell tagged `parameters`: papermill's description by name.

    Raises:
        InputError: there is no such file, it is no notebook, or it has no such cell.
    """
    import nbformat
    import papermill

    if not path.is_file():
        raise InputError(f"there is no notebook {path}")
    try:
        cells = nbformat.read(path, as_version=4).cells
    except Exception as error:  # nbformat raises many classes for a file that is no notebook
        reason = " ".join(str(error).split())[:100]
        raise InputError(f"{path} is no Jupyter notebook ({reason})") from None
    if not any("parameters" in cell.metadata.get("tags", []) for cell in cells):
        raise InputError(
            f"{path} has no cell tagged 'parameters', so it cannot be given any: tag the cell that "
            "sets them (in JupyterLab under Property Inspector, Cell Tags)"
        )
    return papermill.inspect_notebook(str(path))


def check_parameters(path: Path, given: Mapping[str, str]) -> dict[str, Any]:
    """The given texts as values of the parameters' types.

    Raises:
        InputError: a parameter is unknown, or a value is of another type or refused by `Job`.
    """
    known = notebook_parameters(path)
    values = {}
    for name, text in given.items():
        if name not in known:
            raise InputError(
                f"{path.name} has no parameter '{name}': it has {', '.join(known)} (see "
                f"`flanrepro run {path} --help-notebook`)"
            )
        kind = known[name]["inferred_type_name"]
        values[name] = _parse(name, text, kind)
    # papermill itself only warns of an unknown parameter, and runs with any value.
    job = {name: value for name, value in values.items() if name in Job.__dataclass_fields__}
    Job(**job)
    return values


def _parse(name: str, text: str, kind: str) -> Any:
    if kind == "str":
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = None
    if kind == "float" and type(value) is int:  # `-p rate 1` means 1.0
        value = float(value)
    if type(value).__name__ != kind:
        raise InputError(f"parameter '{name}' is '{text}': expected {kind}")
    return value


def run_notebook(path: Path, given: Mapping[str, str]) -> Path:
    """Executes a notebook and returns the path of the executed copy.

    The copy is `notebooks/executed/NAME.COLLECTION.PROFILE.ipynb` in the workspace. It is written
    cell by cell, so after a failure it shows where the notebook stopped.

    Raises:
        InputError: a parameter is wrong, a cell failed, or the kernel died.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError

    parameters = check_parameters(path, given)
    job = {name: parameters.get(name, getattr(Job(), name)) for name in ("collection", "profile")}
    name = f"{path.stem}.{job['collection']}.{job['profile']}.ipynb"
    target = for_people(workspace(parameters.get("out", "")) / "notebooks" / "executed") / name
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        papermill.execute_notebook(
            str(path),
            str(target),
            parameters,
            kernel_name="python3",
            stderr_file=sys.stderr,  # progress bars show while they run
            progress_bar=False,
            # Silences two notes of every kernel: that it talks over local TCP, and that it was
            # interrupted, which is how papermill ends it.
            extra_arguments=["--IPKernelApp.log_level=50"],
        )
    except papermill.exceptions.PapermillExecutionError as error:
        raise InputError(
            f"{path.name} stopped in cell {error.cell_index} with {error.ename}: {error.evalue} "
            f"(the executed copy, {target}, shows where)"
        ) from error
    except DeadKernelError:
        raise InputError(
            f"{path.name} stopped because its kernel died, as it does when memory runs out (the "
            f"executed copy, {target}, shows where); run it again: finished runs are read"
        ) from None
    _tidy(target)
    return target


def _tidy(path: Path) -> None:
    """Removes progress bars and this machine's paths from the executed copy."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if "progress" in cell.metadata.get("tags", []):
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
    for name in ("input_path", "output_path"):
        notebook.metadata.get("papermill", {}).pop(name, None)
    nbformat.write(notebook, path)


def printed_result(path: Path) -> str:
    """The text printed by an executed notebook's cells tagged `result`."""
    import nbformat

    return "".join(
        output.get("text", "")
        for cell in nbformat.read(path, as_version=4).cells
        if "result" in cell.metadata.get("tags", [])
        for output in cell.get("outputs", [])
    )


def timed_run(path: Path, given: Mapping[str, str]) -> str:
    """Runs a notebook; returns its result, the executed copy's path and the minutes as text."""
    began = time.monotonic()
    target = run_notebook(path, given)
    minutes = (time.monotonic() - began) / 60
    where = os.path.relpath(target)
    return f"{printed_result(target)}notebook: {where}\n({minutes:.1f} minutes)"
