"""T5.1.1's decoder alone, a language model whose inputs are the beginning of its row.

It has the layers of LaMDA-PT, from which FLAN was tuned (relative positions and gated GELU as in
T5; Thoppilan et al., 2022), and the parameter tree of `t5x/examples/decoder_only/network.py`. A row
is the inputs with their EOS, then the targets with theirs; what is read at a position is the token
before it, and 0 at the first.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32, Int

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
from flanrepro.model.sizes import DecoderOnlyConfig

Cache = list[dict[str, Float[Array, "batch heads slots head_dim"]]]
"""Per layer: `key` and `value` of the inputs' positions, one more than the inputs have ids, and
then of the positions that are generated, the first of which reads the inputs' last token."""


class Layer(nn.Module):
    """Self-attention and MLP, each behind a norm and beside a residual path."""

    config: DecoderOnlyConfig
    kernels: Kernels = PLAIN

    def setup(self):
        cfg = self.config
        self.pre_self_attention_layer_norm = RMSNorm(cfg.dtype, self.kernels)
        self.self_attention = Attention(cfg, self.kernels)
        self.pre_mlp_layer_norm = RMSNorm(cfg.dtype, self.kernels)
        self.mlp = MLP(cfg, self.kernels)
        # One mask for all tokens of a row, as in T5X.
        self.dropout = nn.Dropout(cfg.dropout_rate, broadcast_dims=(-2,))

    def __call__(
        self,
        x: Float[Array, "batch length embed"],
        bias: Float32[Array, "1 heads length length"] | None,
        mask: Float32[Array, "*batch length length"],
        deterministic: bool,
    ) -> Float[Array, "batch length embed"]:
        return self.with_keys_values(x, bias, mask, deterministic)[0]

    def with_keys_values(self, x, bias, mask, deterministic) -> tuple[jax.Array, ...]:
        """Computes the layer's states, and the keys and values of its attention."""
        drop = functools.partial(self.dropout, deterministic=deterministic)
        y = self.pre_self_attention_layer_norm(x)
        y, keys, values = self.self_attention.with_keys_values(y, y, bias, mask, deterministic)
        x = x + drop(y)
        return x + drop(self.mlp(self.pre_mlp_layer_norm(x), deterministic)), keys, values

    def step(
        self,
        x: Float[Array, "batch 1 embed"],
        cache: dict[str, Float[Array, "batch heads slots head_dim"]],
        slot: Int[Array, ""],
        mask: Float32[Array, "batch heads 1 slots"],
    ) -> tuple[Float[Array, "batch 1 embed"], dict[str, jax.Array]]:
        """Computes one position; its key and value go into the cache's `slot`."""
        y = self.pre_self_attention_layer_norm(x)
        key, value = self.self_attention.keys_values(y)
        write = functools.partial(jax.lax.dynamic_update_slice_in_dim, axis=2)
        cache = {
            "key": write(cache["key"], key, slot),
            "value": write(cache["value"], value, slot),
        }
        x = x + self.self_attention.attend(y, cache["key"], cache["value"], None, mask)
        return x + self.mlp(self.pre_mlp_layer_norm(x)), cache


class Decoder(nn.Module):
    """Embedding, layers and logits."""

    config: DecoderOnlyConfig
    remat: bool = False
    kernels: Kernels = PLAIN

    def setup(self):
        cfg = self.config
        self.token_embedder = Embed(cfg)
        # T5X's decoder-only network has no distances to what comes later, in a prefix neither.
        self.relpos_bias = RelativePositionBias(cfg, bidirectional=False)
        layer = rematerialized(Layer, 4) if self.remat else Layer
        self.layers = [layer(cfg, self.kernels) for _ in range(cfg.num_decoder_layers)]
        self.decoder_norm = RMSNorm(cfg.dtype, self.kernels)
        if not cfg.logits_via_embedding:
            # float32 also in a bfloat16 model: the loss is a difference of logits.
            self.logits_dense = Dense(cfg.vocab_size, "float32")
        self.dropout = nn.Dropout(cfg.dropout_rate, broadcast_dims=(-2,))

    def __call__(
        self,
        tokens: Int[Array, "batch length"],
        mask: Bool[Array, "batch 1 length length"],
        chosen: Bool[Array, "batch targets length"] | None,
        deterministic: bool,
    ) -> Float[Array, "batch _ embed"]:
        """Computes the states, for `logits`, of rows whose distances are those of their indices."""
        bias, mask = self.relpos_bias(tokens.shape[1], tokens.shape[1]), as_bias(mask)
        x = self.dropout(self.token_embedder(tokens), deterministic=deterministic)
        for layer in self.layers:
            x = layer(x, bias, mask, deterministic)
        x = self.dropout(self.decoder_norm(x), deterministic=deterministic)
        return x if chosen is None else chosen.astype(x.dtype) @ x

    def logits(self, x: Float[Array, "*batch embed"]) -> Float32[Array, "*batch vocab"]:
        """Scores every id of the vocabulary."""
        if not self.config.logits_via_embedding:
            return self.logits_dense(x)
        embedding = self.token_embedder.embedding
        return x.astype(jnp.float32) @ embedding.T / np.sqrt(self.config.emb_dim)

    def options(
        self,
        tokens: Int[Array, "batch length"],
        positions: Int[Array, "batch length"],
        mask: Bool[Array, "batch 1 length length"],
        first: int,
    ) -> Float32[Array, "batch options vocab"]:
        """Computes the logits from index `first` on of rows with positions of their own."""
        distances = positions[:, :, None] - positions[:, None, :]
        mask = as_bias(mask) + self.relpos_bias.at(distances, tokens.shape[1])
        x = self.token_embedder(tokens)
        for layer in self.layers:
            x = layer(x, None, mask, True)
        return self.logits(self.decoder_norm(x[:, first:]))

    def start(
        self,
        tokens: Int[Array, "batch length"],
        mask: Bool[Array, "batch 1 length length"],
        max_length: int,
    ) -> Cache:
        """Gives the cache of the inputs, with room for `max_length` positions more."""
        bias, mask = self.relpos_bias(tokens.shape[1], tokens.shape[1]), as_bias(mask)
        x, cache = self.token_embedder(tokens), []
        room = [(0, 0), (0, 0), (0, max_length), (0, 0)]
        for layer in self.layers:
            x, keys, values = layer.with_keys_values(x, bias, mask, True)
            cache.append({"key": jnp.pad(keys, room), "value": jnp.pad(values, room)})
        return cache

    def step(
        self,
        tokens: Int[Array, "batch 1"],
        cache: Cache,
        slot: Int[Array, ""],
        distances: Int[Array, "batch 1 slots"],
        mask: Bool[Array, "batch 1 1 slots"],
    ) -> tuple[Float32[Array, "batch vocab"], Cache]:
        """Computes the logits of one position, which goes into the cache's `slot`."""
        mask = as_bias(mask) + self.relpos_bias.at(distances, distances.shape[2])
        x, after = self.token_embedder(tokens), []
        for layer, before in zip(self.layers, cache, strict=True):
            x, new = layer.step(x, before, slot, mask)
            after.append(new)
        return self.logits(self.decoder_norm(x[:, 0])), after


class DecoderOnly(nn.Module):
    """The decoder-only model as a whole, used as `flanrepro.model.t5.Transformer` is.

    Token id 0 is padding everywhere.

    Attributes:
        config: dimensions.
        remat: true if a layer's activations are not kept for its gradients, but computed again.
        kernels: forms in which attention, norms and products are computed.
    """

    config: DecoderOnlyConfig
    remat: bool = False
    kernels: Kernels = PLAIN

    def setup(self):
        self.decoder = Decoder(self.config, self.remat, self.kernels)

    def __call__(
        self, *rows: Int[Array, "batch _"] | None, **named
    ) -> Float32[Array, "batch _ vocab"]:
        """Computes logits with all tokens given (teacher forcing), see `states`."""
        return self.logits(self.states(*rows, **named))

    def logits(self, states: Float[Array, "*batch embed"]) -> Float32[Array, "*batch vocab"]:
        """Scores every id of the vocabulary."""
        return self.decoder.logits(states)

    def states(
        self,
        decoder_input_tokens: Int[Array, "batch length"],
        decoder_target_tokens: Int[Array, "batch length"],
        decoder_segment_ids: Int[Array, "batch length"] | None = None,
        decoder_causal_attention: Int[Array, "batch length"] | None = None,
        chosen: Bool[Array, "batch targets length"] | None = None,
        *,
        deterministic: bool = True,
    ) -> Float[Array, "batch _ embed"]:
        """Computes the states with all tokens given, of which `logits` takes any.

        Args:
            decoder_input_tokens: ids of the row, one to the right.
            decoder_target_tokens: ids of the row; only their padding is looked at.
            decoder_segment_ids: number of the packed example that a token is of: attention stays
                inside it.
            decoder_causal_attention: 1 where an example's positions all see each other, its
                prefix (T5X's name); None, or in a causal model: nowhere.
            chosen: true where a position is the n-th that a state is given of; None: states are
                given of all positions.
            deterministic: true for no dropout; else an rng `dropout` is needed.
        """
        own = segments(decoder_target_tokens, decoder_segment_ids)
        before = jnp.tri(decoder_input_tokens.shape[1], dtype=bool)
        if decoder_causal_attention is not None and not self.config.causal:
            prefix = decoder_causal_attention > 0
            before = before | (prefix[:, None, :, None] & prefix[:, None, None, :])
        mask = pairs(own, own) & before
        return self.decoder(decoder_input_tokens, mask, chosen, deterministic)

    def option_logits(
        self,
        encoder_input_tokens: Int[Array, "batch inputs"],
        decoder_input_tokens: Int[Array, "batch targets"],
        decoder_segment_ids: Int[Array, "batch targets"],
    ) -> Float32[Array, "batch targets vocab"]:
        """Computes logits of several targets of one input, which is read once.

        Args:
            encoder_input_tokens: ids of the inputs, one input per row, padded behind.
            decoder_input_tokens: ids, each target one to the right, with 0 as its first.
            decoder_segment_ids: number of the target that a token is of, from 1; 0 for padding.
        """
        read, inside, last = self._inputs(encoder_input_tokens)
        count = inside.sum(axis=1, keepdims=True) - 1
        # Each target's first position is that which reads the inputs' last token.
        tokens = jnp.where(decoder_input_tokens == 0, last, decoder_input_tokens)
        index = jnp.arange(tokens.shape[1])
        begins = decoder_segment_ids != jnp.roll(decoder_segment_ids, 1, axis=1).at[:, 0].set(0)
        start = jax.lax.cummax(jnp.where(begins, index, 0), axis=1)
        positions = jnp.concatenate(
            [jnp.broadcast_to(jnp.arange(read.shape[1]), read.shape), count + index - start], axis=1
        )
        own = pairs(decoder_segment_ids, decoder_segment_ids) & jnp.tri(tokens.shape[1], dtype=bool)
        # The inputs' last position is seen in the target's own copy of it.
        seen = self._before_last(inside)[:, None, None, :]
        seen = jnp.broadcast_to(seen, (*own.shape[:3], read.shape[1]))
        none = jnp.zeros((len(read), 1, *read.shape[1:], tokens.shape[1]), bool)
        mask = jnp.concatenate(
            [
                jnp.concatenate([self._prefix_mask(inside), none], axis=3),
                jnp.concatenate([seen, own], axis=3),
            ],
            axis=2,
        )
        row = jnp.concatenate([read, tokens], axis=1)
        return self.decoder.options(row, positions, mask, read.shape[1])

    def start_decoding(
        self, encoder_input_tokens: Int[Array, "batch inputs"], max_length: int
    ) -> Cache:
        """Reads the inputs, and gives the cache before the first token."""
        read, inside, _ = self._inputs(encoder_input_tokens)
        return self.decoder.start(read, self._prefix_mask(inside), max_length)

    def decode_step(
        self,
        tokens: Int[Array, "batch 1"],
        cache: Cache,
        index: Int[Array, ""],
        encoder_input_tokens: Int[Array, "batch inputs"],
    ) -> tuple[Float32[Array, "batch vocab"], Cache]:
        """Computes the logits of target `index` from `tokens`, which the first does not look at."""
        _, inside, last = self._inputs(encoder_input_tokens)
        width, slots = inside.shape[1], cache[0]["key"].shape[2]
        count = inside.sum(axis=1, keepdims=True) - 1
        slot = jnp.arange(slots)
        positions = jnp.where(slot < width, slot, count + slot - width)
        seen = jnp.pad(self._before_last(inside), [(0, 0), (0, slots - width)])
        seen = seen | ((slot >= width) & (slot <= width + index))
        return self.decoder.step(
            jnp.where(index == 0, last, tokens),
            cache,
            width + index,
            (count + index - positions)[:, None],
            seen[:, None, None],
        )

    def _inputs(self, tokens) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Gives what the inputs' positions read, which of them there are, and the last token."""
        inside = jnp.pad(tokens > 0, [(0, 0), (1, 0)], constant_values=True)
        read = jnp.pad(tokens, [(0, 0), (1, 0)])
        last = jnp.take_along_axis(read, inside.sum(axis=1, keepdims=True) - 1, axis=1)
        return read, inside, last

    def _before_last(self, inside: Bool[Array, "batch width"]) -> Bool[Array, "batch width"]:
        return jnp.arange(inside.shape[1]) < inside.sum(axis=1, keepdims=True) - 1

    def _prefix_mask(
        self, inside: Bool[Array, "batch width"]
    ) -> Bool[Array, "batch 1 width width"]:
        mask = (inside[:, :, None] & inside[:, None, :])[:, None]
        return mask & jnp.tri(inside.shape[1], dtype=bool) if self.config.causal else mask
