"""The decoder-only model, against a plain NumPy forward pass of one example without padding."""

import dataclasses
import functools

import jax
import numpy as np
import pytest

from flanrepro.model.axes import logical_axes
from flanrepro.model.decoding import greedy_decode
from flanrepro.model.layers import relative_buckets
from flanrepro.model.network import init_params, network, param_count, param_shapes
from flanrepro.model.scoring import token_log_likelihoods
from flanrepro.model.sizes import DECODER_ONLY_SIZES, DecoderOnlyConfig, t5_config
from flanrepro.model.tree import flat
from flanrepro.training.step import Metrics, gradients, loss_fn

EOS, VOCAB_SIZE = 1, 128


@pytest.fixture(scope="module", params=[False, True], ids=["prefix", "causal"])
def config(request) -> DecoderOnlyConfig:
    # Dimensions that differ, so that none can stand for another.
    made = t5_config("lm-nano", VOCAB_SIZE, causal=request.param)
    return dataclasses.replace(made, emb_dim=48, num_heads=3, num_decoder_layers=2, mlp_dim=80)


@pytest.fixture(scope="module")
def params(config) -> dict:
    rng = np.random.default_rng(0)

    def louder(path, leaf):
        factor = 20.0 if path[-1].key == "rel_embedding" else 1.0
        return leaf * (factor * rng.uniform(1, 2, leaf.shape)).astype(np.float32)

    return jax.tree_util.tree_map_with_path(louder, init_params(config, seed=0))


def forward(config, params, inputs, targets) -> np.ndarray:
    """float64 logits [targets, vocab] of one example: every position but the last reads a token."""
    leaf = {name: np.asarray(x, np.float64) for name, x in flat(params["decoder"]).items()}
    read = [0, *inputs, *targets][:-1]
    length, heads = len(read), config.num_heads

    def norm(x, name):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * leaf[f"{name}/scale"]

    def split(x):
        return x.reshape(length, heads, -1).swapaxes(0, 1)

    allowed = np.tri(length, dtype=bool)
    if not config.causal:
        allowed[: len(inputs) + 1, : len(inputs) + 1] = True
    bias = leaf["relpos_bias/rel_embedding"][:, relative_buckets(length, length, False)]
    x = leaf["token_embedder/embedding"][read]
    for i in range(config.num_decoder_layers):
        kernel = {
            name.split("/")[-2]: x for name, x in leaf.items() if name.startswith(f"layers_{i}/")
        }
        y = norm(x, f"layers_{i}/pre_self_attention_layer_norm")
        query, key, value = (split(y @ kernel[name]) for name in ("query", "key", "value"))
        logits = np.where(allowed, query @ key.swapaxes(1, 2) + bias, -np.inf)
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        mixed = (weights / weights.sum(-1, keepdims=True)) @ value
        x = x + mixed.swapaxes(0, 1).reshape(length, -1) @ kernel["out"]
        y = norm(x, f"layers_{i}/pre_mlp_layer_norm")
        gate = y @ kernel["wi_0"]
        gelu = 0.5 * gate * (1 + np.tanh(np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3)))
        x = x + (gelu * (y @ kernel["wi_1"])) @ kernel["wo"]
    return (norm(x, "decoder_norm") @ leaf["logits_dense/kernel"])[len(inputs) :]


def log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = logits - logits.max(-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def rows(
    *examples: tuple[list[int], list[int]], length: int = 48, room: int = 16
) -> dict[str, np.ndarray]:
    """A packed row [1, length] and its targets [1, room], with padding behind."""
    names = ("target_tokens", "segment_ids", "positions", "loss_weights")
    row = {f"decoder_{name}": np.zeros((1, length), np.int32) for name in names}
    start = 0
    for segment, (inputs, targets) in enumerate(examples, 1):
        ids = [*inputs, *targets]
        weights = np.repeat([0, 1], [len(inputs), len(targets)])
        of = slice(start, start + len(ids))
        for name, values in zip(names, (ids, segment, range(len(ids)), weights), strict=True):
            row[f"decoder_{name}"][0, of] = values
        start += len(ids)
    answers = [token for _, own in examples for token in own]
    row["decoder_loss_tokens"] = np.int32([answers + [0] * (room - len(answers))])
    return row


loss_of = jax.jit(loss_fn, static_argnums=(1, 2))


@functools.partial(jax.jit, static_argnums=0)
def prefix_logits(config, params, tokens, targets, prefix):
    return network(config).apply({"params": params}, tokens, targets, None, prefix)


@pytest.fixture
def examples(tokens):
    sizes = ((5, 3), (9, 6), (1, 2))
    return [(tokens(n).tolist(), [*tokens(m - 1).tolist(), EOS]) for n, m in sizes]


def test_packed_examples_have_the_loss_that_each_has_alone(config, params, examples):
    loss, sums = loss_of(params, config, 0.0, rows(*examples), None)
    nats = [
        -log_softmax(forward(config, params, inputs, targets))[np.arange(len(targets)), targets]
        for inputs, targets in examples
    ]
    count = sum(map(len, nats))
    assert float(sums.tokens) == count == 11
    assert float(sums.useful_tokens) == sum(len(i) + len(t) for i, t in examples)
    np.testing.assert_allclose(float(loss), np.concatenate(nats).sum() / count, rtol=1e-5)
    # Of all positions' logits it is the same, as of rows that T5X has packed.
    whole = {name: x for name, x in rows(*examples).items() if name != "decoder_loss_tokens"}
    other, same = loss_of(params, config, 0.0, whole, None)
    np.testing.assert_allclose(float(other), float(loss), rtol=1e-6)
    np.testing.assert_array_equal(sums[1:], same[1:])


def test_packed_logits_are_those_of_a_plain_forward_pass_to_1e_4(config, params, examples):
    for inputs, targets in examples:
        row = rows((inputs, targets))["decoder_target_tokens"]
        read = np.pad(row, ((0, 0), (1, 0)))[:, :-1]
        prefix = (np.arange(row.shape[1]) <= len(inputs)).astype(np.int32)[None]
        ours = np.asarray(prefix_logits(config, params, read, row, prefix))[0]
        mine = ours[len(inputs) : len(inputs) + len(targets)]
        theirs = forward(config, params, inputs, targets)
        np.testing.assert_allclose(mine, theirs, atol=1e-4 * np.abs(theirs).max())


def test_a_later_input_changes_an_earlier_position_in_a_prefix_alone(config, params, examples):
    inputs, targets = examples[1]
    row = rows((inputs, targets))["decoder_target_tokens"]
    prefix = (np.arange(row.shape[1]) <= len(inputs)).astype(np.int32)[None]

    def logits(row):
        read = np.pad(row, ((0, 0), (1, 0)))[:, :-1]
        return np.asarray(prefix_logits(config, params, read, row, prefix))[0]

    before, at = logits(row), len(inputs) - 2  # an input; it is read one position later
    changed = row.copy()
    changed[0, at] = 3 + (row[0, at] == 3)
    moved = np.abs(logits(changed) - before).max(axis=-1) > 1e-3
    assert moved[: at + 1].all() != config.causal and moved[: at + 1].any() != config.causal
    assert moved[at + 1 : len(inputs) + len(targets)].all()
    # A target changes nothing before it, in neither kind.
    changed, at = row.copy(), len(inputs) + 1
    changed[0, at] = 3 + (row[0, at] == 3)
    moved = np.abs(logits(changed) - before).max(axis=-1) > 1e-3
    assert not moved[: at + 1].any()
    assert moved[at + 1 : len(inputs) + len(targets)].all()


def test_options_of_one_row_have_the_log_likelihoods_of_a_plain_forward_pass(
    config, params, examples, tokens
):
    options = [[*tokens(n).tolist(), EOS] for n in (2, 4, 1)]
    inputs = np.zeros((len(examples), 12), np.int32)
    shifted, targets, segments = (np.zeros((len(examples), 16), np.int32) for _ in range(3))
    for row, (ids, _) in enumerate(examples):
        inputs[row, : len(ids)] = ids
        start = 0
        for n, option in enumerate(options, 1):
            of = slice(start, start + len(option))
            shifted[row, of], targets[row, of], segments[row, of] = [0, *option[:-1]], option, n
            start += len(option)
    found = token_log_likelihoods(config, params, inputs, shifted, targets, segments)
    for row, (ids, _) in enumerate(examples):
        for n, option in enumerate(options, 1):
            expected = log_softmax(forward(config, params, ids, option))
            np.testing.assert_allclose(
                np.asarray(found)[row, segments[row] == n],
                expected[np.arange(len(option)), option],
                atol=2e-4,
            )


def test_decoding_gives_the_tokens_of_a_plain_forward_pass(config, params, tokens):
    inputs = tokens(6, 14)
    for row, length in enumerate((14, 3, 7, 12, 1, 10)):
        inputs[row, length:] = 0
    generated = np.asarray(greedy_decode(config, params, inputs, 8))
    assert len({tuple(row) for row in generated}) > 3
    for row, ids in zip(inputs, generated, strict=True):
        read = row[row > 0].tolist()
        for i in range(len(ids)):
            if EOS in ids[:i]:
                assert ids[i] == 0
            else:
                best = forward(config, params, read, [*ids[:i].tolist(), 2])[i].argmax()
                assert ids[i] == best


def test_a_row_of_padding_stays_empty_and_changes_no_other(config, params, tokens):
    inputs = tokens(1, 6)
    with_padding = np.concatenate([np.pad(inputs, ((0, 0), (0, 4))), np.zeros((1, 10), np.int32)])
    generated = np.asarray(greedy_decode(config, params, with_padding, 6))
    assert (generated[1] == 0).all()
    alone = np.asarray(greedy_decode(config, params, inputs, 6))
    np.testing.assert_array_equal(generated[:1], alone)


def test_microbatches_and_rematerialisation_have_the_gradients_of_the_whole(
    config, params, examples
):
    parts = [rows(*examples), rows(*examples[:1]), rows(examples[2]), rows(*examples[1:])]
    batch = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    gradients_of = jax.jit(gradients, static_argnums=(1, 2, 5, 6))
    whole, sums = gradients_of(params, config, 1e-4, batch, None, 1, False)
    other, same = gradients_of(params, config, 1e-4, batch, None, 2, True)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), whole, other)
    np.testing.assert_allclose(Metrics(*sums), Metrics(*same), rtol=1e-6)


def test_bfloat16_and_tied_logits_are_close_to_float32(config, params, examples):
    tied = dataclasses.replace(config, logits_via_embedding=True)
    without = {"decoder": {k: v for k, v in params["decoder"].items() if k != "logits_dense"}}
    for of, tree in ((config, params), (tied, without)):
        half = dataclasses.replace(of, dtype="bfloat16")
        batch = rows(*examples)
        exact, rough = (float(loss_of(tree, one, 0.0, batch, None)[0]) for one in (of, half))
        assert rough == pytest.approx(exact, rel=0.05) and rough != exact


def test_the_tree_is_that_of_t5x_s_network_and_has_axes():
    config = t5_config("lm-nano", 896)
    params = init_params(config, 0)
    names = set(flat(params))
    assert names >= {
        "decoder/token_embedder/embedding",
        "decoder/relpos_bias/rel_embedding",
        "decoder/layers_4/self_attention/query/kernel",
        "decoder/layers_0/pre_self_attention_layer_norm/scale",
        "decoder/layers_0/mlp/wi_1/kernel",
        "decoder/decoder_norm/scale",
        "decoder/logits_dense/kernel",
    }
    assert len(names) == 4 + 5 * 9 and set(params) == {"decoder"}
    axes = jax.tree.leaves(logical_axes(params), is_leaf=lambda x: isinstance(x, tuple))
    assert [len(a) for a in axes] == [leaf.ndim for leaf in jax.tree.leaves(params)]
    shapes = {name: leaf.shape for name, leaf in flat(param_shapes(config)).items()}
    assert shapes == {name: leaf.shape for name, leaf in flat(params).items()}


@pytest.mark.parametrize("size", ["nano", "micro", "mini"])
def test_pocket_sizes_have_as_many_parameters_as_their_namesakes(size):
    ours, theirs = (param_count(t5_config(name, 896)) for name in (f"lm-{size}", size))
    assert ours == pytest.approx(theirs, rel=0.07)


def test_base_has_the_parameters_of_t5x_s_file():
    # The comment of t5x/examples/decoder_only/models/base.gin counts a table of distances per
    # layer, where the network has one for all of them.
    tables = 11 * 12 * 32
    assert param_count(t5_config("lm-base", 32128)) + tables == 134_307_072
    assert list(DECODER_ONLY_SIZES)[-1] == "lm-xl"
