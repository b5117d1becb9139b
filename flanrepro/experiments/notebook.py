"""Runs notebooks with papermill, after checking their parameters."""

import logging
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flanrepro.cluster import for_people
from flanrepro.errors import InputError
from flanrepro.experiments.parameters import INJECTED, check_parameters, read_notebook, tagged
from flanrepro.experiments.profiles import Job, near, workspace
from flanrepro.fields import shown
from flanrepro.whole import free_space, kind_of, make_folder, write_whole

OWN_PYTHON = "python3"
"""The name of the kernel that is this process's Python."""


@dataclass(frozen=True)
class Plan:
    """A notebook's execution, checked.

    Attributes:
        path: path of the notebook.
        parameters: values of its parameters.
        job: the parameters that every notebook has, with defaults for those that it lacks.
        target: path of the executed copy.
        kernel: name of an installed kernel; empty: this process's Python.
    """

    path: Path
    parameters: Mapping[str, Any]
    job: Job
    target: Path
    kernel: str = ""

    def where(self) -> str:
        """A line that says where results go."""
        return f"{self.job.where()} The executed copy is {near(self.target)}."


def plan(
    path: Path, given: Mapping[str, Any], output: Path | None = None, kernel: str = ""
) -> Plan:
    """Checks what an execution is asked for; see `run_notebook`."""
    parameters = check_parameters(path, given)
    if parameters.get("out"):  # a copy that is run again may have another current folder
        parameters["out"] = str(Path(parameters["out"]).absolute())
    fields = Job.__dataclass_fields__
    job = Job(**{name: value for name, value in parameters.items() if name in fields})
    if output is None:
        name = f"{path.stem}.{job.collection}.{job.variant}.ipynb"
        folder = for_people(workspace(job.out) / "executed")
    else:
        name, folder = output.name, output.absolute().parent
        _check_output(output, path)
    if kernel:
        _check_kernel(kernel)
    return Plan(path, parameters, job, folder / name, kernel)


def _check_output(output: Path, path: Path) -> None:
    if output.suffix != ".ipynb" or kind_of(output) not in ("", "a file"):
        kind = kind_of(output)
        raise InputError(
            f"the executed copy would be {output}{f', which is {kind}' if kind else ''}: expected "
            "the path of a file that ends in .ipynb"
        )
    if output.resolve() == path.resolve():
        raise InputError(
            f"the executed copy would be the notebook itself, {output}: give another path"
        )


def _check_kernel(kernel: str) -> None:
    from jupyter_client.kernelspec import KernelSpecManager

    if kernel not in (installed := KernelSpecManager().find_kernel_specs()):
        raise InputError(
            f"there is no kernel {shown(kernel)}: installed are {', '.join(sorted(installed))}; "
            "leave it out to use this program's own Python"
        )


def run_notebook(
    path: Path, given: Mapping[str, Any], output: Path | None = None, kernel: str = ""
) -> Path:
    """Executes a notebook and returns the path of the executed copy.

    The copy is written cell by cell, so after a failure it shows where the notebook stopped.

    Args:
        path: path of the notebook.
        given: values of its parameters, or texts of them.
        output: path of the copy; None: `executed/NAME.COLLECTION.VARIANT.ipynb` in the workspace.
        kernel: name of an installed kernel; empty: the kernel has this process's Python, whatever
            kernel the notebook names and whatever kernels are installed.

    Raises:
        InputError: a parameter is wrong, the copy cannot be written, a cell failed, or the kernel
            did not start or died.
    """
    return execute(plan(path, given, output, kernel))


def execute(planned: Plan) -> Path:
    """Executes what was planned; see `run_notebook`."""
    path, target = planned.path, planned.target
    make_folder(target.parent, "folder of executed notebooks")
    write_whole(target, _without_values(path))
    if stopped := _execute(target, planned.parameters, planned.kernel):
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


def _execute(path: Path, parameters: Mapping[str, Any], kernel: str) -> str:
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
            language="python",
            stderr_file=sys.stderr,  # warnings show when they come
            progress_bar=False,
            **_of_kernel(kernel),
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


def _of_kernel(kernel: str) -> dict[str, Any]:
    """The arguments of papermill that choose the kernel."""
    # Silences two notes of every kernel: that it talks over local TCP, and that it was interrupted,
    # which is how papermill ends it.
    quiet = ["--IPKernelApp.log_level=50"]
    if kernel:
        return {"kernel_name": kernel, "extra_arguments": quiet}
    own = "--IPKernelApp.kernel_class=flanrepro.experiments.kernel.Kernel"
    how = {"kernel_name": OWN_PYTHON, "kernel_manager_class": _own_python()}
    return {**how, "extra_arguments": [*quiet, own]}


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
    """Removes warnings of training and this machine's paths from the executed copy."""
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


def timed_run(planned: Plan) -> str:
    """Runs a notebook; returns its result, the executed copy's path and the minutes as text."""
    began = time.monotonic()
    target = execute(planned)
    minutes = (time.monotonic() - began) / 60
    return f"{printed_result(target)}notebook: {near(target)}\n({minutes:.1f} minutes)"
