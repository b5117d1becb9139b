"""Tells whether all numbers of a tree of arrays are finite, wherever they lie."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


@jax.jit
def _all_finite(arrays: list[jax.Array]) -> jax.Array:
    return jnp.stack([jnp.isfinite(array).all() for array in arrays])


def not_finite(tree: Any) -> str:
    """Names the first array with an infinite number or NaN; empty: there is none.

    Args:
        tree: arrays, all of NumPy or all of JAX; the latter are looked at where they are.
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    leaves = [(path, x) for path, x in leaves if jnp.issubdtype(x.dtype, jnp.inexact)]
    if all(isinstance(leaf, np.ndarray) for _, leaf in leaves):
        finite = [bool(np.isfinite(leaf).all()) for _, leaf in leaves]
    else:
        finite = np.asarray(_all_finite([leaf for _, leaf in leaves]))
    names = (jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in leaves)
    return next((name for name, good in zip(names, finite, strict=True) if not good), "")
