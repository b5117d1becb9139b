"""This process among several, by the variables of SLURM, Open MPI, TPU pods or JAX itself.

A run on several hosts is the same program on each of them: `srun flanrepro run NOTEBOOK ...`. All
train together; the first writes what people read. Importing this module imports no JAX.
"""

import os
import tempfile
from pathlib import Path

from flanrepro.errors import InputError

# A variable that shows that the launcher started this process: the variables with this process's
# number and the number of processes. JAX's own come first, since a user sets them by hand.
_VARIABLES = {
    "JAX_COORDINATOR_ADDRESS": ("JAX_PROCESS_ID", "JAX_NUM_PROCESSES"),
    # Set by `srun` alone: within `sbatch` or `salloc` the other SLURM variables are there as well.
    "SLURM_STEP_NODELIST": ("SLURM_PROCID", "SLURM_NTASKS"),
    "OMPI_MCA_orte_hnp_uri": ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
}


def process() -> tuple[int, int]:
    """This process's number, from 0, and the number of processes.

    Raises:
        InputError: a variable is no whole number, or is missing beside the others.
    """
    for mark, names in _VARIABLES.items():
        if mark in os.environ:
            index, count = (_whole(name, mark) for name in names)
            return index, count
    # A TPU machine of its own sets the variable too, with one name.
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
    """Connects this process with the others, if there are any; must run before JAX is used."""
    index, count = process()
    if count == 1:
        return
    import jax

    if jax.distributed.is_initialized():
        return
    # JAX reads SLURM's, Open MPI's and TPU pods' variables itself, but only the address of its own.
    own = {"num_processes": count, "process_id": index}
    jax.distributed.initialize(**own if "JAX_COORDINATOR_ADDRESS" in os.environ else {})


def first() -> bool:
    """True in the process that writes what people read."""
    return process()[0] == 0


def for_people(folder: Path) -> Path:
    """`folder` in the first process, a temporary folder in the others."""
    # All processes run the same notebook and write the same figures; one copy is kept.
    return folder if first() else Path(tempfile.gettempdir()) / f"flanrepro-{os.getpid()}"


def mesh_shape(text: str) -> tuple[int, int] | None:
    """Parses a mesh such as `4x2`: numbers of devices for data and for the model; None if empty.

    Raises:
        InputError: the text has another form.
    """
    if not text:
        return None
    data, _, model = text.partition("x")
    if not (data.isdecimal() and model.isdecimal() and int(data) and int(model)):
        raise InputError(
            f"mesh is '{text}': expected DATAxMODEL, devices over which rows are spread by devices "
            "over which the model is, e.g. 8x1 or 4x2; leave it empty to use all devices for data"
        )
    return int(data), int(model)
