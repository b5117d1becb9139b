"""The shapes in the signatures of the model and of the train step, held against what comes in."""

import subprocess
import sys

import pytest

PROGRAM = """
from functools import partial
import jax
import jax.numpy as jnp
from jaxtyping import TypeCheckError, install_import_hook

with install_import_hook(["flanrepro.model", "flanrepro.training.step"], "beartype.beartype"):
    from flanrepro.model import attention, decoding, network, scoring, sizes
    from flanrepro.training import step

INPUTS = "input_tokens", "segment_ids", "positions"
TARGETS = "target_tokens", "segment_ids", "positions"

def ids(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.int32)

ROWS = {f"encoder_{name}": ids(4, 7) for name in INPUTS}
ROWS |= {f"decoder_{name}": ids(4, 6) for name in TARGETS}
WHOLE = {f"decoder_{name}": ids(4, 13) for name in (*TARGETS, "loss_weights")}
WHOLE |= {"decoder_loss_tokens": ids(4, 6)}

def check(model, batch, dtype, remat, microbatches):
    config = sizes.t5_config(model, 128, 0.1, dtype)
    params, key = network.param_shapes(config), jax.eval_shape(lambda: jax.random.key(0))
    decode = partial(decoding.greedy_decode, config, max_length=5)
    assert jax.eval_shape(decode, params, ids(3, 7)).shape == (3, 5)
    score = partial(scoring.token_log_likelihoods, config)
    assert jax.eval_shape(score, params, ids(3, 7), *3 * [ids(3, 6)]).shape == (3, 6)
    options = {"microbatches": microbatches, "remat": remat}
    train = step.make_train_step(config, "adamw", 1e-3, 0, 1e-4, **options)
    state = jax.eval_shape(lambda: step.init_state(config, "adamw", 1e-3, 0, 0))
    state, sums = jax.eval_shape(train, state, step.Metrics.zero(), batch, key)
    assert sums.loss.shape == state.step.shape == ()

for model, batch in (("nano", ROWS), ("lm-nano", WHOLE)):
    check(model, batch, "float32", remat=False, microbatches=1)
    check(model, batch, "bfloat16", remat=True, microbatches=2)
wrong = [(2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 7, 5)]
try:
    attention.dot_product_attention(*map(jnp.zeros, wrong), None, jnp.zeros((1, 1, 4, 6)))
except TypeCheckError as error:
    print("found:", "values" in str(error))
"""


def test_arrays_have_the_shapes_that_the_signatures_give():
    pytest.importorskip("beartype", reason="beartype (Apache Beam needs it) is not installed")
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "found: True\n"), done.stderr
