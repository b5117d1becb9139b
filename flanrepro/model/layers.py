"""The parts of T5.1.1 under T5X's parameter names: T5X checkpoints load without a mapping.

Axis names in comments and docstrings are T5X's logical axes, see `axes.py`.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from flanrepro.model.attention import dot_product_attention
from flanrepro.model.sizes import T5Config

NUM_BUCKETS = 32
MAX_DISTANCE = 128
MASKED = -1e10
"""Added to the attention logits of pairs that must not see each other; T5X's value."""


def last_argmax(x: jax.Array) -> jax.Array:
    """`jnp.argmax` over the last axis, int32: the first of several maxima.

    As two plain reductions: XLA's CPU backend does not vectorize the one that `jnp.argmax` is, and
    takes as long for it as for a twentieth of a small model's train step. NaN gives the last index.
    """
    ids = jax.lax.broadcasted_iota(jnp.int32, x.shape, x.ndim - 1)
    is_max = x == x.max(axis=-1, keepdims=True)
    return jnp.where(is_max, ids, x.shape[-1] - 1).min(axis=-1)


class RMSNorm(nn.Module):
    """T5's layer norm: no mean, no bias (Zhang and Sennrich, 2019)."""

    dtype: str

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        scale = self.param("scale", nn.initializers.ones, (x.shape[-1],))
        x = x.astype(jnp.float32)
        x = x * jax.lax.rsqrt(jnp.mean(jnp.square(x), axis=-1, keepdims=True) + 1e-6)
        return (x * scale).astype(self.dtype)


class Dense(nn.Module):
    """A matrix product without bias; kernel [inputs, features]."""

    features: int
    dtype: str
    gain: float = 1.0

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        init = nn.initializers.variance_scaling(self.gain, "fan_in", "normal")
        kernel = self.param("kernel", init, (x.shape[-1], self.features))
        # Rows in one axis: with two of them XLA's CPU backend takes four times as long for the
        # kernel's gradient, since it transposes the output's gradient first.
        rows = x.reshape(-1, x.shape[-1]).astype(self.dtype)
        return (rows @ kernel.astype(self.dtype)).reshape(*x.shape[:-1], self.features)


class Embed(nn.Module):
    """Token embedding [vocab, embed], shared by encoder and decoder."""

    config: T5Config

    def setup(self):
        shape = (self.config.vocab_size, self.config.emb_dim)
        self.embedding = self.param("embedding", nn.initializers.normal(1.0), shape)

    def __call__(self, tokens: jax.Array) -> jax.Array:
        return self.embedding[tokens].astype(self.config.dtype)


def relative_buckets(queries: int, keys: int, bidirectional: bool) -> np.ndarray:
    """Bucket of each (query, key) distance, int [queries, keys] (Raffel et al., 2020, 2.1).

    Half of the buckets hold one distance each, the others grow logarithmically up to
    `MAX_DISTANCE`; an encoder uses half of them for each direction.
    """
    distance = np.arange(queries)[:, None] - np.arange(keys)[None, :]
    buckets, offset = NUM_BUCKETS, 0
    if bidirectional:
        buckets //= 2
        offset = (distance < 0) * buckets
        distance = np.abs(distance)
    distance = np.maximum(distance, 0)
    exact = buckets // 2
    # In float32 as in T5X: at the edges of buckets, float64 rounds the other way.
    ratio = np.maximum(distance, 1).astype(np.float32) / exact + np.finfo(np.float32).eps
    scale = (buckets - exact) / np.log(MAX_DISTANCE / exact)
    large = np.minimum(exact + (np.log(ratio) * scale).astype(np.int32), buckets - 1)
    return offset + np.where(distance < exact, distance, large)


class RelativePositionBias(nn.Module):
    """What distance adds to attention logits; one per stack, shared by its layers."""

    config: T5Config
    bidirectional: bool

    @nn.compact
    def __call__(self, queries: int, keys: int) -> jax.Array:
        """float32 [1, heads, queries, keys]."""
        init = nn.initializers.variance_scaling(1.0, "fan_avg", "uniform")
        table = self.param("rel_embedding", init, (self.config.num_heads, NUM_BUCKETS))
        buckets = jnp.asarray(relative_buckets(queries, keys, self.bidirectional))
        # As a product: the gradient of a gather is a scatter of queries x keys additions.
        one_hot = (buckets[None] == jnp.arange(NUM_BUCKETS)[:, None, None]).astype(jnp.float32)
        return jnp.einsum("hb,bqk->hqk", table, one_hot)[None]


class Attention(nn.Module):
    """Multi-head attention; T5 folds the scaling of the logits into its initial values."""

    config: T5Config

    def setup(self):
        cfg = self.config
        joined = cfg.num_heads * cfg.head_dim
        self.query = Dense(joined, cfg.dtype, gain=1 / cfg.head_dim)
        self.key = Dense(joined, cfg.dtype)
        self.value = Dense(joined, cfg.dtype)
        self.out = Dense(cfg.emb_dim, cfg.dtype)
        # T5 drops a key's attention weights for all queries at once, which is to drop its value.
        self.dropout = nn.Dropout(cfg.dropout_rate, broadcast_dims=(-1,))

    def __call__(
        self,
        x: jax.Array,
        source: jax.Array,
        bias: jax.Array | None,
        mask: jax.Array,
        deterministic: bool,
    ) -> jax.Array:
        """x [batch, queries, embed] attends to source [batch, keys, embed].

        `bias` float32 [1, heads, queries, keys] and `mask` float32 [batch or 1, 1, queries, keys]
        are added to the logits.
        """
        return self.attend(x, *self.keys_values(source), bias, mask, deterministic)

    def keys_values(self, source: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Keys and values [batch, heads, keys, head_dim] of a source."""
        return self._heads(self.key(source)), self._heads(self.value(source))

    def attend(
        self,
        x: jax.Array,
        keys: jax.Array,
        values: jax.Array,
        bias: jax.Array | None,
        mask: jax.Array,
        deterministic: bool = True,
    ) -> jax.Array:
        """As `__call__`, to keys and values that are there already."""
        values = self.dropout(values, deterministic=deterministic)
        mixed = dot_product_attention(self._heads(self.query(x)), keys, values, bias, mask)
        return self.out(jnp.swapaxes(mixed, 1, 2).reshape(*x.shape[:-1], -1))

    def _heads(self, x: jax.Array) -> jax.Array:
        x = x.reshape(*x.shape[:-1], self.config.num_heads, self.config.head_dim)
        return jnp.swapaxes(x, 1, 2)


class MLP(nn.Module):
    """Feed-forward layer with a gated GELU (Shazeer, 2020)."""

    config: T5Config

    def setup(self):
        cfg = self.config
        self.wi_0 = Dense(cfg.mlp_dim, cfg.dtype)
        self.wi_1 = Dense(cfg.mlp_dim, cfg.dtype)
        self.wo = Dense(cfg.emb_dim, cfg.dtype)
        self.dropout = nn.Dropout(cfg.dropout_rate, broadcast_dims=(-2,))

    def __call__(self, x: jax.Array, deterministic: bool = True) -> jax.Array:
        x = nn.gelu(self.wi_0(x), approximate=True) * self.wi_1(x)
        return self.wo(self.dropout(x, deterministic=deterministic))
