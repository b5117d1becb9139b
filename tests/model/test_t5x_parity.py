"""Our networks, checkpoints, loss and optimizer are T5X's, in whichever checkout is installed.

Tests that need T5X are skipped where it is not installed, with that reason; those of the
decoder-only model need a checkout, see `flanrepro.t5x.engine.DECODER_ONLY`.
"""

import asyncio
import dataclasses
import functools
import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import serialization

from flanrepro.model import t5x_checkpoint, tree
from flanrepro.model.axes import logical_axes
from flanrepro.model.network import init_params, param_shapes
from flanrepro.model.network import network as our_network
from flanrepro.model.sizes import DecoderOnlyConfig, T5Config, t5_config
from flanrepro.training.step import Batch, Metrics, init_state, make_train_step, shift_right

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
WIDE_DECODER = DecoderOnlyConfig(**vars(WIDE) | {"num_encoder_layers": 0})
NANO, PREFIX = t5_config("nano", 128), t5_config("lm-nano", 128)
CONFIGS = {
    "own logits": NANO,
    "tied logits": dataclasses.replace(NANO, logits_via_embedding=True),
    "prefix": PREFIX,
    "causal": dataclasses.replace(PREFIX, causal=True),
    "prefix, tied logits": dataclasses.replace(PREFIX, logits_via_embedding=True),
}
ROWS = ("encoder_input_tokens", "decoder_input_tokens", "decoder_target_tokens")
ROWS += ("encoder_segment_ids", "decoder_segment_ids")
"""Names of the arguments of an encoder-decoder."""


@pytest.fixture(scope="module")
def t5x():
    """t5x(name): a module of T5X."""
    # Not `t5x` alone: the folder of tests of that name is importable, too.
    pytest.importorskip("t5x.version", reason="T5X is not installed: make t5x")
    return lambda name: importlib.import_module(f"t5x.{name}")


@pytest.fixture(scope="module")
def network(t5x):
    """network(config): T5X's network in our configuration."""

    def make(config: T5Config):
        fields = vars(config) | {"mlp_activations": ("gelu", "linear")}
        fields |= {"num_layers": config.num_decoder_layers}
        if not config.decoder_only:
            module = t5x("examples.t5.network")
            return module.Transformer(made(module.T5Config, fields))
        try:
            module = t5x("examples.decoder_only.network")
        except ModuleNotFoundError:
            pytest.skip("T5X is installed without its decoder-only network: only a checkout has it")
        return module.DecoderWrapper(made(module.TransformerConfig, fields))

    def made(cls: type, fields: dict):
        names = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: x for name, x in fields.items() if name in names})

    return make


def init(network, config: T5Config):
    """T5X's function that makes its variables from a key."""
    row = jnp.ones((1, 4), jnp.int32)
    rows = [row] * (2 if config.decoder_only else 3)
    return lambda key: network(config).init(key, *rows, enable_dropout=False)


def loud(config: T5Config) -> dict:
    """Parameters far from their gentle initial values, as `params` are."""
    rng = np.random.default_rng(0)

    def louder(path, leaf):
        factor = 20.0 if path[-1].key == "rel_embedding" else 1.0
        return leaf * (factor * rng.uniform(1, 2, leaf.shape)).astype(np.float32)

    return jax.tree_util.tree_map_with_path(louder, init_params(config, seed=0))


def packed(lengths: dict[str, int]) -> Batch:
    """Two packed rows per name of tokens, with padding."""
    rng = np.random.default_rng(2)
    batch = {}
    for tokens, length in lengths.items():
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


@functools.cache
def batch_of(decoder_only: bool) -> Batch:
    """Rows longer than the largest bucketed distance. Decoder-only ones have 10 to 50 inputs per
    segment, and what SeqIO's converter adds of them."""
    if not decoder_only:
        return packed({"encoder_input_tokens": 300, "decoder_target_tokens": 200})
    batch = packed({"decoder_target_tokens": 400})
    inputs = 70 - 20 * batch["decoder_segment_ids"]
    positions, inside = batch["decoder_positions"], batch["decoder_loss_weights"]
    return batch | {
        "decoder_loss_weights": inside * (positions >= inputs),
        "decoder_causal_attention": inside * (positions <= inputs),
    }


def test_names_and_shapes_are_those_of_t5x_s_networks():
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
    crossing = ("pre_cross_attention_layer_norm", "encoder_decoder_attention")
    layer = {name: x for name, x in decoder_layer.items() if name not in crossing}
    alone = theirs["decoder"] | {"layers_0": layer, "layers_1": layer}
    alone |= {"token_embedder": theirs["token_embedder"]}
    for config, expected in ((WIDE, theirs), (WIDE_DECODER, {"decoder": alone})):
        ours = {name: leaf.shape for name, leaf in tree.flat(param_shapes(config)).items()}
        assert ours == tree.flat(expected)


@pytest.mark.parametrize("config", [NANO, PREFIX], ids=["nano", "lm-nano"])
def test_parameters_and_logical_axes_are_t5x_s(network, config):
    params = param_shapes(config)
    theirs = jax.eval_shape(init(network, config), jax.random.key(0))
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
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_logits_and_gradients_are_t5x_s(network, config):
    batch, params = batch_of(config.decoder_only), loud(config)
    # Of inputs, too, where they are in a row with targets.
    weights = (batch["decoder_target_tokens"] > 0)[..., None]
    rows = [batch[name] for name in ROWS if name in batch]
    prefix = {name: batch[name] for name in ("decoder_causal_attention",) if name in batch}

    def summary(out):
        # Bounded, so that no logit outweighs the others.
        return jnp.sum(jnp.cos(out) * weights) / weights.sum(), out

    def ours(params):
        return summary(our_network(config).apply({"params": params}, *rows, **prefix))

    def theirs(params):
        # T5X's model does not pass a prefix on unless `inputs_bidirectional_attention` is set.
        given = {} if config == CONFIGS["causal"] else prefix
        apply = functools.partial(network(config).apply, enable_dropout=False)
        return summary(apply({"params": params}, *rows, **given))

    grad, out = jax.jit(jax.grad(ours, has_aux=True))(params)
    t5x_grad, t5x_out = jax.jit(jax.grad(theirs, has_aux=True))(params)
    # The parameters are loud: rounding grows in saturated attention.
    np.testing.assert_allclose(out * weights, t5x_out * weights, atol=2e-3)
    for leaf, t5x_leaf in zip(jax.tree.leaves(grad), jax.tree.leaves(t5x_grad), strict=True):
        np.testing.assert_allclose(leaf, t5x_leaf, atol=1e-3 * np.abs(t5x_leaf).max())


@pytest.fixture(scope="module", params=[WIDE, WIDE_DECODER], ids=["T5", "decoder-only"])
def wide(request) -> T5Config:
    return request.param


@pytest.fixture(scope="module")
def wide_params(wide):
    return init_params(wide, seed=3)


@pytest.fixture(scope="module")
def fresh(t5x, network, wide, wide_params):
    """T5X's train state at step 0: `wide_params`, and Adafactor with the rules of its gin files."""
    variables = jax.jit(init(network, wide))(jax.random.key(0)) | {"params": wide_params}
    adafactor = t5x("adafactor")
    rules = adafactor.standard_logical_factor_rules()
    optimizer = adafactor.Adafactor(decay_rate=0.8, step_offset=0, logical_factor_rules=rules)
    return t5x("train_state").FlaxOptimTrainState.create(optimizer, variables)


def t5x_steps(t5x, model, state, batch, learning_rate):
    """T5X's train state after each of three of its own train steps."""
    train = t5x("trainer").train_with_lr
    step = jax.jit(lambda state: train(state, batch, learning_rate, None, model, None)[0])
    for _ in range(3):
        state = step(state)
        yield state


@pytest.mark.slow
@pytest.mark.parametrize("normalizer", ["NUM_REAL_TARGET_TOKENS", None])
def test_three_steps_of_adafactor_are_t5x_s(t5x, network, fresh, wide, wide_params, normalizer):
    """T5X's default, None, is a sum over tokens: Adafactor's steps do not depend on the scale."""
    rate, z_loss = 1e-3, 1e-4
    vocabulary = pytest.importorskip("seqio").PassThroughVocabulary(wide.vocab_size)
    of_run = {"optimizer_def": None, "z_loss": z_loss, "loss_normalizing_factor": normalizer}
    if wide.decoder_only:
        of_run |= {"inputs_bidirectional_attention": True}
        model = t5x("models").DecoderOnlyModel(network(wide), vocabulary, **of_run)
    else:
        model = t5x("models").EncoderDecoderModel(network(wide), vocabulary, vocabulary, **of_run)
    ours = init_state(wide, "adafactor", rate, 0, seed=0, start=wide_params)
    step = make_train_step(wide, "adafactor", rate, 0, z_loss)
    metrics = Metrics.zero()
    batch = {name: jnp.asarray(array) for name, array in batch_of(wide.decoder_only).items()}
    for theirs in t5x_steps(t5x, model, fresh, batch, rate):
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
    assert ours.v_row["decoder"]["logits_dense"]["kernel"].shape == (128,)
    assert ours.v["decoder"]["decoder_norm"]["scale"].shape == (128,)


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
def test_what_t5x_writes_is_read(checkpointer, layout, fresh, wide, tmp_path):
    writer = checkpointer(layout)
    writer.save(fresh)
    if layout != "Checkpointer":
        writer.close()  # it writes in the background
    params, config = t5x_checkpoint.read(tmp_path / "t5x")
    assert config == wide
    assert_same(params, fresh.params)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_t5x_restores_what_is_written(checkpointer, layout, fresh, wide, tmp_path):
    """With Adafactor's empty state: a run that starts from it needs no option but its path."""
    params = jax.tree.map(lambda leaf: leaf + 1, dict(fresh.params))
    path = t5x_checkpoint.write(params, wide, tmp_path, step=7)
    restored = checkpointer(layout).restore(path=str(path))
    assert restored.step == 7
    assert_same(params, restored.params)
    assert_same(restored.param_states, fresh.param_states)


def test_a_checkpoint_is_written_as_t5x_writes_it(checkpointer, fresh, wide, tmp_path):
    checkpointer("Checkpointer").save(fresh)
    theirs = tmp_path / "t5x" / "checkpoint_0"
    ours = t5x_checkpoint.write(fresh.params, wide, tmp_path)
    mine, other = (
        serialization.msgpack_restore((folder / "checkpoint").read_bytes())
        for folder in (ours, theirs)
    )
    assert mine["version"] == other["version"]
    assert mine["optimizer"]["target"] == other["optimizer"]["target"]
    for file in ours.glob("target.*/*"):
        assert file.read_bytes() == (theirs / file.relative_to(ours)).read_bytes()
