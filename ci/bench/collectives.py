"""What 64 devices say to each other in a train step, counted in XLA's program for them.

The devices are simulated, so that no accelerator is needed, and the program is compiled from shapes
alone. The CPU backend partitions it by the same rules as the others do; what those optimize
afterwards is not in these counts.
"""

import math
import re
from collections import Counter
from typing import NamedTuple

import jax
import numpy as np
import pandas as pd
from jax.sharding import Mesh

from ci.bench.common import in_process
from ci.bench.lowered import paper_config, paper_run, traced_step
from ci.bench.rows import packed_rows
from flanrepro.model.sizes import T5Config
from flanrepro.training.mesh import make_mesh, put_batch, replicated, state_shardings
from flanrepro.training.optimizer import make_optimizer
from flanrepro.training.spec import RunSpec
from flanrepro.training.step import Metrics, init_state, make_train_step, state_shapes

OPERATIONS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
BYTES = {"pred": 1, "bf16": 2, "s32": 4, "u32": 4, "f32": 4}


def devices(count: int) -> dict[str, str]:
    """The environment of a process that sees a number of simulated devices."""
    return {"XLA_FLAGS": f"--xla_force_host_platform_device_count={count}"}


# --- XLA's program ---


class Sent(NamedTuple):
    """An array that devices exchange.

    Attributes:
        operation: one of `OPERATIONS`.
        axis: the mesh's axis whose devices take part: `data`, `model` or `both`; `pairs` of them.
        shape: the array's on each of them, after the operation.
        size: bytes of an element, as the model asked for it: the CPU backend adds bfloat16 up in
            float32.
        times: number of times in a step.
    """

    operation: str
    axis: str
    shape: tuple[int, ...]
    size: int
    times: int

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.size


_RESULT = re.compile(rf" = (.+?) ({'|'.join(OPERATIONS)})\(")
_ARRAY = re.compile(r"(\w+)\[([\d,]*)\]")
_LOOP = re.compile(r" while\(.*body=%([\w.-]+).*known_trip_count\":\{\"n\":\"(\d+)\"")
_CALL = re.compile(r" (?:call|while)\(.*(?:to_apply|body)=%([\w.-]+)")


def sent(program: str, mesh: Mesh) -> list[Sent]:
    """The arrays that are exchanged in an optimized program; one exchange may have several.

    Args:
        program: HLO as text.
        mesh: its devices; how many are for data and for the model must differ, to tell axes apart.
    """
    inside, found, within = "", [], {}
    for line in program.splitlines():
        if line.endswith("{") and not line.startswith(" "):
            inside = line.removeprefix("ENTRY ").split(" ", 1)[0].removeprefix("%")
        elif (result := _RESULT.search(line)) and (axis := _axis(line, mesh)):
            narrow = "_promoted" in line
            for kind, shape in _ARRAY.findall(result[1]):
                dims = tuple(int(n) for n in shape.split(",") if n)
                size = 2 if narrow else BYTES[kind]
                found.append((inside, Sent(result[2], axis, dims, size, 1)))
        elif loop := _LOOP.search(line):
            within[loop[1]] = (inside, int(loop[2]))
        elif call := _CALL.search(line):
            within[call[1]] = (inside, 1)

    def times(name: str) -> int:
        above, here = within.get(name, ("", 1))
        return here * times(above) if above else here

    return [each._replace(times=times(name)) for name, each in found]


def _axis(line: str, mesh: Mesh) -> str:
    """The axis whose devices are a group of an exchange; empty: each is alone in its group."""
    if "source_target_pairs" in line:  # devices that change places
        return "pairs"
    if groups := re.search(r"replica_groups=mesh\[(.*?)\].*?\{('.*?')\}", line):
        sizes = dict(re.findall(r"'(\w+)'=(\d+)", groups[1]))
        count = math.prod(int(sizes[name]) for name in re.findall(r"'(\w+)'", groups[2]))
    elif groups := re.search(r"replica_groups=\[\d+,(\d+)\]<=", line):
        count = int(groups[1])
    else:
        count = re.search(r"replica_groups=\{\{([\d,]+)\}", line)[1].count(",") + 1
    axes = {mesh.size: "both", mesh.shape["model"]: "model", mesh.shape["data"]: "data", 1: ""}
    return axes[count]


# --- what it is, and what it has to be ---


def kind(each: Sent, spec: RunSpec) -> str:
    """What an exchanged array is: gradients, position bias, activations, or sums."""
    if len(each.shape) <= 1:
        return "sums"
    if each.axis == "model":
        return "activations"
    lengths = (spec.inputs_length, spec.targets_length)
    square = len(each.shape) > 2 and each.shape[-1] == each.shape[-2] in lengths
    return "position bias" if square else "gradients"


def least(spec: RunSpec, config: T5Config, mesh: Mesh) -> dict[tuple[str, str, str], int]:
    """Bytes per device and step that have to be added up, by operation, axis and kind.

    Over data: every parameter's gradient once, in float32. Over the model: the outputs and the
    inputs' gradients of each attention and each feed-forward layer once, as Megatron-LM has them
    (Shoeybi et al., 2019, Figure 4), the decoder's gradients to the encoder's states, what is
    looked up in both embeddings, and the gradient of what the logits are of.
    """
    state = state_shapes(config, make_optimizer(spec.optimizer, spec.learning_rate), 0)
    where = state_shardings(state, mesh)
    shards = jax.tree.map(lambda x, s: s.shard_shape(x.shape), state.params, where.params)
    named = jax.tree_util.tree_leaves_with_path(shards, is_leaf=lambda x: isinstance(x, tuple))
    found = {}
    if mesh.shape["data"] > 1:
        # Vectors count as sums, and the position bias's table has what the bias itself has had.
        own = [shape for path, shape in named if path[-1].key != "rel_embedding" and len(shape) > 1]
        found["all-reduce", "data", "gradients"] = 4 * sum(map(math.prod, own))
    if mesh.shape["model"] > 1:
        encoder, decoder = config.num_encoder_layers, config.num_decoder_layers
        tokens = (4 * encoder + decoder + 1) * spec.inputs_length
        tokens += (6 * decoder + 2) * spec.targets_length
        rows = spec.batch_size // mesh.shape["data"]
        found["all-reduce", "model", "activations"] = 2 * tokens * rows * config.emb_dim
    return found


def table(spec: RunSpec, mesh: str) -> pd.DataFrame:
    """The exchanges of a step of a run, in a process that has the mesh's devices.

    Compiled are one and two layers per stack, and the others counted as the second one is: layers
    are alike (`tests/training/test_collectives.py`).

    Returns:
        a row per operation, axis and kind: model, optimizer, mesh, rows, microbatches, operation,
        axis, kind, arrays (number per step), gigabytes (per device and step), largest (shape on a
        device), and least_gigabytes (see `least`; NaN: not known).
    """
    spread = make_mesh(mesh, spec.batch_size // spec.microbatches)
    one, two = (_counts(spec, paper_config(spec, layers), spread) for layers in (1, 2))
    config = paper_config(spec)
    more, needed = config.num_encoder_layers - 1, least(spec, config, spread)
    told = {"model": spec.model, "optimizer": spec.optimizer, "mesh": mesh}
    told |= {"rows": spec.batch_size, "microbatches": spec.microbatches}
    rows = []
    for key, (arrays, size, largest) in two.items():
        first_arrays, first_size, _ = one.get(key, (0, 0, ()))
        rows.append(
            {
                **told,
                **dict(zip(("operation", "axis", "kind"), key, strict=True)),
                "arrays": first_arrays + more * (arrays - first_arrays),
                "gigabytes": (first_size + more * (size - first_size)) / 1e9,
                "largest": "x".join(map(str, largest)) or "1",
                "least_gigabytes": needed.get(key, math.nan) / 1e9,
            }
        )
    return pd.DataFrame(rows).sort_values("gigabytes", ascending=False)


def _counts(spec: RunSpec, config: T5Config, mesh: Mesh) -> dict[tuple[str, str, str], tuple]:
    """Arrays, bytes and the largest shape, by operation, axis and kind."""
    program = traced_step(spec, config, mesh).lower().compile().as_text()
    arrays, sizes, largest = Counter(), Counter(), {}
    for each in sent(program, mesh):
        key = (each.operation, each.axis, kind(each, spec))
        arrays[key] += each.times
        sizes[key] += each.times * each.bytes
        largest[key] = max(largest.get(key, each), each, key=lambda one: one.bytes)
    return {key: (arrays[key], sizes[key], largest[key].shape) for key in arrays}


SETUPS = (
    ("xl", "64x1", 1, "adafactor"),
    ("xl", "16x4", 1, "adafactor"),
    ("xl", "16x4", 4, "adafactor"),
    ("xl", "4x16", 4, "adafactor"),
    ("nano", "16x4", 1, "muon"),
)
"""Sizes, meshes, microbatches and optimizers that are counted. The paper's 64 rows go over 64
devices in one part, over 16 in four at most."""


def tables() -> pd.DataFrame:
    """`table` of each of `SETUPS`, in a process with its devices."""
    found = []
    for size, mesh, microbatches, optimizer in SETUPS:
        spec = paper_run(size, microbatches=microbatches, optimizer=optimizer)
        found.append(in_process(table, spec, mesh, environment=devices(64)))
    return pd.concat(found, ignore_index=True)


# --- the same losses ---

TINY = T5Config(
    vocab_size=32_128,
    emb_dim=128,
    num_heads=4,
    head_dim=32,
    num_encoder_layers=1,
    num_decoder_layers=1,
    mlp_dim=256,
)
"""A model whose kernels are wide enough for Adafactor's averages, and square where T5's are."""


def losses(mesh: str, steps: int = 2) -> list[float]:
    """Losses of the first steps of `TINY` on 64 rows of random tokens, in nats per target token."""
    spread = make_mesh(mesh, 64)
    optimizer = ("adafactor", 1e-3, 0)
    state = init_state(TINY, *optimizer, seed=0, mesh=spread)
    step = make_train_step(TINY, *optimizer, z_loss=0.0, mesh=spread)
    key, found = replicated(jax.random.key(0), spread), []
    for batch in packed_rows("synthetic", steps, 64, 32, 16)[0]:
        metrics = replicated(Metrics.zero(), spread)
        state, metrics = step(state, metrics, put_batch(batch, spread, 64), key)
        found.append(float(metrics.loss / metrics.tokens))
    return found


def same_losses(meshes: list[str]) -> pd.DataFrame:
    """Two steps of `TINY` on each mesh beside one device, in a process that has 64.

    Returns:
        a row per mesh and step: mesh, step, loss, apart (from one device's, in nats).
    """
    one = np.array(in_process(losses, "1x1", environment=devices(64)))
    rows = []
    for mesh in meshes:
        own = in_process(losses, mesh, environment=devices(64))
        rows += [
            {"mesh": mesh, "step": i, "loss": loss, "apart": abs(loss - one[i])}
            for i, loss in enumerate(own)
        ]
    return pd.DataFrame(rows)
