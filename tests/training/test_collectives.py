"""One process with 64 simulated devices compiles train steps; what they exchange is read here."""

import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest
from jax.sharding import AbstractMesh
from jax.sharding import PartitionSpec as P

from ci.bench.collectives import TINY, devices
from flanrepro.training.mesh import state_shardings
from flanrepro.training.optimizer import make_optimizer
from flanrepro.training.step import state_shapes

COUNT = """
import dataclasses, json
import jax, jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec as P
from ci.bench import collectives as module
from ci.bench.lowered import paper_run, traced_step
from flanrepro.training.mesh import make_mesh

mesh, found = make_mesh("16x4", 64), {}

def read(name, program):
    found[name] = [[*each, each.bytes] for each in module.sent(program, mesh)]

# What has to be found: a whole array put together, and one that is added up five times.
kernel = jax.ShapeDtypeStruct((64, 32), jnp.float32, sharding=NamedSharding(mesh, P(None, "model")))
whole = jax.jit(lambda x: x, out_shardings=NamedSharding(mesh, P()))
read("gathered", whole.lower(kernel).compile().as_text())
rows = jax.ShapeDtypeStruct((64, 32), jnp.float32, sharding=NamedSharding(mesh, P("data")))
def loop(x):
    def add(sums, _):
        return sums + jnp.sin(x * sums).sum(0), None
    return jax.lax.scan(add, jnp.ones(32), None, 5)[0]

read("five times", jax.jit(loop).lower(rows).compile().as_text())

spec = paper_run("nano", microbatches=2, inputs_length=32, targets_length=16)
for optimizer, layers in (("adafactor", 1), ("adafactor", 2), ("adafactor", 3), ("adamw", 1)):
    own = dataclasses.replace(spec, optimizer=optimizer)
    config = dataclasses.replace(module.TINY, num_encoder_layers=layers, num_decoder_layers=layers)
    read(f"{optimizer} {layers}", traced_step(own, config, mesh).lower().compile().as_text())
least = module.least(spec, module.TINY, mesh)
print(json.dumps({"sent": found, "least": least["all-reduce", "data", "gradients"], "kinds": {
    name: [module.kind(module.Sent(*each[:-1]), spec) for each in rows]
    for name, rows in found.items()
}, "losses": {shape: module.losses(shape) for shape in ("1x1", "64x1", "16x4")}}))
"""


@pytest.fixture(scope="module")
def results() -> dict:
    # Compiled quickly and not to be quick; the partitioner runs all the same.
    flags = devices(64)["XLA_FLAGS"] + " --xla_backend_optimization_level=0"
    done = subprocess.run(
        [sys.executable, "-c", COUNT],
        env=os.environ | {"XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def bytes_of(results: dict, name: str) -> dict[tuple[str, str, str], int]:
    """Bytes by operation, axis and kind."""
    found = {}
    for (operation, axis, _, _, times, size), kind in zip(
        results["sent"][name], results["kinds"][name], strict=True
    ):
        key = (operation, axis, kind)
        found[key] = found.get(key, 0) + times * size
    return found


@pytest.mark.slow
def test_what_is_put_together_and_what_a_loop_adds_up_is_counted(results):
    assert results["sent"]["gathered"] == [["all-gather", "model", [64, 32], 4, 1, 64 * 32 * 4]]
    assert results["sent"]["five times"] == [["all-reduce", "data", [32], 4, 5, 32 * 4]]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adafactor 1", "adafactor 3", "adamw 1"])
def test_nothing_that_is_spread_over_devices_is_put_together(results, name):
    # No all-gather of parameters, of the optimizer's arrays, of rows or of logits: none at all.
    assert {operation for operation, *_ in results["sent"][name]} == {"all-reduce"}


@pytest.mark.slow
def test_gradients_are_added_up_once_for_each_part_of_a_batch(results):
    embedding = 4 * 32_128 // 4 * 128  # bytes of the quarter that is on a device
    assert results["least"] > 2 * embedding
    for name in ("adafactor 1", "adamw 1"):
        found = bytes_of(results, name)["all-reduce", "data", "gradients"]
        # Tokens are looked up for the encoder and for the decoder, and each has its gradient.
        assert found == 2 * (results["least"] + embedding), name


@pytest.mark.slow
def test_every_layer_exchanges_as_much(results):
    one, two, three = (bytes_of(results, f"adafactor {layers}") for layers in (1, 2, 3))
    assert one.keys() == three.keys()
    assert three == {key: 2 * two[key] - one[key] for key in one}


@pytest.mark.slow
@pytest.mark.parametrize("mesh", ["64x1", "16x4"])
def test_64_devices_have_the_losses_of_one(results, mesh):
    one, many = np.array(results["losses"]["1x1"]), np.array(results["losses"][mesh])
    assert one[1] != one[0]
    np.testing.assert_allclose(many, one, rtol=0, atol=1e-5)


def test_averages_of_a_square_kernel_lie_where_its_own_rows_and_columns_do():
    # Adafactor's `v_row` is a mean over columns, so that it lies where the kernel's rows do.
    mesh = AbstractMesh((16, 4), ("data", "model"))
    state = state_shapes(TINY, make_optimizer("adafactor", 1e-3), 0)
    factored = state_shardings(state, mesh).opt_state[0]
    assert jax.tree.leaves(state.params["encoder"]["layers_0"]["attention"])[0].shape == (128, 128)

    def spec(averages, name: str) -> P:
        return averages["encoder"]["layers_0"]["attention"][name]["kernel"].spec

    assert spec(factored.v_row, "query") == P(None) and spec(factored.v_col, "query") == P("model")
    assert spec(factored.v_row, "out") == P("model") and spec(factored.v_col, "out") == P(None)
