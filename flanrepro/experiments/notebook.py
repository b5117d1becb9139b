"""Runs notebooks with papermill, after checking their parameters."""

import logging
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flanrepro.cluster import for_people
from flanrepro.errors import InputError
from flanrepro.experiments.parameters import INJECTED, check_parameters, read_notebook, tagged
from flanrepro.experiments.profiles import Job, workspace
from flanrepro.fields import shown
from flanrepro.whole import free_space, make_folder, write_whole


def run_notebook(path: Path, given: Mapping[str, str]) -> Path:
    """Executes a notebook and returns the path of the executed copy.

    The copy is `notebooks/executed/NAME.COLLECTION.PROFILE.ipynb` in the workspace. It is written
    cell by cell, so after a failure it shows where the notebook stopped. The kernel has this
    process's Python, whatever kernel the notebook names and whatever kernels are installed.

    Raises:
        InputError: a parameter is wrong, the copy cannot be written, a cell failed, or the kernel
            did not start or died.
    """
    parameters = check_parameters(path, given)
    job = {name: parameters.get(name, getattr(Job(), name)) for name in ("collection", "profile")}
    name = f"{path.stem}.{job['collection']}.{job['profile']}.ipynb"
    folder = for_people(workspace(parameters.get("out", "")) / "notebooks" / "executed")
    target = make_folder(folder, "folder of executed notebooks") / name
    write_whole(target, _without_values(path))
    if stopped := _execute(target, parameters):
        raise InputError(f"{path.name} stopped {stopped}")
    _tidy(target)
    return target


def _without_values(path: Path) -> str:
    """The notebook's text without the values of an earlier execution."""
    import nbformat

    notebook = read_notebook(path)
    for i in reversed(tagged(notebook, INJECTED)):
        del notebook.cells[i]
    return nbformat.writes(notebook)


def _execute(path: Path, parameters: Mapping[str, Any]) -> str:
    """Executes a notebook in its place; says where and why it stopped, if it did."""
    import papermill
    from nbclient.exceptions import DeadKernelError

    where = f"the executed copy, {path}, shows where"
    # Its warnings are of what has been checked.
    logging.getLogger("papermill").setLevel(logging.ERROR)
    plain = str(path).replace("{", "{{").replace("}", "}}")  # papermill formats paths
    try:
        papermill.execute_notebook(
            plain,
            plain,
            parameters,
            kernel_name="python3",
            language="python",
            kernel_manager_class=_own_python(),
            stderr_file=sys.stderr,  # progress bars show while they run
            progress_bar=False,
            # Silences two notes of every kernel: that it talks over local TCP, and that it was
            # interrupted, which is how papermill ends it.
            extra_arguments=[
                "--IPKernelApp.log_level=50",
                "--IPKernelApp.kernel_class=flanrepro.experiments.kernel.Kernel",
            ],
        )
    except papermill.exceptions.PapermillExecutionError as error:
        said = " ".join(str(error.evalue).split())[:2000]
        return f"in cell {error.cell_index} with {error.ename}: {said} ({where})"
    except DeadKernelError:
        return (
            f"because its kernel died, as it does when memory runs out ({where}); run it again: "
            "finished runs are read"
        )
    except RuntimeError as error:
        return (
            f"because its kernel did not start ({shown(str(error))}): try `{sys.executable} -m "
            "ipykernel --version`, and install ipykernel anew if that fails"
        )
    except (OSError, UnicodeEncodeError) as error:  # the latter: a name that is no text
        reason = getattr(error, "strerror", "") or type(error).__name__
        return (
            f"because its executed copy {path} could not be written ({reason}; "
            f"{free_space(path)}): free some space or give another `out`; finished runs are kept"
        )
    return ""


def _own_python() -> type:
    """A manager of kernels with this process's Python, whatever kernels are installed."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from traitlets import default

    class OwnPython(AsyncKernelManager):
        @default("kernel_spec_manager")
        def _without_folders(self) -> KernelSpecManager:
            return KernelSpecManager(kernel_dirs=[])

    return OwnPython


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
