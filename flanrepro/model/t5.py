"""T5.1.1, encoder-decoder, parameter for parameter T5X's tree (`t5x/examples/t5/network.py`)."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from flanrepro.model.host_memory import reuse_host_memory
from flanrepro.model.layers import (
    MASKED,
    MLP,
    Attention,
    Dense,
    Embed,
    RelativePositionBias,
    RMSNorm,
)
from flanrepro.model.sizes import T5Config, t5_config

__all__ = ["T5Config", "Transformer", "init_params", "param_count", "t5_config"]

# Here, because it must come before JAX starts its threads, and whoever has a model imports this.
reuse_host_memory()

Cache = list[dict[str, jax.Array]]
"""Per decoder layer: `key`, `value` [batch, heads, max_length, head_dim] of the tokens so far, and
`encoded_key`, `encoded_value` [batch, heads, inputs, head_dim]."""


class EncoderLayer(nn.Module):
    config: T5Config

    def setup(self):
        cfg = self.config
        self.pre_attention_layer_norm = RMSNorm(cfg.dtype)
        self.attention = Attention(cfg)
        self.pre_mlp_layer_norm = RMSNorm(cfg.dtype)
        self.mlp = MLP(cfg)
        self.dropout = nn.Dropout(cfg.dropout_rate, broadcast_dims=(-2,))

    def __call__(
        self, x: jax.Array, bias: jax.Array, mask: jax.Array, deterministic: bool
    ) -> jax.Array:
        drop = functools.partial(self.dropout, deterministic=deterministic)
        y = self.pre_attention_layer_norm(x)
        x = x + drop(self.attention(y, y, bias, mask, deterministic))
        return x + drop(self.mlp(self.pre_mlp_layer_norm(x), deterministic))


class DecoderLayer(nn.Module):
    config: T5Config

    def setup(self):
        cfg = self.config
        self.pre_self_attention_layer_norm = RMSNorm(cfg.dtype)
        self.self_attention = Attention(cfg)
        self.pre_cross_attention_layer_norm = RMSNorm(cfg.dtype)
        self.encoder_decoder_attention = Attention(cfg)
        self.pre_mlp_layer_norm = RMSNorm(cfg.dtype)
        self.mlp = MLP(cfg)
        self.dropout = nn.Dropout(cfg.dropout_rate, broadcast_dims=(-2,))

    def __call__(
        self,
        x: jax.Array,
        encoded: jax.Array,
        bias: jax.Array,
        mask: jax.Array,
        cross_mask: jax.Array,
        deterministic: bool,
    ) -> jax.Array:
        drop = functools.partial(self.dropout, deterministic=deterministic)
        y = self.pre_self_attention_layer_norm(x)
        x = x + drop(self.self_attention(y, y, bias, mask, deterministic))
        y = self.pre_cross_attention_layer_norm(x)
        x = x + drop(self.encoder_decoder_attention(y, encoded, None, cross_mask, deterministic))
        return x + drop(self.mlp(self.pre_mlp_layer_norm(x), deterministic))

    def step(
        self,
        x: jax.Array,
        cache: dict,
        index: jax.Array,
        bias: jax.Array,
        mask: jax.Array,
        cross_mask: jax.Array,
    ) -> tuple[jax.Array, dict]:
        """One position [batch, 1, embed]; its key and value go into the cache at `index`."""
        y = self.pre_self_attention_layer_norm(x)
        key, value = self.self_attention.keys_values(y)
        write = functools.partial(jax.lax.dynamic_update_slice_in_dim, axis=2)
        cache = cache | {
            "key": write(cache["key"], key, index),
            "value": write(cache["value"], value, index),
        }
        x = x + self.self_attention.attend(y, cache["key"], cache["value"], bias, mask)
        y = self.pre_cross_attention_layer_norm(x)
        x = x + self.encoder_decoder_attention.attend(
            y, cache["encoded_key"], cache["encoded_value"], None, cross_mask
        )
        return x + self.mlp(self.pre_mlp_layer_norm(x)), cache


def _rematerialized(layer: type[nn.Module], deterministic: int) -> type[nn.Module]:
    """Of its arguments, the one at position `deterministic`, after `self`, is no array."""
    return nn.remat(layer, static_argnums=(deterministic,))


class Encoder(nn.Module):
    config: T5Config
    remat: bool = False

    def setup(self):
        cfg = self.config
        self.relpos_bias = RelativePositionBias(cfg, bidirectional=True)
        layer = _rematerialized(EncoderLayer, 4) if self.remat else EncoderLayer
        self.layers = [layer(cfg) for _ in range(cfg.num_encoder_layers)]
        self.encoder_norm = RMSNorm(cfg.dtype)
        self.dropout = nn.Dropout(cfg.dropout_rate, broadcast_dims=(-2,))

    def __call__(self, x: jax.Array, mask: jax.Array, deterministic: bool) -> jax.Array:
        bias = self.relpos_bias(x.shape[1], x.shape[1])
        x = self.dropout(x, deterministic=deterministic)
        for layer in self.layers:
            x = layer(x, bias, mask, deterministic)
        return self.dropout(self.encoder_norm(x), deterministic=deterministic)


class Decoder(nn.Module):
    config: T5Config
    remat: bool = False

    def setup(self):
        cfg = self.config
        self.relpos_bias = RelativePositionBias(cfg, bidirectional=False)
        layer = _rematerialized(DecoderLayer, 6) if self.remat else DecoderLayer
        self.layers = [layer(cfg) for _ in range(cfg.num_decoder_layers)]
        self.decoder_norm = RMSNorm(cfg.dtype)
        if not cfg.logits_via_embedding:
            self.logits_dense = Dense(cfg.vocab_size, "float32")
        self.dropout = nn.Dropout(cfg.dropout_rate, broadcast_dims=(-2,))

    def __call__(
        self,
        y: jax.Array,
        encoded: jax.Array,
        mask: jax.Array,
        cross_mask: jax.Array,
        deterministic: bool,
    ) -> jax.Array:
        """States [batch, targets, embed] that `logits` takes."""
        bias = self.relpos_bias(y.shape[1], y.shape[1])
        y = self.dropout(y, deterministic=deterministic)
        for layer in self.layers:
            y = layer(y, encoded, bias, mask, cross_mask, deterministic)
        return self.dropout(self.decoder_norm(y), deterministic=deterministic)

    def logits(self, y: jax.Array, embedding: jax.Array) -> jax.Array:
        """float32 [..., vocab] of states [..., embed]."""
        if not self.config.logits_via_embedding:
            return self.logits_dense(y)
        return y.astype(jnp.float32) @ embedding.T / np.sqrt(self.config.emb_dim)

    def start(self, encoded: jax.Array, max_length: int) -> Cache:
        """An empty cache for `max_length` tokens; cross-attention's part is computed here, once."""
        cfg, cache = self.config, []
        shape = (encoded.shape[0], cfg.num_heads, max_length, cfg.head_dim)
        for layer in self.layers:
            # Else XLA moves the transposition of the keys into the loop over tokens.
            key, value = jax.lax.optimization_barrier(
                layer.encoder_decoder_attention.keys_values(encoded)
            )
            empty = jnp.zeros(shape, key.dtype)
            cache.append({"key": empty, "value": empty, "encoded_key": key, "encoded_value": value})
        return cache

    def step(
        self, y: jax.Array, cache: Cache, index: jax.Array, cross_mask: jax.Array
    ) -> tuple[jax.Array, Cache]:
        """The state after the token at `index`, embedded as y; both [batch, 1, embed]."""
        length = cache[0]["key"].shape[2]
        bias = jax.lax.dynamic_slice_in_dim(self.relpos_bias(length, length), index, 1, axis=2)
        mask, after = _as_bias((jnp.arange(length) <= index)[None, None, None]), []
        for layer, before in zip(self.layers, cache, strict=True):
            y, new = layer.step(y, before, index, bias, mask, cross_mask)
            after.append(new)
        return self.decoder_norm(y), after


class Transformer(nn.Module):
    """The whole model; token id 0 is padding everywhere.

    With `remat`, a layer's activations are not kept for its gradients, but computed again.
    """

    config: T5Config
    remat: bool = False

    def setup(self):
        self.token_embedder = Embed(self.config)
        self.encoder = Encoder(self.config, self.remat)
        self.decoder = Decoder(self.config, self.remat)

    def __call__(
        self,
        encoder_input_tokens: jax.Array,
        decoder_input_tokens: jax.Array,
        decoder_target_tokens: jax.Array,
        encoder_segment_ids: jax.Array | None = None,
        decoder_segment_ids: jax.Array | None = None,
        *,
        deterministic: bool = True,
    ) -> jax.Array:
        """Logits float32 [batch, targets, vocab] with the targets given (teacher forcing).

        Args:
            encoder_input_tokens: int32 [batch, inputs].
            decoder_input_tokens: int32 [batch, targets], the targets one to the right.
            decoder_target_tokens: int32 [batch, targets]; only its padding is looked at.
            encoder_segment_ids, decoder_segment_ids: of packed examples: attention stays inside a
                segment. Relative positions need no more: inside a segment they are differences.
            deterministic: no dropout; else an rng `dropout` is needed.
        """
        encoded = self.encode(
            encoder_input_tokens, encoder_segment_ids, deterministic=deterministic
        )
        sources = _segments(encoder_input_tokens, encoder_segment_ids)
        targets = _segments(decoder_target_tokens, decoder_segment_ids)
        return self._decode(
            encoded, decoder_input_tokens, targets, _pairs(targets, sources), deterministic
        )

    def option_logits(
        self,
        encoder_input_tokens: jax.Array,
        decoder_input_tokens: jax.Array,
        decoder_segment_ids: jax.Array,
    ) -> jax.Array:
        """Logits float32 [batch, targets, vocab] of rows that hold several targets of one input.

        Args:
            encoder_input_tokens: int32 [batch, inputs], one input per row: it is encoded once.
            decoder_input_tokens: int32 [batch, targets], each target one to the right.
            decoder_segment_ids: int32 [batch, targets]: which target a token is of, from 1; 0 for
                padding.
        """
        sources = (encoder_input_tokens > 0)[:, None, None, :]
        encoded = self.encode(encoder_input_tokens)
        return self._decode(encoded, decoder_input_tokens, decoder_segment_ids, sources, True)

    def _decode(self, encoded, tokens, segment_ids, sources, deterministic) -> jax.Array:
        mask = _pairs(segment_ids, segment_ids) & jnp.tri(tokens.shape[1], dtype=bool)
        y = self.token_embedder(tokens)
        y = self.decoder(y, encoded, _as_bias(mask), _as_bias(sources), deterministic)
        return self.decoder.logits(y, self.token_embedder.embedding)

    def encode(
        self,
        encoder_input_tokens: jax.Array,
        encoder_segment_ids: jax.Array | None = None,
        *,
        deterministic: bool = True,
    ) -> jax.Array:
        """Encoder states [batch, inputs, embed]."""
        sources = _segments(encoder_input_tokens, encoder_segment_ids)
        x = self.token_embedder(encoder_input_tokens)
        return self.encoder(x, _as_bias(_pairs(sources, sources)), deterministic)

    def start_decoding(self, encoder_input_tokens: jax.Array, max_length: int) -> Cache:
        """Encodes the inputs and gives the decoder's cache before the first token."""
        return self.decoder.start(self.encode(encoder_input_tokens), max_length)

    def decode_step(
        self, tokens: jax.Array, cache: Cache, index: jax.Array, encoder_input_tokens: jax.Array
    ) -> tuple[jax.Array, Cache]:
        """Logits [batch, vocab] of position `index` from its decoder inputs, tokens [batch, 1]."""
        cross_mask = _as_bias((encoder_input_tokens > 0)[:, None, None, :])
        y, cache = self.decoder.step(self.token_embedder(tokens), cache, index, cross_mask)
        return self.decoder.logits(y[:, 0], self.token_embedder.embedding), cache


def _segments(tokens: jax.Array, segment_ids: jax.Array | None) -> jax.Array:
    """Segment of each token, 0 for padding; without packing a row is one segment."""
    return (tokens > 0).astype(jnp.int32) if segment_ids is None else segment_ids * (tokens > 0)


def _pairs(queries: jax.Array, keys: jax.Array) -> jax.Array:
    """bool [batch, 1, queries, keys]: of one segment and no padding."""
    same = queries[:, :, None] == keys[:, None, :]
    return (same & (keys > 0)[:, None, :])[:, None]


def _as_bias(mask: jax.Array) -> jax.Array:
    """What a mask adds to attention logits, float32."""
    return jnp.where(mask, 0.0, MASKED)


def _init(config: T5Config, key: jax.Array) -> dict:
    tokens = jnp.ones((1, 2), jnp.int32)
    return Transformer(config).init(key, tokens, tokens, tokens)["params"]


_init_here = jax.jit(_init, static_argnums=0)


def init_params(config: T5Config, seed: int, shardings: dict | None = None) -> dict:
    """Random parameters, float32: `token_embedder`, `encoder`, `decoder`.

    Args:
        config: of the model.
        seed: gives the same ones wherever they lie.
        shardings: where each lies, in the same tree; None: on one device.
    """
    init = _init_here
    if shardings is not None:
        init = jax.jit(_init, static_argnums=0, out_shardings=shardings)
    return init(config, jax.random.key(seed))


def param_shapes(config: T5Config) -> dict:
    """`jax.ShapeDtypeStruct`s in the tree of `init_params`: to compile that takes seconds."""
    return jax.eval_shape(functools.partial(_init, config), jax.random.key(0))


def param_count(config: T5Config) -> int:
    """Number of parameters."""
    return sum(leaf.size for leaf in jax.tree.leaves(param_shapes(config)))
