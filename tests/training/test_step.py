import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flanrepro.model.network import init_params
from flanrepro.model.sizes import t5_config
from flanrepro.model.t5 import Transformer
from flanrepro.training import step
from flanrepro.training.step import Metrics, init_state, loss_fn, make_train_step, shift_right

CONFIG = t5_config("nano", vocab_size=128)
EXAMPLES = [([5, 6, 7, 1], [8, 9, 1]), ([10, 11, 1], [12, 1]), ([13, 14, 15, 16, 1], [17, 18, 1])]


def batch(*rows: list[int], inputs: int = 12, targets: int = 8) -> dict[str, np.ndarray]:
    """A packed batch; each row is a list of indices into `EXAMPLES`."""
    lengths = {"encoder_input_tokens": inputs, "decoder_target_tokens": targets}
    arrays = {}
    for part, (name, length) in enumerate(lengths.items()):
        side = name.split("_")[0]
        tokens, segments, positions = np.zeros((3, len(rows), length), np.int32)
        for r, row in enumerate(rows):
            at = 0
            for segment, example in enumerate(row, start=1):
                ids = EXAMPLES[example][part]
                span = slice(at, at + len(ids))
                tokens[r, span], segments[r, span] = ids, segment
                positions[r, span] = range(len(ids))
                at += len(ids)
        arrays |= {name: tokens, f"{side}_segment_ids": segments, f"{side}_positions": positions}
    return arrays


@pytest.fixture(scope="module")
def params() -> dict:
    return init_params(CONFIG, 0)


@pytest.fixture(scope="module")
def losses():
    """loss_fn without dropout, compiled."""
    return jax.jit(
        lambda params, z_loss, batch: loss_fn(params, CONFIG, z_loss, batch, None),
    )


@pytest.fixture(scope="module")
def packed() -> dict[str, np.ndarray]:
    return batch([0, 1], [2])


@pytest.fixture(scope="module")
def logits(params, packed) -> np.ndarray:
    """float64 [batch, targets, vocabulary]; decoder inputs written out by hand."""
    decoder_inputs = np.array([[0, 8, 9, 0, 12, 0, 0, 0], [0, 17, 18, 0, 0, 0, 0, 0]], np.int32)
    apply = jax.jit(functools.partial(Transformer(CONFIG).apply, deterministic=True))
    result = apply(
        {"params": params},
        packed["encoder_input_tokens"],
        decoder_inputs,
        packed["decoder_target_tokens"],
        packed["encoder_segment_ids"],
        packed["decoder_segment_ids"],
    )
    return np.asarray(result, np.float64)


def test_the_reported_loss_is_the_cross_entropy_of_the_target_tokens(
    params, packed, logits, losses
):
    targets = packed["decoder_target_tokens"]
    expected = 0.0
    for row, column in zip(*np.nonzero(targets), strict=True):
        scores = logits[row, column]
        expected += np.log(np.exp(scores).sum()) - scores[targets[row, column]]
    mean, metrics = losses(params, 0.0, packed)
    assert float(metrics.loss) == pytest.approx(expected, rel=1e-5)
    assert float(mean) == pytest.approx(expected / 8, rel=1e-5)
    assert float(metrics.tokens) == 8
    assert float(metrics.useful_tokens) == 8 + 12
    right = (logits.argmax(-1) == targets) & (targets > 0)
    assert float(metrics.correct) == right.sum()


def test_z_loss_adds_its_term_to_what_is_minimized_alone(params, packed, logits, losses):
    log_z = np.log(np.exp(logits).sum(-1))[packed["decoder_target_tokens"] > 0]
    plain, without = losses(params, 0.0, packed)
    penalized, metrics = losses(params, 0.1, packed)
    assert float(penalized - plain) == pytest.approx(0.1 * (log_z**2).mean(), rel=1e-4)
    assert float(metrics.loss) == float(without.loss)


def test_packed_examples_have_the_loss_that_they_have_alone(params, packed, losses):
    alone = [float(losses(params, 0.0, batch([i], []))[1].loss) for i in range(3)]
    assert float(losses(params, 0.0, packed)[1].loss) == pytest.approx(sum(alone), rel=1e-5)


def test_padding_alone_has_no_loss(params, losses):
    mean, metrics = losses(params, 0.1, batch([], []))
    assert (float(mean), float(metrics.tokens)) == (0, 0)


def test_decoder_inputs_start_anew_with_every_segment(packed):
    shifted = shift_right(packed["decoder_target_tokens"], packed["decoder_positions"])
    assert shifted.tolist() == [[0, 8, 9, 0, 12, 0, 0, 0], [0, 17, 18, 0, 0, 0, 0, 0]]


@pytest.fixture(scope="module")
def train_step():
    config = t5_config("nano", vocab_size=128, dropout_rate=0.1)
    return make_train_step(config, "adamw", 1e-3, 0, 0.0)


def test_a_step_donates_the_state_and_adds_to_the_metrics(train_step, packed):
    state = init_state(CONFIG, "adamw", 1e-3, 0, seed=0)
    leaf, sums = jax.tree.leaves(state.params)[0], Metrics.zero()
    state, sums = train_step(state, sums, packed, jax.random.key(0))
    assert leaf.is_deleted()
    once = jax.device_get(sums)
    state, sums = train_step(state, sums, packed, jax.random.key(0))
    assert int(state.step) == 2
    assert (float(sums.tokens), float(sums.useful_tokens)) == (16, 40)
    assert once.loss < float(sums.loss) < 2.2 * once.loss


def test_the_first_step_whose_loss_is_none_is_kept(train_step, packed):
    state, sums, found = init_state(CONFIG, "adamw", 1e-3, 0, seed=0), Metrics.zero(), []
    for value in (1.0, np.nan, 1.0, np.inf):
        params = jax.tree.map(lambda leaf: jnp.full_like(leaf, value), state.params)  # noqa: B023
        state, sums = train_step(state._replace(params=params), sums, packed, jax.random.key(0))
        found.append(int(sums.diverged))
    assert found == [0, 2, 2, 2]


def test_dropout_differs_from_step_to_step_and_depends_on_key_and_step_alone(train_step, packed):
    def loss(step: int, seed: int) -> float:
        state = init_state(CONFIG, "adamw", 1e-3, 0, seed=0)._replace(step=jnp.int32(step))
        return float(train_step(state, Metrics.zero(), packed, jax.random.key(seed))[1].loss)

    assert loss(3, 0) == loss(3, 0)
    assert len({loss(3, 0), loss(4, 0), loss(3, 1)}) == 3


def test_equal_arguments_give_the_same_step():
    same = [make_train_step(t5_config("nano", 128), "adamw", 1e-3, 0, 0.0) for _ in range(2)]
    assert same[0] is same[1]
    assert make_train_step(t5_config("nano", 128), "adamw", 2e-3, 0, 0.0) is not same[0]


@pytest.mark.parametrize(("model", "at_once"), [("nano", 3), ("lm-nano", 1)])
def test_a_loss_in_parts_has_the_same_gradients_and_never_all_logits(
    model, at_once, packed, monkeypatch
):
    config = t5_config(model, vocab_size=640, dropout_rate=0.1)
    rows = packed
    if config.decoder_only:
        names = ("target_tokens", "segment_ids", "positions")
        rows = {f"decoder_{name}": packed[f"decoder_{name}"] for name in names}
        rows["decoder_loss_weights"] = (packed["decoder_positions"] > 0).astype(np.int32)
    params, key = init_params(config, 0), jax.random.key(1)

    def computed(limit: int):
        monkeypatch.setattr(step, "LOGITS", limit)
        whole = jax.jit(functools.partial(step.gradients, config=config, z_loss=1e-3))
        compiled = whole.lower(params, batch=rows, dropout_key=key).compile()
        return compiled.as_text(), compiled(params, batch=rows, dropout_key=key)

    # Rows have eight targets: three at once leave a part that is filled up.
    (text, whole), (in_parts, (grads, sums)) = computed(2 * 8 * 640), computed(2 * at_once * 640)
    assert any(shape in text for shape in ("f32[2,8,640]", "f32[16,640]"))
    assert not any(shape in in_parts for shape in ("f32[2,8,640]", "f32[16,640]"))
    np.testing.assert_allclose(sums.loss, whole[1].loss, rtol=1e-6)
    assert (sums.correct, sums.tokens) == (whole[1].correct, whole[1].tokens)
    for mine, other in zip(jax.tree.leaves(grads), jax.tree.leaves(whole[0]), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-5 * np.abs(other).max())


@pytest.mark.parametrize(
    ("rows", "targets", "vocab", "parts"),
    [(8, 64, 896, 1), (64, 256, 32_128, 16), (16, 113, 32_128, 2), (2, 7, 2**25, 7), (1, 1, 5, 1)],
)
def test_parts_are_as_few_as_fit(rows, targets, vocab, parts):
    assert step.parts_of(rows, targets, vocab) == parts
