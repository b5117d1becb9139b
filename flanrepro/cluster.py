"""One process of several: what SLURM, Open MPI, TPU pods or JAX's own variables say of it.

A run on several hosts is the same program on each of them: `srun flanrepro run NOTEBOOK ...`. All
train together; the first writes what is read by people. This module imports no JAX.
"""

import os
import tempfile
from pathlib import Path

from flanrepro.errors import InputError

_VARIABLES = {
    # what tells that they are meant for this process: its number, the number of processes
    "JAX_COORDINATOR_ADDRESS": ("JAX_PROCESS_ID", "JAX_NUM_PROCESSES"),
    "SLURM_STEP_NODELIST": ("SLURM_PROCID", "SLURM_NTASKS"),
    "OMPI_MCA_orte_hnp_uri": ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
}


def process() -> tuple[int, int]:
    """This process's number, from 0, and how many there are.

    Raises:
        InputError: a variable is no whole number, or is missing beside the others.
    """
    for mark, names in _VARIABLES.items():
        if mark in os.environ:
            index, count = (_whole(name, mark) for name in names)
            return index, count
    hosts = os.environ.get("TPU_WORKER_HOSTNAMES", "")
    if "," in hosts:
        return _whole("TPU_WORKER_ID", "TPU_WORKER_HOSTNAMES"), hosts.count(",") + 1
    return 0, 1


def _whole(name: str, mark: str) -> int:
    text = os.environ.get(name, "")
    if not text.isdecimal():
        raise InputError(
            f"{mark} says that this is one process of several, and {name} is '{text}': expected a "
            f"whole number; set it, or unset {mark}"
        )
    return int(text)


def join() -> None:
    """Connects this process with the others, if there are any, before JAX is used."""
    index, count = process()
    if count == 1:
        return
    import jax

    if jax.distributed.is_initialized():
        return
    # JAX finds the other systems' variables by itself, and of its own the address alone.
    own = {"num_processes": count, "process_id": index}
    jax.distributed.initialize(**own if "JAX_COORDINATOR_ADDRESS" in os.environ else {})


def first() -> bool:
    """Whether this process is the one that writes."""
    return process()[0] == 0


def for_people(folder: Path) -> Path:
    """`folder`, or one that is thrown away, where the first process writes the same."""
    return folder if first() else Path(tempfile.gettempdir()) / f"flanrepro-{os.getpid()}"


def mesh_shape(text: str) -> tuple[int, int] | None:
    """Devices for data and for the model, of a mesh as a parameter has it: `4x2`; None if empty.

    Raises:
        InputError: it is of another form.
    """
    if not text:
        return None
    data, _, model = text.partition("x")
    if not (data.isdecimal() and model.isdecimal() and int(data) and int(model)):
        raise InputError(
            f"mesh is '{text}': expected DATAxMODEL, devices over which rows are spread by devices "
            "over which the model is, e.g. 8x1 or 4x2; empty: all that there are, for data"
        )
    return int(data), int(model)
