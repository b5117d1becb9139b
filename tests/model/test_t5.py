import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flanrepro.model.axes import logical_axes
from flanrepro.model.network import init_params, param_count
from flanrepro.model.sizes import t5_config
from flanrepro.model.t5 import Transformer

# Per layer: path, shape by axis name. From `t5x/examples/t5/network.py` and `layers.py`.
ATTENTION = {
    "query/kernel": ("embed", "joined_kv"),
    "key/kernel": ("embed", "joined_kv"),
    "value/kernel": ("embed", "joined_kv"),
    "out/kernel": ("joined_kv", "embed"),
}
MLP = {
    "wi_0/kernel": ("embed", "mlp"),
    "wi_1/kernel": ("embed", "mlp"),
    "wo/kernel": ("mlp", "embed"),
}
NORM = {"scale": ("embed",)}
LAYER = {
    "encoder": {
        "pre_attention_layer_norm": NORM,
        "attention": ATTENTION,
        "pre_mlp_layer_norm": NORM,
        "mlp": MLP,
    },
    "decoder": {
        "pre_self_attention_layer_norm": NORM,
        "self_attention": ATTENTION,
        "pre_cross_attention_layer_norm": NORM,
        "encoder_decoder_attention": ATTENTION,
        "pre_mlp_layer_norm": NORM,
        "mlp": MLP,
    },
}
OUTSIDE_LAYERS = {
    "token_embedder/embedding": ("vocab", "embed"),
    "encoder/relpos_bias/rel_embedding": ("heads", "relpos_buckets"),
    "encoder/encoder_norm/scale": ("embed",),
    "decoder/relpos_bias/rel_embedding": ("heads", "relpos_buckets"),
    "decoder/decoder_norm/scale": ("embed",),
    "decoder/logits_dense/kernel": ("embed", "vocab"),
}


def expected_axes(layers: int) -> dict[str, tuple[str, ...]]:
    """Axis names by path, for stacks of so many layers."""
    axes = dict(OUTSIDE_LAYERS)
    for stack, parts in LAYER.items():
        for i in range(layers):
            for part, leaves in parts.items():
                for leaf, names in leaves.items():
                    axes[f"{stack}/layers_{i}/{part}/{leaf}"] = names
    return axes


def by_path(tree: dict) -> dict:
    """Leaves under paths joined by slashes; a tuple is a leaf."""
    leaves = jax.tree_util.tree_leaves_with_path(tree, is_leaf=lambda x: isinstance(x, tuple))
    return {"/".join(entry.key for entry in path): leaf for path, leaf in leaves}


@functools.partial(jax.jit, static_argnums=0, static_argnames="deterministic")
def _logits(config, params, *args, **kwargs):
    return Transformer(config).apply({"params": params}, *args, **kwargs)


def logits(config, params, *args, **kwargs):
    """float32 [batch, targets, vocab]; compiled, since op by op takes seconds."""
    return np.asarray(_logits(config, params, *args, **kwargs))


def shifted(targets):
    return np.pad(targets, ((0, 0), (1, 0)))[:, :-1]


def test_tree_has_t5x_s_names_shapes_and_logical_axes():
    config = t5_config("mini", 384)
    params = init_params(config, seed=0)
    size = {"vocab": 384, "embed": 256, "joined_kv": 8 * 32, "mlp": 640, "heads": 8}
    size["relpos_buckets"] = 32
    axes = expected_axes(layers=4)
    assert by_path(logical_axes(params)) == axes
    assert {path: leaf.shape for path, leaf in by_path(params).items()} == {
        path: tuple(size[name] for name in names) for path, names in axes.items()
    }
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float32")}
    assert param_count(config) == sum(leaf.size for leaf in jax.tree.leaves(params))


def test_initial_parameters_depend_on_the_seed_alone(config):
    first, again, other = (by_path(init_params(config, seed)) for seed in (3, 3, 4))
    assert all(np.array_equal(first[path], again[path]) for path in first)
    assert not np.array_equal(*(tree["token_embedder/embedding"] for tree in (first, other)))


def test_initial_queries_hold_the_scaling_that_the_logits_lack(config):
    attention = init_params(config, seed=0)["encoder"]["layers_0"]["attention"]
    key, query = (float(np.std(attention[name]["kernel"])) for name in ("key", "query"))
    assert key == pytest.approx(1 / np.sqrt(config.emb_dim), rel=0.05)
    assert query == pytest.approx(key / np.sqrt(config.head_dim), rel=0.05)


def assert_equal_but_for_rounding(one: np.ndarray, other: np.ndarray) -> None:
    # Other shapes add up in another order: 3e-6 of the largest logit, more on another processor.
    np.testing.assert_allclose(one, other, rtol=0, atol=3e-5 * np.abs(other).max())


def test_padding_changes_no_logit(config, params, tokens):
    inputs, targets = tokens(2, 9), tokens(2, 5)
    plain = logits(config, params, inputs, shifted(targets), targets)
    longer = [np.pad(x, ((0, 0), (0, 7))) for x in (inputs, shifted(targets), targets)]
    assert plain.shape == (2, 5, config.vocab_size) and plain.dtype == np.float32
    assert_equal_but_for_rounding(logits(config, params, *longer)[:, :5], plain)


def test_packed_examples_give_the_logits_that_they_give_alone(config, params, tokens):
    inputs, targets = [tokens(1, 9), tokens(1, 150)], [tokens(1, 4), tokens(1, 6)]
    alone = [logits(config, params, x, shifted(y), y) for x, y in zip(inputs, targets, strict=True)]

    def packed(parts):
        return np.pad(np.concatenate(parts, axis=1), ((0, 0), (0, 3)))

    def segments(parts):
        return packed([np.full_like(part, i) for i, part in enumerate(parts, start=1)])

    row = packed(inputs), packed([shifted(y) for y in targets]), packed(targets)
    together = logits(config, params, *row, segments(inputs), segments(targets))[:, :10]
    assert_equal_but_for_rounding(together, np.concatenate(alone, axis=1))
    # Without segment ids the examples see each other.
    assert np.abs(logits(config, params, *row)[:, :10] - together).max() > 0.1


def test_decoder_sees_no_later_token(config, params, tokens):
    inputs, targets = tokens(1, 6), tokens(1, 8)
    changed = shifted(targets).copy()
    changed[0, 5] = 2 if changed[0, 5] != 2 else 3
    before = logits(config, params, inputs, shifted(targets), targets)[0]
    after = logits(config, params, inputs, changed, targets)[0]
    np.testing.assert_array_equal(before[:5], after[:5])
    assert (np.abs(before[5:] - after[5:]).max(axis=-1) > 1e-3).all()


def test_dropout_is_active_only_if_not_deterministic(config, params, tokens):
    config = dataclasses.replace(config, dropout_rate=0.3)
    inputs, targets = tokens(2, 9), tokens(2, 5)
    batch = inputs, shifted(targets), targets

    def dropped(seed):
        rngs = {"dropout": jax.random.key(seed)}
        return logits(config, params, *batch, deterministic=False, rngs=rngs)

    without = dataclasses.replace(config, dropout_rate=0.0)
    np.testing.assert_array_equal(logits(config, params, *batch), logits(without, params, *batch))
    np.testing.assert_array_equal(dropped(0), dropped(0))
    assert np.abs(dropped(0) - dropped(1)).max() > 0.1


def test_every_parameter_has_a_gradient(config, params, tokens):
    inputs, targets = tokens(2, 9), tokens(2, 5)

    def mean_square(params):
        out = Transformer(config).apply({"params": params}, inputs, shifted(targets), targets)
        return jnp.mean(jnp.square(out))

    for path, leaf in by_path(jax.jit(jax.grad(mean_square))(params)).items():
        assert np.isfinite(leaf).all() and np.abs(leaf).max() > 0, path


def test_bfloat16_gives_float32_logits_close_to_float32_s(config, tokens):
    params = init_params(config, seed=0)
    inputs, targets = tokens(2, 40), tokens(2, 8)
    batch = inputs, shifted(targets), targets
    exact = logits(config, params, *batch)
    rough = logits(dataclasses.replace(config, dtype="bfloat16"), params, *batch)
    assert rough.dtype == np.float32
    assert 0 < np.abs(rough - exact).max() < 0.2 * np.abs(exact).max()
    assert np.corrcoef(rough.ravel(), exact.ravel())[0, 1] > 0.999
