import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flanrepro.model.attention import dot_product_attention

BATCH, HEADS, QUERIES, KEYS, HEAD_DIM = 3, 2, 5, 7, 4


@pytest.fixture
def arguments():
    rng = np.random.default_rng(0)
    normal = lambda *shape: jnp.asarray(rng.standard_normal(shape), jnp.float32)  # noqa: E731
    mask = np.where(rng.random((BATCH, 1, QUERIES, KEYS)) < 0.7, 0.0, -1e10)
    mask[0, 0, 1] = -1e10  # a padded query, which sees nothing
    return (
        normal(BATCH, HEADS, QUERIES, HEAD_DIM),
        normal(BATCH, HEADS, KEYS, HEAD_DIM),
        normal(BATCH, HEADS, KEYS, HEAD_DIM),
        normal(1, HEADS, QUERIES, KEYS),
        jnp.asarray(mask, jnp.float32),
    )


def plain(queries, keys, values, bias, mask):
    """The formula, for automatic differentiation."""
    logits = jnp.einsum("bhqd,bhkd->bhqk", queries, keys) + mask
    logits = logits if bias is None else logits + bias
    return jnp.einsum("bhqk,bhkd->bhqd", jax.nn.softmax(logits), values)


def gradients(attention, *arguments):
    """Of a sum in which every output counts differently."""
    weights = jnp.arange(BATCH * HEADS * QUERIES * HEAD_DIM).reshape(BATCH, HEADS, QUERIES, -1)
    wanted = tuple(i for i in range(4) if arguments[i] is not None)
    return jax.grad(lambda *args: jnp.sum(jnp.sin(weights) * attention(*args)), wanted)(*arguments)


@pytest.mark.parametrize("biased", [True, False])
def test_outputs_and_gradients_are_those_of_the_plain_formula(arguments, biased):
    queries, keys, values, bias, mask = arguments
    arguments = queries, keys, values, bias if biased else None, mask
    np.testing.assert_allclose(dot_product_attention(*arguments), plain(*arguments), atol=1e-5)
    ours, theirs = (gradients(f, *arguments) for f in (dot_product_attention, plain))
    assert len(ours) == 3 + biased
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-5)


def test_large_logits_overflow_neither_forwards_nor_backwards(arguments):
    queries, *others = arguments
    large = 1e4 * queries, *others
    assert np.isfinite(dot_product_attention(*large)).all()
    assert all(np.isfinite(gradient).all() for gradient in gradients(dot_product_attention, *large))


def test_bfloat16_stays_bfloat16_with_gradients_close_to_float32_s(arguments):
    *qkv, bias, mask = arguments
    halves = *(x.astype(jnp.bfloat16) for x in qkv), bias, mask
    assert dot_product_attention(*halves).dtype == jnp.bfloat16
    ours, exact = gradients(dot_product_attention, *halves), gradients(plain, *arguments)
    assert [gradient.dtype for gradient in ours] == [jnp.bfloat16] * 3 + [jnp.float32]
    for mine, other in zip(ours, exact, strict=True):
        np.testing.assert_allclose(np.asarray(mine, np.float32), other, atol=0.1)
