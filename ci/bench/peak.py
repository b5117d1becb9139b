"""The rate of matrix products that a device reaches, with which a train step's is compared."""

import functools
import time
from collections.abc import Callable

import jax

SIZES = (512, 1024, 2048, 4096, 8192, 16384)
IN_A_ROW = 8


def matmul_flops_per_s(dtype: str, seconds: float = 2.0) -> float:
    """Measures floating-point operations per second of square matrix products, the most of several.

    Products of `SIZES` are timed on JAX's default device, each some times over, as long as there is
    time for the next size. float32 products are of XLA's default precision, as in a train step: a
    GPU may take them in TensorFloat-32.

    Args:
        dtype: name of the factors' type, `float32` or `bfloat16`.
        seconds: time that is spent, about, beside compilation.
    """
    best, left = 0.0, seconds
    for size in SIZES:
        # A random factor, since equal numbers take less power than a model's do; its products
        # stay about as large as it is.
        factor = (jax.random.normal(jax.random.key(0), (size, size)) / size**0.5).astype(dtype)
        multiply = _products()
        multiply(factor).block_until_ready()
        for _ in range(5):
            began = time.perf_counter()
            multiply(factor).block_until_ready()
            spent = time.perf_counter() - began
            best, left = max(best, IN_A_ROW * 2 * size**3 / spent), left - spent
            if left < 0:
                return best
        if left < 8 * spent:  # the next size has eight times as many operations
            return best
    return best


@functools.cache
def _products() -> Callable[[jax.Array], jax.Array]:
    """Gives several products in one call, whose own cost is then a small part."""

    def multiply(factor: jax.Array) -> jax.Array:
        x = factor
        for _ in range(IN_A_ROW):
            x = x @ factor
        return x

    return jax.jit(multiply)
