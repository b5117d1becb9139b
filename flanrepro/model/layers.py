"""The parts of T5.1.1 under T5X's parameter names: T5X checkpoints load without a mapping.

Axis names in comments and docstrings are T5X's logical axes, see `axes.py`.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32, Int

from flanrepro.model.attention import attention
from flanrepro.model.kernels import PLAIN, Kernels, tokamax
from flanrepro.model.sizes import T5Config

NUM_BUCKETS = 32
MAX_DISTANCE = 128
MASKED = -1e10
"""Number added to the logits of pairs that must not attend to each other; T5X's value."""


def last_argmax(x: Float[Array, "*batch ids"]) -> Int[Array, "*batch"]:
    """Finds the largest number's index in the last axis, the first of several (NaN: the last).

    It is `jnp.argmax` as two plain reductions. XLA's CPU backend does not vectorize the one that
    `jnp.argmax` is, which takes a twentieth of a small model's train step.
    """
    ids = jax.lax.broadcasted_iota(jnp.int32, x.shape, x.ndim - 1)
    is_max = x == x.max(axis=-1, keepdims=True)
    return jnp.where(is_max, ids, x.shape[-1] - 1).min(axis=-1)


class RMSNorm(nn.Module):
    """T5's layer norm, without mean and bias (Zhang and Sennrich, 2019)."""

    dtype: str
    kernels: Kernels = PLAIN

    @nn.compact
    def __call__(self, x: Float[Array, "*batch embed"]) -> Float[Array, "*batch embed"]:
        scale = self.param("scale", nn.initializers.ones, (x.shape[-1],))
        if self.kernels.norm == "tokamax":
            return tokamax().layer_norm(x.astype(self.dtype), scale, None, subtract_mean=False)
        # bfloat16 has 8 significant bits: a mean over hundreds of squares needs more.
        x = x.astype(jnp.float32)
        x = x * jax.lax.rsqrt(jnp.mean(jnp.square(x), axis=-1, keepdims=True) + 1e-6)
        return (x * scale).astype(self.dtype)


class Dense(nn.Module):
    """A matrix product without bias.

    Attributes:
        features: number of outputs; the kernel is [inputs, features].
        dtype: name of the product's floating type.
        gain: variance of the kernel's initial values times the number of inputs.
    """

    features: int
    dtype: str
    gain: float = 1.0

    @nn.compact
    def __call__(self, x: Float[Array, "*batch inputs"]) -> Float[Array, "*batch features"]:
        init = nn.initializers.variance_scaling(self.gain, "fan_in", "normal")
        kernel = self.param("kernel", init, (x.shape[-1], self.features))
        return _product(x, kernel, self.dtype)


def _product(
    x: Float[Array, "*batch inputs"], kernel: Float32[Array, "inputs features"], dtype: str
) -> Float[Array, "*batch features"]:
    # Rows in one axis: with two of them XLA's CPU backend takes four times as long for the
    # kernel's gradient, since it transposes the output's gradient first.
    rows = x.reshape(-1, x.shape[-1]).astype(dtype)
    return (rows @ kernel.astype(dtype)).reshape(*x.shape[:-1], kernel.shape[1])


def joined_products(
    x: Float[Array, "*batch inputs"], *layers: Dense
) -> list[Float[Array, "*batch _"]]:
    """Computes what several layers of one dtype give for one input, in one matrix product.

    The layers have their parameters already: a network that draws them has no joined products.
    """
    kernels = _kernels(*layers)
    joined = _product(x, jnp.concatenate(kernels, axis=1), layers[0].dtype)
    return jnp.split(joined, np.cumsum([k.shape[1] for k in kernels])[:-1], axis=-1)


def _kernels(*layers: Dense) -> list[Float32[Array, "inputs _"]]:
    return [layer.get_variable("params", "kernel") for layer in layers]


class Embed(nn.Module):
    """Token embedding [vocab, embed], shared by encoder and decoder.

    With a soft prompt in the collection `soft_prompt`, see `flanrepro.model.soft_prompt`, the ids
    from the vocabulary's end on are those of its vectors.
    """

    config: T5Config

    def setup(self):
        shape = (self.config.vocab_size, self.config.emb_dim)
        # T5's initial values have standard deviation 1, however wide the model is.
        self.embedding = self.param("embedding", nn.initializers.normal(1.0), shape)

    def __call__(self, tokens: Int[Array, "batch length"]) -> Float[Array, "batch length embed"]:
        table = self.embedding
        if self.has_variable("soft_prompt", "embedding"):
            table = jnp.concatenate([table, self.get_variable("soft_prompt", "embedding")])
        return table[tokens].astype(self.config.dtype)


def relative_buckets(
    queries: int, keys: int, bidirectional: bool
) -> Int[np.ndarray, "queries keys"]:
    """Gives the bucket of each pair's distance (Raffel et al., 2020, section 2.1).

    Half of the buckets hold one distance each, the others grow logarithmically up to
    `MAX_DISTANCE`; an encoder uses half of them for each direction.
    """
    distance = np.arange(queries)[:, None] - np.arange(keys)[None, :]
    buckets, offset = NUM_BUCKETS, 0
    if bidirectional:
        buckets //= 2
        offset = (distance < 0) * buckets
        distance = np.abs(distance)
    # Below 0 there are only keys after a decoder's query now, which its mask hides.
    distance = np.maximum(distance, 0)
    exact = buckets // 2
    # In float32 as in T5X: at the edges of buckets, float64 rounds the other way.
    ratio = np.maximum(distance, 1).astype(np.float32) / exact + np.finfo(np.float32).eps
    scale = (buckets - exact) / np.log(MAX_DISTANCE / exact)
    large = np.minimum(exact + (np.log(ratio) * scale).astype(np.int32), buckets - 1)
    return offset + np.where(distance < exact, distance, large)


class RelativePositionBias(nn.Module):
    """The number that distance adds to attention logits; one table per stack, for all layers."""

    config: T5Config
    bidirectional: bool

    def setup(self):
        init = nn.initializers.variance_scaling(1.0, "fan_avg", "uniform")
        self.rel_embedding = self.param("rel_embedding", init, (self.config.num_heads, NUM_BUCKETS))

    def __call__(self, queries: int, keys: int) -> Float32[Array, "1 heads queries keys"]:
        buckets = jnp.asarray(relative_buckets(queries, keys, self.bidirectional))
        # As a product: the gradient of a gather is a scatter of queries x keys additions.
        one_hot = (buckets[None] == jnp.arange(NUM_BUCKETS)[:, None, None]).astype(jnp.float32)
        return jnp.einsum("hb,bqk->hqk", self.rel_embedding, one_hot)[None]

    def at(
        self, distances: Int[Array, "batch queries keys"], longest: int
    ) -> Float32[Array, "batch heads queries keys"]:
        """Gives a decoder's biases where rows have distances of their own.

        Args:
            distances: positions that a key is before its query; less than 0: as at 0.
            longest: largest distance.
        """
        buckets = relative_buckets(longest + 1, 1, bidirectional=False)[:, 0]
        by_distance = self.rel_embedding[:, buckets]
        return jnp.moveaxis(by_distance[:, jnp.maximum(distances, 0)], 0, 1)


class Attention(nn.Module):
    """Multi-head attention; T5 folds the scaling of the logits into its initial values."""

    config: T5Config
    kernels: Kernels = PLAIN

    def setup(self):
        cfg = self.config
        # Heads in one axis, as in T5X's files, whose kernels are matrices.
        joined = cfg.num_heads * cfg.head_dim
        self.query = Dense(joined, cfg.dtype, gain=1 / cfg.head_dim)
        self.key = Dense(joined, cfg.dtype)
        self.value = Dense(joined, cfg.dtype)
        self.out = Dense(cfg.emb_dim, cfg.dtype)
        # T5 drops a key's attention weights for all queries at once, which is to drop its value.
        self.dropout = nn.Dropout(cfg.dropout_rate, broadcast_dims=(-1,))

    def __call__(
        self,
        x: Float[Array, "batch queries embed"],
        source: Float[Array, "batch keys embed"],
        bias: Float32[Array, "1 heads queries keys"] | None,
        mask: Float32[Array, "#batch #heads #queries keys"],
        deterministic: bool,
    ) -> Float[Array, "batch queries embed"]:
        """Lets `x` attend to `source`; `bias` and `mask` are added to the logits."""
        return self.with_keys_values(x, source, bias, mask, deterministic)[0]

    def with_keys_values(self, x, source, bias, mask, deterministic) -> tuple[jax.Array, ...]:
        """Computes what a call gives, and the source's keys and values."""
        if self.kernels.joined and x is source:
            query, key, value = joined_products(x, self.query, self.key, self.value)
            keys, values = self._heads(key), self._heads(value)
        else:
            # The query last: the source's gradients are added up in the opposite order, and in
            # another order they round otherwise.
            keys, values = self.keys_values(source)
            query = self.query(x)
        return self._attend(query, keys, values, bias, mask, deterministic), keys, values

    def keys_values(
        self, source: Float[Array, "batch keys embed"]
    ) -> tuple[
        Float[Array, "batch heads keys head_dim"], Float[Array, "batch heads keys head_dim"]
    ]:
        """Gives the keys and the values of a source."""
        if self.kernels.joined:
            key, value = joined_products(source, self.key, self.value)
        else:
            key, value = self.key(source), self.value(source)
        return self._heads(key), self._heads(value)

    def attend(
        self,
        x: Float[Array, "batch queries embed"],
        keys: Float[Array, "batch heads keys head_dim"],
        values: Float[Array, "batch heads keys head_dim"],
        bias: Float32[Array, "1 heads queries keys"] | None,
        mask: Float32[Array, "#batch #heads #queries keys"],
        deterministic: bool = True,
    ) -> Float[Array, "batch queries embed"]:
        """Lets `x` attend to keys and values that are computed already."""
        return self._attend(self.query(x), keys, values, bias, mask, deterministic)

    def _attend(self, query, keys, values, bias, mask, deterministic) -> jax.Array:
        values = self.dropout(values, deterministic=deterministic)
        form = self.kernels.attention
        mixed = attention(form, self._heads(query), keys, values, bias, mask)
        return self.out(jnp.swapaxes(mixed, 1, 2).reshape(query.shape))

    def _heads(
        self, x: Float[Array, "batch length joined_kv"]
    ) -> Float[Array, "batch heads length head_dim"]:
        x = x.reshape(*x.shape[:-1], self.config.num_heads, self.config.head_dim)
        return jnp.swapaxes(x, 1, 2)


class MLP(nn.Module):
    """The feed-forward layer with a gated GELU (Shazeer, 2020)."""

    config: T5Config
    kernels: Kernels = PLAIN

    def setup(self):
        cfg = self.config
        self.wi_0 = Dense(cfg.mlp_dim, cfg.dtype)
        self.wi_1 = Dense(cfg.mlp_dim, cfg.dtype)
        self.wo = Dense(cfg.emb_dim, cfg.dtype)
        # One mask for all tokens of a row, as in T5X.
        self.dropout = nn.Dropout(cfg.dropout_rate, broadcast_dims=(-2,))

    def __call__(
        self, x: Float[Array, "batch length embed"], deterministic: bool = True
    ) -> Float[Array, "batch length embed"]:
        return self.wo(self.dropout(self._gated(x), deterministic=deterministic))

    def _gated(self, x: Float[Array, "batch length embed"]) -> Float[Array, "batch length mlp"]:
        if self.kernels.mlp == "tokamax":
            kernels = [kernel.astype(x.dtype) for kernel in _kernels(self.wi_0, self.wi_1)]
            return tokamax().gated_linear_unit(x, tuple(kernels), activation=nn.gelu)
        if self.kernels.joined:
            gate, linear = joined_products(x, self.wi_0, self.wi_1)
        else:
            gate, linear = self.wi_0(x), self.wi_1(x)
        # GELU's tanh approximation, which T5.1.1 was trained with, and which is Flax's default.
        return nn.gelu(gate) * linear


def rematerialized(layer: type[nn.Module], deterministic: int) -> type[nn.Module]:
    """A layer that keeps no activations; its argument number `deterministic` is no array."""
    # Flax counts `self` as argument 0.
    return nn.remat(layer, static_argnums=(deterministic,))


def segments(
    tokens: Int[Array, "batch length"], segment_ids: Int[Array, "batch length"] | None
) -> Int[Array, "batch length"]:
    """Gives each token's segment, 0 for padding; without packing a row is one segment."""
    return (tokens > 0).astype(jnp.int32) if segment_ids is None else segment_ids * (tokens > 0)


def pairs(
    queries: Int[Array, "batch queries"], keys: Int[Array, "batch keys"]
) -> Bool[Array, "batch 1 queries keys"]:
    """Finds the pairs that are of one segment and no padding."""
    same = queries[:, :, None] == keys[:, None, :]
    return (same & (keys > 0)[:, None, :])[:, None]


def as_bias(mask: Bool[Array, "*batch keys"]) -> Float32[Array, "*batch keys"]:
    """Gives the number that a mask adds to attention logits."""
    return jnp.where(mask, 0.0, MASKED)
