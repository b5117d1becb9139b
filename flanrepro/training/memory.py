"""The memory that a run needs at least, so that one that cannot fit says so before it is begun."""

import os

import jax
from jax.sharding import Mesh

from flanrepro.errors import InputError
from flanrepro.model.network import param_count
from flanrepro.model.sizes import T5Config
from flanrepro.training.spec import RunSpec
from flanrepro.training.step import parts_of

_ARRAYS = {"adamw": 4, "muon": 3, "adafactor": 1}
"""Number of float32 arrays of the parameters' size: these, and for AdamW, which has the gradients
all at once, these and the two moments, of which Muon has one for kernels; Adafactor's gradients may
be gone one by one."""


def least_bytes(spec: RunSpec, config: T5Config) -> tuple[int, int]:
    """Gives a lower bound of the devices' memory for a step, and of the host's for a batch."""
    rows, inputs, targets = spec.batch_size, spec.inputs_length, spec.targets_length
    of_dtype = 4 if config.dtype == "float32" else 2
    at_once = rows // spec.microbatches
    # One layer's attention, and the logits of a part of the targets.
    # A decoder-only model has inputs and targets in one row.
    longest = inputs + targets if config.decoder_only else max(inputs, targets)
    attention = at_once * config.num_heads * longest**2 * of_dtype
    part = -(-targets // parts_of(at_once, targets, config.vocab_size))
    logits = at_once * part * config.vocab_size * 4
    arrays = _ARRAYS[spec.optimizer]
    if spec.microbatches > 1:
        arrays = max(arrays, 2)  # the parameters, and the sum of the parts' gradients
    state = param_count(config) * 4 * arrays
    return state + max(attention, logits), rows * (inputs + targets) * 3 * 4


def check_memory(spec: RunSpec, config: T5Config, mesh: Mesh | None) -> None:
    """Raises InputError if a step's or a batch's least memory is more than there is."""
    device, host = jax.local_devices()[0], _host_bytes()
    limit = host if device.platform == "cpu" else (device.memory_stats() or {}).get("bytes_limit")
    count = mesh.size if mesh is not None and device.platform != "cpu" else 1
    needed, batch = least_bytes(spec, config)
    for what, size, there in (
        ("a step", needed, limit and limit * count),
        ("a batch", batch, host),
    ):
        if there and size > there:
            raise InputError(
                f"{what} of batch_size {spec.batch_size} with lengths {spec.inputs_length} and "
                f"{spec.targets_length} takes {size / 2**30:.1f} GiB at least, and there are "
                f"{there / 2**30:.1f}: lower them, raise microbatches, or use more devices"
            )


def _host_bytes() -> int | None:
    """The machine's memory; None where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
