"""What only an accelerator can show; without one these tests are skipped, with the reason."""

import jax
import numpy as np
import pytest

from flanrepro.model.kernels import PLAIN, Kernels
from flanrepro.model.sizes import t5_config
from flanrepro.training.step import Metrics, init_state, make_train_step

VOCABULARY, STEPS = 512, 20
RECIPE = ("adamw", 1e-3, 0)


@pytest.fixture(scope="module")
def accelerator() -> jax.Device:
    device = jax.devices()[0]
    if device.platform == "cpu":
        pytest.skip(
            "JAX has no accelerator here, only a CPU: run `bash ci/gpu/run.sh` where it has one"
        )
    return device


@pytest.fixture(scope="module")
def batches() -> list[dict[str, np.ndarray]]:
    """Rows of two segments whose targets repeat the inputs' first tokens, so that there is
    something to learn."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(STEPS):
        inputs = rng.integers(3, VOCABULARY, (16, 64))
        segments = np.repeat([[1, 2]], 32, axis=1) * np.ones((16, 1), np.int64)
        targets = inputs.reshape(16, 2, 32)[:, :, :8].reshape(16, 16)
        arrays = {
            "encoder_input_tokens": inputs,
            "encoder_segment_ids": segments,
            "encoder_positions": np.tile(np.arange(32), (16, 2)),
            "decoder_target_tokens": targets,
            "decoder_segment_ids": np.tile(np.repeat([1, 2], 8), (16, 1)),
            "decoder_positions": np.tile(np.arange(8), (16, 2)),
        }
        found.append({name: array.astype(np.int32) for name, array in arrays.items()})
    return found


def losses(
    batches, device: jax.Device, dtype: str, model: str = "micro", kernels: Kernels = PLAIN
) -> tuple[list, object]:
    """The loss at each step, in nats per target token, and the last state."""
    config = t5_config(model, VOCABULARY, 0.0, dtype)
    with jax.default_device(device):
        state = init_state(config, *RECIPE, seed=0)
        step = make_train_step(config, *RECIPE, 0.0, kernels=kernels)
        key, found = jax.random.key(0), []
        for batch in batches:
            state, metrics = step(state, Metrics.zero(), batch, key)
            found.append(float(metrics.loss / metrics.tokens))
    return found, state


def test_a_step_runs_on_the_device_and_its_state_stays_there(accelerator, batches):
    _, state = losses(batches[:1], accelerator, "float32")
    for leaf in jax.tree.leaves((state.params, state.opt_state)):
        assert leaf.devices() == {accelerator}
    stats = accelerator.memory_stats()
    assert stats is None or stats["bytes_in_use"] > sum(x.nbytes for x in jax.tree.leaves(state))


def test_losses_are_the_cpus(accelerator, batches):
    here, _ = losses(batches, accelerator, "float32")
    cpu, _ = losses(batches, jax.devices("cpu")[0], "float32")
    assert here[0] == pytest.approx(cpu[0], rel=1e-3)
    # Products of float32 may be taken in TensorFloat-32, and differences grow with the steps.
    np.testing.assert_allclose(here, cpu, rtol=0.02)
    assert here[-1] < here[0]


def test_bfloat16_steps_have_the_losses_of_float32(accelerator, batches):
    whole, _ = losses(batches, accelerator, "float32")
    half, state = losses(batches, accelerator, "bfloat16")
    np.testing.assert_allclose(half, whole, rtol=0.03)
    assert half != whole
    assert {leaf.dtype for leaf in jax.tree.leaves(state.params)} == {np.dtype(np.float32)}


@pytest.mark.parametrize("attention", ["jax", "cudnn", "tokamax"])
def test_other_forms_of_attention_have_the_losses_of_the_plain_one(accelerator, batches, attention):
    if attention == "cudnn" and accelerator.platform != "gpu":
        pytest.skip("JAX has no accelerator here that runs cuDNN")
    if attention == "tokamax":
        pytest.importorskip("tokamax", reason="tokamax is not installed (extra `gpu`)")
    plain, _ = losses(batches, accelerator, "bfloat16")
    found, _ = losses(batches, accelerator, "bfloat16", kernels=Kernels(attention, joined=True))
    np.testing.assert_allclose(found, plain, rtol=0.03)


def test_a_model_of_the_papers_family_takes_a_step(accelerator, batches):
    found, _ = losses(batches[:2], accelerator, "bfloat16", model="base")
    assert np.isfinite(found).all()
