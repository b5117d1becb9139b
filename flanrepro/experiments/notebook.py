"""Strict papermill: parameters are checked before anything runs."""

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
    """The parameters of a notebook's cell tagged `parameters`: name, type, default, help.

    Raises:
        InputError: no such file, no notebook, or no such cell.
    """
    import nbformat
    import papermill

    if not path.is_file():
        raise InputError(f"there is no notebook {path}")
    try:
        cells = nbformat.read(path, as_version=4).cells
    except Exception as error:  # nbformat has a class of its own for every way to be no notebook
        reason = " ".join(str(error).split())[:100]
        raise InputError(f"{path} is no Jupyter notebook ({reason})") from None
    if not any("parameters" in cell.metadata.get("tags", []) for cell in cells):
        raise InputError(
            f"{path} has no cell tagged 'parameters', so it cannot be given any: tag the cell that "
            "sets them (in JupyterLab under Property Inspector, Cell Tags)"
        )
    return papermill.inspect_notebook(str(path))


def check_parameters(path: Path, given: Mapping[str, str]) -> dict[str, Any]:
    """The given values as the notebook's types.

    Raises:
        InputError: an unknown parameter, a value of another type, or one that `Job` refuses.
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
    if kind == "float" and type(value) is int:
        value = float(value)
    if type(value).__name__ != kind:
        raise InputError(f"parameter '{name}' is '{text}': expected {kind}")
    return value


def run_notebook(path: Path, given: Mapping[str, str]) -> Path:
    """Executes a notebook and gives the path of the executed copy.

    The copy lies under `notebooks/executed` of the workspace as NAME.COLLECTION.PROFILE.ipynb, and
    is written cell by cell, so that a failed one shows where it stopped.
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
            stderr_file=sys.stderr,  # progress, live
            progress_bar=False,
            # Silences the kernel's notes that it talks over local TCP, and that it was interrupted,
            # as papermill does with every kernel in the end.
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
    """Takes out of the executed copy what is for those who wait, and this machine's paths."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if "progress" in cell.metadata.get("tags", []):
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
    for name in ("input_path", "output_path"):
        notebook.metadata.get("papermill", {}).pop(name, None)
    nbformat.write(notebook, path)


def printed_result(path: Path) -> str:
    """What the executed notebook's cells tagged `result` printed."""
    import nbformat

    return "".join(
        output.get("text", "")
        for cell in nbformat.read(path, as_version=4).cells
        if "result" in cell.metadata.get("tags", [])
        for output in cell.get("outputs", [])
    )


def timed_run(path: Path, given: Mapping[str, str]) -> str:
    """Runs a notebook; its result, and where the executed copy lies, as text to print."""
    began = time.monotonic()
    target = run_notebook(path, given)
    minutes = (time.monotonic() - began) / 60
    where = os.path.relpath(target)
    return f"{printed_result(target)}notebook: {where}\n({minutes:.1f} minutes)"
