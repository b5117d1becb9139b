"""Our network, checkpoints, loss and optimizer are T5X's, in whichever checkout is installed.

Tests that need T5X are skipped where it is not installed, with that reason.
"""

import asyncio
import functools
import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import serialization

from flanrepro.model import t5x_checkpoint, tree
from flanrepro.model.axes import logical_axes
from flanrepro.model.sizes import T5Config
from flanrepro.model.t5 import Transformer, init_params, param_shapes
from flanrepro.training.step import Metrics, init_state, make_train_step, shift_right

# Wide enough for Adafactor to factor its matrices, though not its norms and relative positions. The
# dimensions differ, so that none can stand for another.
WIDE = T5Config(
    vocab_size=256,
    emb_dim=128,
    num_heads=6,
    head_dim=32,
    num_encoder_layers=1,
    num_decoder_layers=2,
    mlp_dim=160,
)
TOKENS = ("encoder_input_tokens", "decoder_input_tokens", "decoder_target_tokens")


@pytest.fixture(scope="module")
def t5x():
    """t5x(name): a module of T5X."""
    # Not `t5x` alone: the folder of tests of that name is importable, too.
    pytest.importorskip("t5x.version", reason="T5X is not installed: make t5x")
    return lambda name: importlib.import_module(f"t5x.{name}")


@pytest.fixture(scope="module")
def network(t5x):
    """network(config): T5X's Transformer in our configuration."""
    module = t5x("examples.t5.network")

    def make(config: T5Config):
        activations = ("gelu", "linear")
        return module.Transformer(module.T5Config(**vars(config), mlp_activations=activations))

    return make


@pytest.fixture(scope="module")
def batch():
    """Two packed rows with padding, longer than the largest bucketed distance."""
    rng = np.random.default_rng(2)
    batch = {}
    for tokens, length in (("encoder_input_tokens", 300), ("decoder_target_tokens", 200)):
        segments = np.sort(rng.integers(1, 4, (2, length))).astype(np.int32)
        starts = np.diff(segments, axis=1, prepend=0) > 0
        at = np.arange(length, dtype=np.int32)
        positions = at - np.maximum.accumulate(np.where(starts, at, 0), axis=1)
        side = tokens.split("_")[0]
        arrays = {
            tokens: rng.integers(1, 128, (2, length)).astype(np.int32),
            f"{side}_segment_ids": segments,
            f"{side}_positions": positions,
        }
        batch |= {name: np.where(at < length - 20, array, 0) for name, array in arrays.items()}
    targets = batch["decoder_target_tokens"]
    decoder_inputs = np.asarray(shift_right(jnp.asarray(targets), batch["decoder_positions"]))
    weights = (targets > 0).astype(np.int32)
    return batch | {"decoder_input_tokens": decoder_inputs, "decoder_loss_weights": weights}


def test_names_and_shapes_are_those_of_t5x_s_network():
    attention = {f"{name}/kernel": (128, 192) for name in ("query", "key", "value")} | {
        "out/kernel": (192, 128)
    }
    norm = {"scale": (128,)}
    mlp = {"wi_0": {"kernel": (128, 160)}, "wi_1": {"kernel": (128, 160)}}
    mlp |= {"wo": {"kernel": (160, 128)}}
    relative = {"rel_embedding": (6, 32)}
    encoder_layer = {
        "pre_attention_layer_norm": norm,
        "attention": attention,
        "pre_mlp_layer_norm": norm,
        "mlp": mlp,
    }
    decoder_layer = {
        "pre_self_attention_layer_norm": norm,
        "self_attention": attention,
        "pre_cross_attention_layer_norm": norm,
        "encoder_decoder_attention": attention,
        "pre_mlp_layer_norm": norm,
        "mlp": mlp,
    }
    theirs = {
        "token_embedder": {"embedding": (256, 128)},
        "encoder": {
            "relpos_bias": relative,
            "layers_0": encoder_layer,
            "encoder_norm": norm,
        },
        "decoder": {
            "relpos_bias": relative,
            "layers_0": decoder_layer,
            "layers_1": decoder_layer,
            "decoder_norm": norm,
            "logits_dense": {"kernel": (128, 256)},
        },
    }
    ours = {name: leaf.shape for name, leaf in tree.flat(param_shapes(WIDE)).items()}
    assert ours == tree.flat(theirs)


def test_parameters_and_logical_axes_are_t5x_s(network, config, params):
    row = jnp.ones((1, 4), jnp.int32)
    init = functools.partial(network(config).init, enable_dropout=False)
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


@pytest.mark.slow
@pytest.mark.parametrize("tied", [False, True], ids=["own logits", "tied logits"])
def test_logits_and_gradients_are_t5x_s(network, config, params, batch, tied):
    weights = batch["decoder_loss_weights"][..., None]
    rows = [batch[name] for name in (*TOKENS, "encoder_segment_ids", "decoder_segment_ids")]
    if tied:
        config = T5Config(**{**vars(config), "logits_via_embedding": True})
        decoder = {k: v for k, v in params["decoder"].items() if k != "logits_dense"}
        params = params | {"decoder": decoder}

    def summary(out):
        # Bounded, so that no logit outweighs the others.
        return jnp.sum(jnp.cos(out) * weights) / weights.sum(), out

    def ours(params):
        return summary(Transformer(config).apply({"params": params}, *rows))

    def theirs(params):
        return summary(network(config).apply({"params": params}, *rows, enable_dropout=False))

    grad, out = jax.jit(jax.grad(ours, has_aux=True))(params)
    t5x_grad, t5x_out = jax.jit(jax.grad(theirs, has_aux=True))(params)
    # The parameters are loud: rounding grows in saturated attention.
    np.testing.assert_allclose(out * weights, t5x_out * weights, atol=2e-3)
    for leaf, t5x_leaf in zip(jax.tree.leaves(grad), jax.tree.leaves(t5x_grad), strict=True):
        np.testing.assert_allclose(leaf, t5x_leaf, atol=1e-3 * np.abs(t5x_leaf).max())


@pytest.fixture(scope="module")
def wide_params():
    return init_params(WIDE, seed=3)


@pytest.fixture(scope="module")
def fresh(t5x, network, wide_params):
    """T5X's train state at step 0: `wide_params`, and Adafactor with the rules of its gin files."""
    row = jnp.ones((1, 4), jnp.int32)
    init = functools.partial(network(WIDE).init, enable_dropout=False)
    variables = jax.jit(init)(jax.random.key(0), row, row, row) | {"params": wide_params}
    adafactor = t5x("adafactor")
    rules = adafactor.standard_logical_factor_rules()
    optimizer = adafactor.Adafactor(decay_rate=0.8, step_offset=0, logical_factor_rules=rules)
    return t5x("train_state").FlaxOptimTrainState.create(optimizer, variables)


def t5x_steps(t5x, network, state, batch, normalizer, learning_rate, z_loss):
    """T5X's train state after each of three of its own train steps."""
    vocabulary = pytest.importorskip("seqio").PassThroughVocabulary(WIDE.vocab_size)
    model = t5x("models").EncoderDecoderModel(
        network(WIDE),
        vocabulary,
        vocabulary,
        optimizer_def=None,
        z_loss=z_loss,
        loss_normalizing_factor=normalizer,
    )
    train = t5x("trainer").train_with_lr
    step = jax.jit(lambda state: train(state, batch, learning_rate, None, model, None)[0])
    for _ in range(3):
        state = step(state)
        yield state


@pytest.mark.slow
@pytest.mark.parametrize("normalizer", ["NUM_REAL_TARGET_TOKENS", None])
def test_three_steps_of_adafactor_are_t5x_s(t5x, network, fresh, wide_params, batch, normalizer):
    """T5X's default, None, is a sum over tokens: Adafactor's steps do not depend on the scale."""
    rate, z_loss = 1e-3, 1e-4
    ours = init_state(WIDE, "adafactor", rate, 0, seed=0, start=wide_params)
    step = make_train_step(WIDE, "adafactor", rate, 0, z_loss)
    metrics = Metrics.zero()
    batch = {name: jnp.asarray(array) for name, array in batch.items()}
    for theirs in t5x_steps(t5x, network, fresh, batch, normalizer, rate, z_loss):
        ours, metrics = step(ours, metrics, batch, jax.random.key(0))
        t5x_leaves = tree.flat(serialization.to_state_dict(theirs.params))
        start = tree.flat(wide_params)
        for name, leaf in tree.flat(ours.params).items():
            moved = np.abs(leaf - start[name]).max()
            assert moved > 0, name
            # Rounding is 1e-7 of a parameter near 1, which moves by 1e-3 in a step.
            np.testing.assert_allclose(leaf, t5x_leaves[name], atol=1e-3 * moved, err_msg=name)
    assert int(theirs.step) == int(ours.step) == 3
    if normalizer is not None:
        assert_same_averages(ours.opt_state[0], theirs.param_states)


def assert_same_averages(ours, theirs):
    """Adafactor's averages of squared gradients are the same: by row and column, or whole.

    Both have an array of one number in the place of an average that a tensor does not have.
    """
    theirs = tree.flat(serialization.to_state_dict(theirs))
    for slot in ("v_row", "v_col", "v"):
        for name, leaf in tree.flat(getattr(ours, slot)).items():
            found = theirs[f"{name}/{slot}"]
            assert found.shape == leaf.shape, name
            np.testing.assert_allclose(leaf, found, atol=1e-3 * np.abs(found).max(), err_msg=name)
    assert ours.v_row["token_embedder"]["embedding"].shape == (128,)
    assert ours.v["encoder"]["encoder_norm"]["scale"].shape == (128,)


@pytest.fixture
def checkpointer(t5x, fresh, tmp_path, monkeypatch):
    """checkpointer(name): T5X's writer and reader of that name, of checkpoints in `t5x`."""
    folder = tmp_path / "t5x"
    folder.mkdir()
    partitioner = t5x("partitioning").PjitPartitioner(num_partitions=1)
    loops, new_loop = [], asyncio.new_event_loop
    monkeypatch.setattr(asyncio, "new_event_loop", lambda: loops.append(new_loop()) or loops[-1])

    def make(name: str):
        state = {"train_state": fresh, "partitioner": partitioner}
        where = "checkpoints_dir" if name == "Checkpointer" else "directory"
        return getattr(t5x("checkpoints"), name)(**state, **{where: str(folder)})

    yield make
    asyncio.set_event_loop(None)
    for loop in loops:  # T5X leaves them open
        loop.close()


LAYOUTS = ["Checkpointer", "OrbaxCheckpointManagerInterface"]


def assert_same(ours, theirs):
    """The trees have the same leaves, bit for bit."""
    ours, theirs = (tree.flat(serialization.to_state_dict(params)) for params in (ours, theirs))
    assert ours.keys() == theirs.keys()
    for name, leaf in ours.items():
        np.testing.assert_array_equal(leaf, theirs[name], name)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_t5x_writes_is_read(checkpointer, layout, fresh, tmp_path):
    writer = checkpointer(layout)
    writer.save(fresh)
    if layout != "Checkpointer":
        writer.close()  # it writes in the background
    params, config = t5x_checkpoint.read(tmp_path / "t5x")
    assert config == WIDE
    assert_same(params, fresh.params)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_t5x_restores_what_is_written(checkpointer, layout, fresh, tmp_path):
    """With Adafactor's empty state: a run that starts from it needs no option but its path."""
    params = jax.tree.map(lambda leaf: leaf + 1, dict(fresh.params))
    path = t5x_checkpoint.write(params, WIDE, tmp_path, step=7)
    restored = checkpointer(layout).restore(path=str(path))
    assert restored.step == 7
    assert_same(params, restored.params)
    assert_same(restored.param_states, fresh.param_states)


def test_a_checkpoint_is_written_as_t5x_writes_it(checkpointer, fresh, tmp_path):
    checkpointer("Checkpointer").save(fresh)
    theirs = tmp_path / "t5x" / "checkpoint_0"
    ours = t5x_checkpoint.write(fresh.params, WIDE, tmp_path)
    mine, other = (
        serialization.msgpack_restore((folder / "checkpoint").read_bytes())
        for folder in (ours, theirs)
    )
    assert mine["version"] == other["version"]
    assert mine["optimizer"]["target"] == other["optimizer"]["target"]
    for file in ours.glob("target.*/*"):
        assert file.read_bytes() == (theirs / file.relative_to(ours)).read_bytes()
