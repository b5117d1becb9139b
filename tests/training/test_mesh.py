"""One process with eight simulated devices trains on every mesh; the losses are compared here."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.slow

WHOLE = ("1x1", "2x1", "1x2", "4x1", "1x4", "2x2", "8x1", "4x2", "2x4")

TRAIN = """
import dataclasses, json, shutil, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
import jax, numpy as np
from flanrepro.errors import InputError
from flanrepro.training.spec import RunSpec
from flanrepro.training import loop
from flanrepro.training.mesh import make_mesh, state_shardings
from flanrepro.training.step import init_state

loop.LOG_EVERY = 1  # a row per step
spec = RunSpec(collection="pocket", model="nano", vocabulary="pocket", steps=50, batch_size=8,
               inputs_length=64, targets_length=16, learning_rate=2e-3, dropout_rate=0.1)
# One layer per stack: nearly all of these minutes is compilation.
config = dataclasses.replace(spec.model_config(), num_encoder_layers=1, num_decoder_layers=1)
adafactor = dataclasses.replace(spec, optimizer="adafactor", learning_rate=0.03)
muon = dataclasses.replace(spec, optimizer="muon")
runs, out = {}, Path(sys.argv[1])

def train(name, spec, mesh, **how):
    folder = how.pop("folder", name.replace(" ", "_"))
    mine = dataclasses.replace(how.pop("config", config), dropout_rate=spec.dropout_rate)
    _, progress = loop.train(spec, out / folder, mesh=mesh, config=mine, **how)
    runs[name] = {
        "losses": [row["loss"] for row in progress.history],
        "counts": [progress.examples, progress.truncated, progress.dropped, progress.tokens,
                   progress.useful_tokens],
    }

for mesh in sys.argv[2].split(","):
    train("adamw " + mesh, spec, mesh)
for mesh in ("1x1", "2x4"):
    train("adafactor " + mesh, adafactor, mesh)
    train("muon " + mesh, muon, mesh)
lm = dataclasses.replace(spec, model="lm-nano", steps=10)
shallow = dataclasses.replace(lm.model_config(), num_decoder_layers=1)
for mesh in ("1x1", "2x4"):
    train("decoder-only " + mesh, lm, mesh, config=shallow)
train("empty", dataclasses.replace(spec, steps=2), "")

# Stopped on eight devices, resumed on two, and on one.
train("stopped", spec, "4x2", stop_at=25)
for name, after in (("8 then 2", "1x2"), ("8 then 1", "1x1")):
    shutil.copytree(out / "stopped", out / name)
    train(name, spec, after, folder=name)

# Without dropout, which is drawn anew for every part, parts change nothing.
dry = dataclasses.replace(spec, dropout_rate=0.0, steps=20)
train("whole batches", dry, "1x1")
train("microbatches", dataclasses.replace(dry, microbatches=4), "2x2")
train("remat", dataclasses.replace(dry, remat=True), "1x1")
train("parts of parts", dataclasses.replace(spec, microbatches=2, remat=True, steps=20), "4x2")
train("parts of parts, one", dataclasses.replace(spec, microbatches=2, remat=True, steps=20), "1x1")

# The state lies where the rules say: no device has more than its part.
mesh = make_mesh("2x4", 8)
for optimizer in ("adamw", "adafactor", "muon"):
    state = init_state(config, optimizer, 1e-3, 0, 0, mesh=mesh)
    placed = state_shardings(state, mesh)
    one = jax.tree.leaves(state)[-1].sharding.mesh.devices.flat[0]
    runs[optimizer + " bytes"] = {
        "all": sum(leaf.nbytes for leaf in jax.tree.leaves(state)),
        "one": sum(s.data.nbytes for leaf in jax.tree.leaves(state)
                   for s in leaf.addressable_shards if s.device == one),
        "as said": all(jax.tree.leaves(jax.tree.map(
            lambda leaf, where: leaf.sharding.is_equivalent_to(where, leaf.ndim), state, placed))),
    }
    here = init_state(config, optimizer, 1e-3, 0, 0)
    runs[optimizer + " bytes"]["same"] = all(
        np.allclose(a, b, atol=1e-6) for a, b in zip(*map(jax.tree.leaves, (state, here))))

sentences = []
for mesh, changes in (("16x1", {}), ("4x1", {"microbatches": 4}), ("1x8", {})):
    try:
        loop.train(dataclasses.replace(spec, **changes), out / "none", mesh=mesh)
    except InputError as error:
        sentences.append(str(error))
json.dump({"runs": runs, "sentences": sentences}, open(out / "results.json", "w"))
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> dict:
    out = tmp_path_factory.mktemp("meshes")
    # Compiled quickly and not to be quick.
    flags = "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
    eight = {"XLA_FLAGS": flags}
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, str(out), ",".join(WHOLE)],
        env=os.environ | eight,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((out / "results.json").read_text())


@pytest.fixture
def losses(results):
    return lambda name: np.array(results["runs"][name]["losses"])


def assert_same(one: np.ndarray, other: np.ndarray) -> None:
    """Losses that differ by their rounding alone.

    Another mesh adds the same numbers in another order, and which order is the processor's
    business too. A float32 has 6e-8 of its size; 50 steps make about 3e-6 of it.
    """
    np.testing.assert_allclose(one, other, rtol=2e-5)


@pytest.mark.parametrize("mesh", WHOLE[1:])
def test_fifty_steps_have_the_same_losses_on_every_mesh(losses, results, mesh):
    one, many = losses("adamw 1x1"), losses(f"adamw {mesh}")
    assert len(one) == 50 and one[0] - one[-1] > 1.0
    assert_same(many, one)
    assert results["runs"][f"adamw {mesh}"]["counts"] == results["runs"]["adamw 1x1"]["counts"]


@pytest.mark.parametrize("optimizer", ["adafactor", "muon"])
def test_so_it_is_with_other_optimizers(losses, optimizer):
    assert_same(losses(f"{optimizer} 2x4"), losses(f"{optimizer} 1x1"))


def test_so_it_is_with_a_decoder_only_model(losses, results):
    one, many = losses("decoder-only 1x1"), losses("decoder-only 2x4")
    assert len(one) == 10 and one[0] - one[-1] > 0.1
    assert_same(many, one)
    counts = (results["runs"][f"decoder-only {mesh}"]["counts"] for mesh in ("1x1", "2x4"))
    assert len({tuple(one) for one in counts}) == 1


def test_without_a_mesh_all_devices_that_divide_the_rows_are_used(losses):
    # Bit for bit as on eight, whose sums differ in the last digits from those on one.
    np.testing.assert_array_equal(losses("empty"), losses("adamw 8x1")[:2])


@pytest.mark.parametrize("name", ["8 then 2", "8 then 1"])
def test_a_run_stopped_on_eight_devices_goes_on_with_fewer(losses, results, name):
    assert len(losses("stopped")) == 25
    assert_same(losses(name), losses("adamw 1x1"))
    assert results["runs"][name]["counts"] == results["runs"]["adamw 1x1"]["counts"]


def test_microbatches_have_the_losses_of_whole_batches(losses):
    assert_same(losses("microbatches"), losses("whole batches"))


def test_what_is_computed_again_for_the_gradients_is_the_same(losses):
    assert_same(losses("remat"), losses("whole batches"))


def test_microbatches_drop_the_same_on_every_mesh(losses):
    assert_same(losses("parts of parts"), losses("parts of parts, one"))
    assert np.abs(losses("parts of parts") - losses("adamw 4x2")[:20]).max() > 1e-3


@pytest.mark.parametrize(
    ("optimizer", "share"), [("adamw", 0.26), ("adafactor", 0.30), ("muon", 0.26)]
)
def test_a_device_holds_its_part_of_parameters_and_optimizer(results, optimizer, share):
    found = results["runs"][f"{optimizer} bytes"]
    assert found["as said"] and found["same"]
    # A quarter, and the norms' scales and what else no axis of the model divides.
    assert 0.25 <= found["one"] / found["all"] < share


@pytest.mark.parametrize(
    ("i", "sentence"),
    [
        (0, "mesh is 16x1 and there are 8 devices: ask for no more, or start on a machine"),
        (1, "mesh is 4x1 and a microbatch has 2 rows: expected a number of rows that 4 divides"),
        (2, "8 devices for the model cannot divide the 4 of axis 'heads' of decoder/relpos_bias"),
    ],
)
def test_a_mesh_that_does_not_fit_is_one_sentence(results, i, sentence):
    assert sentence in results["sentences"][i]
