"""Many devices: where each part of a state and of a batch lies, by T5X's logical axis rules."""

import json
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from flanrepro.cluster import mesh_shape
from flanrepro.errors import InputError
from flanrepro.model.axes import logical_axes

RULES = {
    "batch": "data",
    "vocab": "model",
    "mlp": "model",
    "heads": "model",
    "joined_kv": "model",
    "embed": None,
    "relpos_buckets": None,
    "prompt": None,
}
"""The mesh's axis that a logical axis is spread over (None: none), as in `t5x/partitioning.py`."""


def make_mesh(shape: str, rows: int) -> Mesh | None:
    """Puts the devices in a mesh of `data` and `model` axes; None: one device, nothing to spread.

    Args:
        shape: number of devices per axis, see `flanrepro.cluster.mesh_shape`; empty: the largest
            number of devices for data that divides `rows`.
        rows: number of rows of a microbatch.

    Raises:
        InputError: the machine has fewer devices; they do not divide the rows; or, on several
            hosts, some would be left out.
    """
    devices, given = jax.devices(), mesh_shape(shape)
    fitting = [n for n in range(1, len(devices) + 1) if rows % n == 0]
    data, model = given or (fitting[-1], 1)
    if data * model > len(devices):
        raise InputError(
            f"mesh is {data}x{model} and there are {len(devices)} devices: ask for no more, or "
            "start on a machine that has them (on a CPU XLA_FLAGS=--xla_force_host_platform_"
            "device_count=8 makes eight)"
        )
    if rows % data:
        raise InputError(
            f"mesh is {data}x{model} and a microbatch has {rows} rows: expected a number of rows "
            f"that {data} divides; choose another mesh, batch_size or microbatches"
        )
    if jax.process_count() > 1 and data * model < len(devices):
        raise InputError(
            f"mesh {data}x{model} leaves out some of the {len(devices)} devices of "
            f"{jax.process_count()} processes: choose one that has all, and a batch_size that it "
            "divides"
        )
    if len(devices) == 1 or (data * model == 1 and given is None):
        return None
    return Mesh(np.array(devices[: data * model]).reshape(data, model), ("data", "model"))


def state_shardings(state: Any, mesh: Mesh) -> Any:
    """Says where each array of a `TrainState` lies, in a tree like it.

    The optimizer's arrays lie where their parameter does. Adafactor's are means over a parameter's
    rows or columns, and lie where the parameter does along the axis that is left.

    Args:
        state: `TrainState` of arrays or of their shapes.
        mesh: devices to spread it over.

    Raises:
        InputError: the mesh's model axis does not divide one of the model's dimensions.
    """
    axes = jax.tree_util.tree_leaves_with_path(
        logical_axes(state.params), is_leaf=lambda leaf: isinstance(leaf, tuple)
    )
    shapes = jax.tree.leaves(state.params)
    known = {_names(path): (x.shape, names) for (path, names), x in zip(axes, shapes, strict=True)}
    for name, (shape, names) in known.items():
        _check(name, shape, names, mesh)

    def place(path, leaf) -> NamedSharding:
        own = _names(path)
        # Muon keeps its arrays and AdamW's in a dictionary of the two.
        shape, names = known.get(own) or known.get(own[1:], ((), ()))
        if leaf.shape != shape:
            # The axis that is gone is the one without which the shapes agree. A square kernel has
            # two of them: Adafactor's `v_row` is without the last one, `v_col` without the first.
            fits = [i for i in range(len(shape)) if shape[:i] + shape[i + 1 :] == leaf.shape]
            if fits and leaf.shape:
                gone = fits[-1 if jax.tree_util.GetAttrKey("v_row") in path else 0]
                names = names[:gone] + names[gone + 1 :]
            else:
                names = ()
        return NamedSharding(mesh, P(*(RULES[name] for name in names)))

    return jax.tree_util.tree_map_with_path(place, state)


def _names(path) -> tuple[str, ...]:
    """Gives a parameter's path in its tree; the optimizer's array for it has the same."""
    # The optimizer's own levels are tuples, not dictionaries.
    return tuple(entry.key for entry in path if isinstance(entry, jax.tree_util.DictKey))


def _check(name: tuple[str, ...], shape: tuple[int, ...], axes: tuple[str, ...], mesh: Mesh):
    for size, axis in zip(shape, axes, strict=True):
        if RULES[axis] and size % mesh.shape[RULES[axis]]:
            raise InputError(
                f"a mesh with {mesh.shape['model']} devices for the model cannot divide the {size} "
                f"of axis '{axis}' of {'/'.join(name)}: choose a divisor of it"
            )


def replicated(tree: Any, mesh: Mesh | None) -> Any:
    """Puts the same on every device."""
    if mesh is None:
        return tree
    everywhere = NamedSharding(mesh, P())

    def put(leaf: jax.Array) -> jax.Array:
        # A typed key is no NumPy array; its data is.
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(put(jax.random.key_data(leaf)))
        # From the host's memory: to another host's devices JAX puts nothing else.
        return jax.device_put(np.asarray(leaf), everywhere)

    return jax.tree.map(put, tree)


def local_rows(mesh: Mesh | None, rows: int) -> slice | None:
    """Gives the rows of a batch that this process's devices take; None: all."""
    if mesh is None or jax.process_count() == 1:
        return None
    sharding = NamedSharding(mesh, P("data"))
    # A slice of all rows has neither start nor stop.
    parts = [index[0] for index in sharding.addressable_devices_indices_map((rows,)).values()]
    return slice(min(p.start or 0 for p in parts), max(p.stop or rows for p in parts))


def counts_rows(mesh: Mesh | None) -> bool:
    """True if this process counts its rows: the first one does where several have the same rows."""
    if mesh is None or jax.process_count() == 1:
        return True
    own = [row for row in mesh.devices if any(d.process_index == jax.process_index() for d in row)]
    return all(min(d.process_index for d in row) == jax.process_index() for row in own)


def put_batch(batch: dict[str, np.ndarray], mesh: Mesh | None, rows: int) -> dict:
    """Puts a batch on the devices, from this process's rows of it.

    Args:
        batch: arrays [own rows, length].
        mesh: devices; None: one, and the batch stays as it is.
        rows: number of rows of the whole batch.
    """
    if mesh is None:
        return batch
    sharding = NamedSharding(mesh, P("data"))
    return {
        name: jax.make_array_from_process_local_data(sharding, x, (rows, *x.shape[1:]))
        for name, x in batch.items()
    }


def on_host(tree: Any, mesh: Mesh | None) -> Any:
    """Gives a tree as it is, or from many devices as whole NumPy arrays."""
    if mesh is None:
        return tree
    if jax.process_count() == 1:
        return jax.device_get(tree)
    # Tiled: the parts of one array, not an array per process.
    return multihost_utils.process_allgather(tree, tiled=True)


def agreed(value: bool) -> bool:
    """Gives the first process's answer, on all of them."""
    if jax.process_count() == 1:
        return value
    return bool(multihost_utils.broadcast_one_to_all(np.int32(value)))


def gathered(value: Any) -> list[Any]:
    """Gives every process's value, anything that JSON can hold, on all of them."""
    if jax.process_count() == 1:
        return [value]
    text = np.frombuffer(json.dumps(value).encode(), np.uint8)
    # JAX gathers arrays of one shape: lengths first, then texts padded to the longest.
    lengths = multihost_utils.process_allgather(np.int32(len(text)))
    padded = np.zeros(lengths.max(), np.uint8)
    padded[: len(text)] = text
    rows = multihost_utils.process_allgather(padded)
    return [json.loads(bytes(row[:n])) for row, n in zip(rows, lengths, strict=True)]
