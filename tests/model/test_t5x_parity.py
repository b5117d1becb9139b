"""Against T5X's own network. Only its `t5x/examples/t5` need be importable, in any checkout."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flanrepro.model.t5 import Transformer, logical_axes


@pytest.fixture(scope="module")
def t5x(config):
    """T5X's Transformer in our configuration."""
    network = pytest.importorskip("t5x.examples.t5.network", reason="T5X is not installed")
    return network.Transformer(
        network.T5Config(
            vocab_size=config.vocab_size,
            emb_dim=config.emb_dim,
            num_heads=config.num_heads,
            num_encoder_layers=config.num_encoder_layers,
            num_decoder_layers=config.num_decoder_layers,
            head_dim=config.head_dim,
            mlp_dim=config.mlp_dim,
            mlp_activations=("gelu", "linear"),
            dropout_rate=0.0,
        )
    )


@pytest.fixture(scope="module")
def batch():
    """Two packed rows with padding, longer than the largest bucketed distance, and weights."""
    rng = np.random.default_rng(2)
    inputs = rng.integers(1, 128, (2, 300)).astype(np.int32)
    targets = rng.integers(1, 128, (2, 200)).astype(np.int32)
    input_segments, target_segments = (
        np.sort(rng.integers(1, 4, x.shape)).astype(np.int32) for x in (inputs, targets)
    )
    for x in (inputs, input_segments, targets, target_segments):
        x[:, -20:] = 0
    decoder_inputs = np.pad(targets, ((0, 0), (1, 0)))[:, :-1]
    rows = inputs, decoder_inputs, targets, input_segments, target_segments
    return rows, (targets > 0)[..., None]


def test_parameters_and_logical_axes_are_t5x_s(t5x, params):
    row = jnp.ones((1, 4), jnp.int32)
    init = functools.partial(t5x.init, enable_dropout=False)
    theirs = jax.eval_shape(init, jax.random.key(0), row, row, row)
    assert jax.tree.map(jnp.shape, theirs["params"]) == jax.tree.map(jnp.shape, params)
    metadata = jax.tree_util.tree_leaves_with_path(
        theirs["params_axes"], is_leaf=lambda x: hasattr(x, "names")
    )
    names = {
        "/".join(entry.key for entry in path).removesuffix("_axes"): tuple(leaf.names)
        for path, leaf in metadata
    }
    ours = jax.tree_util.tree_leaves_with_path(
        logical_axes(params), is_leaf=lambda x: isinstance(x, tuple)
    )
    assert {"/".join(entry.key for entry in path): leaf for path, leaf in ours} == names


def test_logits_and_gradients_are_t5x_s(t5x, config, params, batch):
    rows, weights = batch

    def summary(out):
        # Bounded, so that no logit outweighs the others.
        return jnp.sum(jnp.cos(out) * weights) / weights.sum(), out

    def ours(params):
        return summary(Transformer(config).apply({"params": params}, *rows))

    def theirs(params):
        return summary(t5x.apply({"params": params}, *rows, enable_dropout=False))

    grad, out = jax.jit(jax.grad(ours, has_aux=True))(params)
    t5x_grad, t5x_out = jax.jit(jax.grad(theirs, has_aux=True))(params)
    # The parameters are loud: rounding grows in saturated attention.
    np.testing.assert_allclose(out * weights, t5x_out * weights, atol=2e-3)
    for leaf, t5x_leaf in zip(jax.tree.leaves(grad), jax.tree.leaves(t5x_grad), strict=True):
        np.testing.assert_allclose(leaf, t5x_leaf, atol=1e-3 * np.abs(t5x_leaf).max())
