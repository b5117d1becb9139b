"""Reproduces the whole paper: runs its notebooks one after the other."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from flanrepro.cluster import process
from flanrepro.errors import InputError
from flanrepro.experiments.notebook import run_notebook
from flanrepro.experiments.parameters import check_parameters
from flanrepro.experiments.profiles import Job, near, workspace
from flanrepro.experiments.results import train_all

HOW_LONG = "25 to 45 minutes on two CPU cores at profile quick, with one seed on pocket."


def reproduce(given: Mapping[str, str], folder: Path) -> Iterator[str]:
    """Runs the notebooks of the Flan Collection paper in order; a failed one stops no other.

    Args:
        given: parameters of all notebooks.
        folder: folder of the notebooks; 00 to 06 and 09 are run.

    Yields:
        lines to print: the plan, one line per step with its minutes, and the folders of results.

    Raises:
        InputError: before anything runs: there are no notebooks, a parameter is wrong, or this is
            one of several hosts. At the end: steps failed, with a sentence for each.
    """
    paths = sorted(folder.glob("0[0-69]_*.ipynb"))  # 07 and 08 go beyond this paper
    if process()[1] > 1:
        raise InputError(
            "`flanrepro reproduce` is for one host, and this is one process of several: start "
            "`flanrepro run NOTEBOOK` on all of them, notebook by notebook"
        )
    if not paths:
        raise InputError(
            f"there are no notebooks 00 to 09 in {folder}: name the folder that has them with "
            "--notebooks"
        )
    # All are checked before the first runs: a wrong parameter must not show after an hour.
    values, *_ = [check_parameters(path, given) for path in paths]
    job = Job(**{name: values[name] for name in Job.__dataclass_fields__ if name in values})
    out = workspace(job.out)
    how = ", ".join(f"{name} {value}" for name, value in given.items() if name != "out")
    yield f"{len(paths)} notebooks into {near(out)}: {how}."
    yield f"{HOW_LONG} Stopped and started again, it goes on: what is finished is read."
    steps = {
        f"{i} of {len(paths)}: {p.stem}": (run_notebook, p, given) for i, p in enumerate(paths, 1)
    }
    # Shared runs first, on all cores: the notebooks then read them.
    if job.engine != "shipped":
        steps = {"the runs that notebooks share": (train_all, job)} | steps
    failed = []
    for name, step in steps.items():
        began = time.monotonic()
        sentence = _sentence(*step)
        failed += [f"{name} stopped: {sentence}"] if sentence else []
        minutes = f"{(time.monotonic() - began) / 60:.1f} minutes"
        yield f"{name}, {'FAILED, ' if sentence else ''}{minutes}"
    yield f"figures and tables: {near(job.figures)}"
    yield f"executed notebooks: {near(out / 'executed')}"
    if failed:
        raise InputError(
            f"{len(failed)} of {len(steps)} steps failed: {'; '.join(failed)}. Mend that and "
            "start again: finished runs are read"
        )


def _sentence(call: Callable, *args) -> str:
    """The sentence of why the call failed; empty if it succeeded."""
    try:
        call(*args)
    except InputError as error:
        return str(error)
    except Exception as error:  # a bug in one notebook must not stop the others
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return ""
