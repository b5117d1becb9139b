"""Dot-product attention: a form whose backward pass is written out, and those of libraries."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Float32

from flanrepro.model.kernels import tokamax


def attention(
    form: str,
    queries: Float[Array, "batch heads queries head_dim"],
    keys: Float[Array, "batch heads keys head_dim"],
    values: Float[Array, "batch heads keys head_dim"],
    bias: Float32[Array, "1 heads queries keys"] | None,
    mask: Float32[Array, "#batch #heads #queries keys"],
) -> Float[Array, "batch heads queries head_dim"]:
    """Computes `dot_product_attention` in one of the forms of `flanrepro.model.kernels.Kernels`.

    T5's dropout of attention weights is one of values, which are dropped before they come here, so
    that a library's kernel needs none of its own.
    """
    # Segments are a mask in all forms. cuDNN also takes offsets for packed rows, but by no public
    # function of JAX; with them the most segments of a row are a constant of the program, which
    # packing does not bound, and a prefix that all of its positions see cannot be said.
    if form == "xla":
        return dot_product_attention(queries, keys, values, bias, mask)
    swap = functools.partial(jnp.swapaxes, axis1=1, axis2=2)
    arguments, options = map(swap, (queries, keys, values)), {"mask": mask == 0, "scale": 1.0}
    if form == "tokamax":
        return swap(tokamax().dot_product_attention(*arguments, bias=bias, **options))
    if form == "cudnn" and bias is not None:
        bias = bias.astype(queries.dtype)  # cuDNN has one type for all factors and the bias
    options["implementation"] = "cudnn" if form == "cudnn" else "xla"
    return swap(jax.nn.dot_product_attention(*arguments, bias=bias, **options))


@jax.custom_vjp
def dot_product_attention(
    queries: Float[Array, "batch heads queries head_dim"],
    keys: Float[Array, "batch heads keys head_dim"],
    values: Float[Array, "batch heads keys head_dim"],
    bias: Float32[Array, "1 heads queries keys"] | None,
    mask: Float32[Array, "#batch #heads #queries keys"],
) -> Float[Array, "batch heads queries head_dim"]:
    """Computes softmax(queries keys' + bias + mask) values.

    Logits and softmax are float32 whatever the inputs are; T5 does not divide the logits by the
    root of `head_dim`. Differentiable once, in reverse, with respect to all but the mask.

    Args:
        queries, keys, values: arrays of one dtype, which is also the result's.
        bias: number that relative position adds to each logit.
        mask: 0 where attention is allowed, else about -1e10.
    """
    return _forward(queries, keys, values, bias, mask)[0]


def _forward(queries, keys, values, bias, mask):
    logits = jnp.matmul(queries, _swap(keys), preferred_element_type=jnp.float32)
    # Bias and mask are the same in all layers of a stack: their sum is computed once.
    logits = logits + (mask if bias is None else mask + bias)
    # Normalized after the product with the values: head_dim divisions per query, not one per key.
    weights = jnp.exp(logits - logits.max(axis=-1, keepdims=True))
    inverse = 1 / weights.sum(axis=-1, keepdims=True)
    mixed = jnp.matmul(weights.astype(values.dtype), values, preferred_element_type=jnp.float32)
    mixed = (mixed * inverse).astype(values.dtype)
    return mixed, (queries, keys, values, bias, weights, inverse, mixed)


def _backward(saved, grad):
    """Computes what reverse-mode differentiation would, in the two forms that XLA's CPU needs.

    Gradients of keys and values are products with the small factor on the left (dK' = Q' dS): with
    the [queries, keys] matrix transposed on the left, as autodiff has it, they take four times as
    long. And the bias's sum over the batch is a product with ones: as a sum it is fused into the
    product that follows, which then reads the whole [batch, heads, queries, keys] many times over.
    """
    queries, keys, values, bias, weights, inverse, mixed = saved
    dtype = values.dtype
    grad = grad.astype(jnp.float32)
    # The softmax's inner product of weights and their gradients is that of outputs and theirs:
    # head_dim products per query, not one per key.
    shared = jnp.sum(grad * mixed, axis=-1, keepdims=True) * inverse
    # `weights` are not normalized, so what they are multiplied with is.
    grad = (grad * inverse).astype(dtype)
    d_weights = jnp.matmul(grad, _swap(values), preferred_element_type=jnp.float32)
    d_logits = weights * (d_weights - shared)
    d_bias = None
    if bias is not None:
        d_bias = jnp.tensordot(jnp.ones(d_logits.shape[0]), d_logits, 1)[None]
    d_logits = d_logits.astype(dtype)
    d_queries = d_logits @ keys
    d_keys = _swap(_swap(queries) @ d_logits)
    d_values = _swap(_swap(grad) @ weights.astype(dtype))
    return d_queries, d_keys, d_values, d_bias, None


def _swap(x: Float[Array, "*batch rows columns"]) -> Float[Array, "*batch columns rows"]:
    return jnp.swapaxes(x, -1, -2)


dot_product_attention.defvjp(_forward, _backward)
