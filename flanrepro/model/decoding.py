"""Greedy decoding with a key-value cache."""

import functools

import jax
import jax.numpy as jnp

from flanrepro.data.vocabulary import EOS
from flanrepro.model.layers import last_argmax
from flanrepro.model.t5 import T5Config, Transformer


@functools.partial(jax.jit, static_argnums=(0, 3))
def greedy_decode(
    config: T5Config, params: dict, encoder_input_tokens: jax.Array, max_length: int
) -> jax.Array:
    """The most likely token at each step, int32 [batch, max_length]; 0 behind EOS.

    Compiled once per configuration and shapes. It stops when every row has ended; rows of padding
    alone count as ended from the start.

    Args:
        config: the model's.
        params: its parameters.
        encoder_input_tokens: int32 [batch, inputs], padded with 0.
        max_length: tokens to generate at most.
    """
    model = Transformer(config)
    apply = functools.partial(model.apply, {"params": params})
    cache = apply(encoder_input_tokens, max_length, method=model.start_decoding)
    batch = encoder_input_tokens.shape[0]

    def unfinished(state):
        index, _, ended, _, _ = state
        return (index < max_length) & ~ended.all()

    def step(state):
        index, tokens, ended, generated, cache = state
        logits, cache = apply(tokens, cache, index, encoder_input_tokens, method=model.decode_step)
        chosen = jnp.where(ended, 0, last_argmax(logits))
        generated = generated.at[:, index].set(chosen)
        return index + 1, chosen[:, None], ended | (chosen == EOS), generated, cache

    state = (
        jnp.zeros((), jnp.int32),
        jnp.zeros((batch, 1), jnp.int32),
        ~(encoder_input_tokens > 0).any(axis=1),
        jnp.zeros((batch, max_length), jnp.int32),
        cache,
    )
    return jax.lax.while_loop(unfinished, step, state)[3]
