"""T5.1.1, encoder-decoder, parameter for parameter T5X's tree (`t5x/examples/t5/network.py`)."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Int

from flanrepro.model.kernels import PLAIN, Kernels
from flanrepro.model.layers import (
    MLP,
    Attention,
    Dense,
    Embed,
    RelativePositionBias,
    RMSNorm,
    as_bias,
    pairs,
    rematerialized,
    segments,
)
from flanrepro.model.sizes import T5Config

Cache = list[dict[str, Float[Array, "batch heads _ head_dim"]]]
"""Per decoder layer: `key` and `value` [batch, heads, max_length, head_dim] of the tokens so far,
`encoded_key` and `encoded_value` [batch, heads, inputs, head_dim] of the inputs."""


class EncoderLayer(nn.Module):
    """Self-attention and MLP, each behind a norm and beside a residual path."""

    config: T5Config
    kernels: Kernels = PLAIN

    def setup(self):
        cfg = self.config
        self.pre_attention_layer_norm = RMSNorm(cfg.dtype, self.kernels)
        self.attention = Attention(cfg, self.kernels)
        self.pre_mlp_layer_norm = RMSNorm(cfg.dtype, self.kernels)
        self.mlp = MLP(cfg, self.kernels)
        # One mask for all tokens of a row, here and below, as in T5X.
        self.dropout = nn.Dropout(cfg.dropout_rate, broadcast_dims=(-2,))

    def __call__(
        self,
        x: Float[Array, "batch inputs embed"],
        bias: Float32[Array, "1 heads inputs inputs"],
        mask: Float32[Array, "batch 1 inputs inputs"],
        deterministic: bool,
    ) -> Float[Array, "batch inputs embed"]:
        drop = functools.partial(self.dropout, deterministic=deterministic)
        y = self.pre_attention_layer_norm(x)
        x = x + drop(self.attention(y, y, bias, mask, deterministic))
        return x + drop(self.mlp(self.pre_mlp_layer_norm(x), deterministic))


class DecoderLayer(nn.Module):
    """Self-attention, cross-attention and MLP, each behind a norm and beside a residual path."""

    config: T5Config
    kernels: Kernels = PLAIN

    def setup(self):
        cfg = self.config
        self.pre_self_attention_layer_norm = RMSNorm(cfg.dtype, self.kernels)
        self.self_attention = Attention(cfg, self.kernels)
        self.pre_cross_attention_layer_norm = RMSNorm(cfg.dtype, self.kernels)
        self.encoder_decoder_attention = Attention(cfg, self.kernels)
        self.pre_mlp_layer_norm = RMSNorm(cfg.dtype, self.kernels)
        self.mlp = MLP(cfg, self.kernels)
        self.dropout = nn.Dropout(cfg.dropout_rate, broadcast_dims=(-2,))

    def __call__(
        self,
        x: Float[Array, "batch targets embed"],
        encoded: Float[Array, "batch inputs embed"],
        bias: Float32[Array, "1 heads targets targets"],
        mask: Float32[Array, "batch 1 targets targets"],
        cross_mask: Float32[Array, "batch 1 #targets inputs"],
        deterministic: bool,
    ) -> Float[Array, "batch targets embed"]:
        drop = functools.partial(self.dropout, deterministic=deterministic)
        y = self.pre_self_attention_layer_norm(x)
        x = x + drop(self.self_attention(y, y, bias, mask, deterministic))
        y = self.pre_cross_attention_layer_norm(x)
        x = x + drop(self.encoder_decoder_attention(y, encoded, None, cross_mask, deterministic))
        return x + drop(self.mlp(self.pre_mlp_layer_norm(x), deterministic))

    def step(
        self,
        x: Float[Array, "batch 1 embed"],
        cache: dict[str, Float[Array, "batch heads _ head_dim"]],
        index: Int[Array, ""],
        bias: Float32[Array, "1 heads 1 max_length"],
        mask: Float32[Array, "1 1 1 max_length"],
        cross_mask: Float32[Array, "batch 1 1 inputs"],
    ) -> tuple[Float[Array, "batch 1 embed"], dict[str, Float[Array, "batch heads _ head_dim"]]]:
        """Computes one position; its key and value go into the cache at `index`."""
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


class Encoder(nn.Module):
    """The encoder's layers, with one relative position bias for all of them."""

    config: T5Config
    remat: bool = False
    kernels: Kernels = PLAIN

    def setup(self):
        cfg = self.config
        self.relpos_bias = RelativePositionBias(cfg, bidirectional=True)
        layer = rematerialized(EncoderLayer, 4) if self.remat else EncoderLayer
        self.layers = [layer(cfg, self.kernels) for _ in range(cfg.num_encoder_layers)]
        self.encoder_norm = RMSNorm(cfg.dtype, self.kernels)
        self.dropout = nn.Dropout(cfg.dropout_rate, broadcast_dims=(-2,))

    def __call__(
        self,
        x: Float[Array, "batch inputs embed"],
        mask: Float32[Array, "batch 1 inputs inputs"],
        deterministic: bool,
    ) -> Float[Array, "batch inputs embed"]:
        bias = self.relpos_bias(x.shape[1], x.shape[1])
        x = self.dropout(x, deterministic=deterministic)
        for layer in self.layers:
            x = layer(x, bias, mask, deterministic)
        return self.dropout(self.encoder_norm(x), deterministic=deterministic)


class Decoder(nn.Module):
    """The decoder's layers and its logits, for whole targets or a token at a time."""

    config: T5Config
    remat: bool = False
    kernels: Kernels = PLAIN

    def setup(self):
        cfg = self.config
        self.relpos_bias = RelativePositionBias(cfg, bidirectional=False)
        layer = rematerialized(DecoderLayer, 6) if self.remat else DecoderLayer
        self.layers = [layer(cfg, self.kernels) for _ in range(cfg.num_decoder_layers)]
        self.decoder_norm = RMSNorm(cfg.dtype, self.kernels)
        if not cfg.logits_via_embedding:
            # float32 also in a bfloat16 model: the loss is a difference of logits.
            self.logits_dense = Dense(cfg.vocab_size, "float32")
        self.dropout = nn.Dropout(cfg.dropout_rate, broadcast_dims=(-2,))

    def __call__(
        self,
        y: Float[Array, "batch targets embed"],
        encoded: Float[Array, "batch inputs embed"],
        mask: Float32[Array, "batch 1 targets targets"],
        cross_mask: Float32[Array, "batch 1 #targets inputs"],
        deterministic: bool,
    ) -> Float[Array, "batch targets embed"]:
        """Computes the states that `logits` takes."""
        bias = self.relpos_bias(y.shape[1], y.shape[1])
        y = self.dropout(y, deterministic=deterministic)
        for layer in self.layers:
            y = layer(y, encoded, bias, mask, cross_mask, deterministic)
        return self.dropout(self.decoder_norm(y), deterministic=deterministic)

    def logits(
        self, y: Float[Array, "*batch embed"], embedding: Float32[Array, "vocab embed"]
    ) -> Float32[Array, "*batch vocab"]:
        """Scores every id of the vocabulary."""
        if not self.config.logits_via_embedding:
            return self.logits_dense(y)
        # Divided as in T5 1.0: the embedding's numbers are about 1, a kernel's 1 / sqrt(embed).
        return y.astype(jnp.float32) @ embedding.T / np.sqrt(self.config.emb_dim)

    def start(self, encoded: Float[Array, "batch inputs embed"], max_length: int) -> Cache:
        """Makes an empty cache for `max_length` tokens, with cross-attention's part filled in."""
        # Cross-attention's keys and values are the same for every token.
        cfg, cache = self.config, []
        shape = (encoded.shape[0], cfg.num_heads, max_length, cfg.head_dim)
        for layer in self.layers:
            # Without a barrier XLA moves the transposition of the keys into the loop over tokens.
            key, value = jax.lax.optimization_barrier(
                layer.encoder_decoder_attention.keys_values(encoded)
            )
            empty = jnp.zeros(shape, key.dtype)
            cache.append({"key": empty, "value": empty, "encoded_key": key, "encoded_value": value})
        return cache

    def step(
        self,
        y: Float[Array, "batch 1 embed"],
        cache: Cache,
        index: Int[Array, ""],
        cross_mask: Float32[Array, "batch 1 1 inputs"],
    ) -> tuple[Float[Array, "batch 1 embed"], Cache]:
        """Computes the state after the token at `index`, which is embedded as `y`."""
        length = cache[0]["key"].shape[2]
        # All of the cache is attended to, so that shapes stay: what is not written yet is masked.
        # The row `index` of the biases of all positions: it is known on the device alone.
        bias = jax.lax.dynamic_slice_in_dim(self.relpos_bias(length, length), index, 1, axis=2)
        mask, after = as_bias((jnp.arange(length) <= index)[None, None, None]), []
        for layer, before in zip(self.layers, cache, strict=True):
            y, new = layer.step(y, before, index, bias, mask, cross_mask)
            after.append(new)
        return self.decoder_norm(y), after


class Transformer(nn.Module):
    """T5.1.1 as a whole; token id 0 is padding everywhere.

    Attributes:
        config: dimensions.
        remat: true if a layer's activations are not kept for its gradients, but computed again.
        kernels: forms in which attention, norms and products are computed.
    """

    config: T5Config
    remat: bool = False
    kernels: Kernels = PLAIN

    def setup(self):
        self.token_embedder = Embed(self.config)
        self.encoder = Encoder(self.config, self.remat, self.kernels)
        self.decoder = Decoder(self.config, self.remat, self.kernels)

    def __call__(
        self, *rows: Int[Array, "batch _"] | None, **named
    ) -> Float32[Array, "batch targets vocab"]:
        """Computes logits with the targets given (teacher forcing), see `states`."""
        return self.logits(self.states(*rows, **named))

    def states(
        self,
        encoder_input_tokens: Int[Array, "batch inputs"],
        decoder_input_tokens: Int[Array, "batch targets"],
        decoder_target_tokens: Int[Array, "batch targets"],
        encoder_segment_ids: Int[Array, "batch inputs"] | None = None,
        decoder_segment_ids: Int[Array, "batch targets"] | None = None,
        *,
        deterministic: bool = True,
    ) -> Float[Array, "batch targets embed"]:
        """Computes the decoder's states with the targets given, of which `logits` takes any.

        Args:
            encoder_input_tokens: ids of the inputs.
            decoder_input_tokens: ids of the targets, one to the right.
            decoder_target_tokens: ids of the targets; only their padding is looked at.
            encoder_segment_ids, decoder_segment_ids: number of the packed example that a token is
                of: attention stays inside it. Relative positions are differences, and need no more.
            deterministic: true for no dropout; else an rng `dropout` is needed.
        """
        encoded = self.encode(
            encoder_input_tokens, encoder_segment_ids, deterministic=deterministic
        )
        sources = segments(encoder_input_tokens, encoder_segment_ids)
        targets = segments(decoder_target_tokens, decoder_segment_ids)
        return self._decode(
            encoded, decoder_input_tokens, targets, pairs(targets, sources), deterministic
        )

    def option_logits(
        self,
        encoder_input_tokens: Int[Array, "batch inputs"],
        decoder_input_tokens: Int[Array, "batch targets"],
        decoder_segment_ids: Int[Array, "batch targets"],
    ) -> Float32[Array, "batch targets vocab"]:
        """Computes logits of rows that hold several targets of one input, which is encoded once.

        Args:
            encoder_input_tokens: ids of the inputs, one input per row.
            decoder_input_tokens: ids, each target one to the right.
            decoder_segment_ids: number of the target that a token is of, from 1; 0 for padding.
        """
        # Every target sees the whole input: the segments part the targets from each other alone.
        sources = (encoder_input_tokens > 0)[:, None, None, :]
        encoded = self.encode(encoder_input_tokens)
        y = self._decode(encoded, decoder_input_tokens, decoder_segment_ids, sources, True)
        return self.logits(y)

    def logits(self, states: Float[Array, "*batch embed"]) -> Float32[Array, "*batch vocab"]:
        """Scores every id of the vocabulary."""
        return self.decoder.logits(states, self.token_embedder.embedding)

    def _decode(self, encoded, tokens, segment_ids, sources, deterministic) -> jax.Array:
        mask = pairs(segment_ids, segment_ids) & jnp.tri(tokens.shape[1], dtype=bool)
        y = self.token_embedder(tokens)
        # Masks become numbers once, which every layer adds to its logits.
        return self.decoder(y, encoded, as_bias(mask), as_bias(sources), deterministic)

    def encode(
        self,
        encoder_input_tokens: Int[Array, "batch inputs"],
        encoder_segment_ids: Int[Array, "batch inputs"] | None = None,
        *,
        deterministic: bool = True,
    ) -> Float[Array, "batch inputs embed"]:
        """Computes the encoder's states."""
        sources = segments(encoder_input_tokens, encoder_segment_ids)
        x = self.token_embedder(encoder_input_tokens)
        return self.encoder(x, as_bias(pairs(sources, sources)), deterministic)

    def start_decoding(
        self, encoder_input_tokens: Int[Array, "batch inputs"], max_length: int
    ) -> Cache:
        """Encodes the inputs and gives the decoder's cache before the first token."""
        return self.decoder.start(self.encode(encoder_input_tokens), max_length)

    def decode_step(
        self,
        tokens: Int[Array, "batch 1"],
        cache: Cache,
        index: Int[Array, ""],
        encoder_input_tokens: Int[Array, "batch inputs"],
    ) -> tuple[Float32[Array, "batch vocab"], Cache]:
        """Computes the logits of position `index` from `tokens`, its decoder inputs."""
        cross_mask = as_bias((encoder_input_tokens > 0)[:, None, None, :])
        y, cache = self.decoder.step(self.token_embedder(tokens), cache, index, cross_mask)
        return self.logits(y[:, 0]), cache
