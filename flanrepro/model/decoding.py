"""Greedy decoding with a key-value cache."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from flanrepro.data.vocabulary import EOS
from flanrepro.model.layers import last_argmax
from flanrepro.model.network import network
from flanrepro.model.sizes import T5Config
from flanrepro.model.soft_prompt import variables


@functools.partial(jax.jit, static_argnums=(0, 3))
def greedy_decode(
    config: T5Config,
    params: dict,
    encoder_input_tokens: Int[Array, "batch inputs"],
    max_length: int,
) -> Int[Array, "batch {max_length}"]:
    """Generates the most likely token at each step; ids, 0 behind EOS.

    -1 stands, and ends the row, where the logits are not finite: no token is the most likely.

    Compiled once per configuration and shapes. It stops when every row has ended; rows of padding
    alone count as ended from the start.

    Args:
        config: dimensions of the model.
        params: tree of `flanrepro.model.network.init_params`.
        encoder_input_tokens: ids of the inputs, padded with 0.
        max_length: number of tokens to generate at most.
    """
    model = network(config)
    apply = functools.partial(model.apply, variables(params))
    cache = apply(encoder_input_tokens, max_length, method=model.start_decoding)
    batch = encoder_input_tokens.shape[0]

    def unfinished(state):
        index, _, ended, _, _ = state
        return (index < max_length) & ~ended.all()

    def step(state):
        index, tokens, ended, generated, cache = state
        logits, cache = apply(tokens, cache, index, encoder_input_tokens, method=model.decode_step)
        # A row that has ended still runs with the others; its tokens are padding.
        finite = jnp.isfinite(logits.max(axis=-1))  # NaN or infinity comes through the maximum
        chosen = jnp.where(ended, 0, jnp.where(finite, last_argmax(logits), -1))
        generated = generated.at[:, index].set(chosen)
        return index + 1, chosen[:, None], ended | (chosen == EOS) | ~finite, generated, cache

    state = (
        jnp.zeros((), jnp.int32),
        # T5's decoder starts from the padding id; it has no id of its own for a beginning.
        jnp.zeros((batch, 1), jnp.int32),
        ~(encoder_input_tokens > 0).any(axis=1),
        jnp.zeros((batch, max_length), jnp.int32),
        cache,
    )
    # On the device from the first to the last token: the host would wait for each of them.
    return jax.lax.while_loop(unfinished, step, state)[3]
