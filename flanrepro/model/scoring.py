"""Log-likelihoods of given targets: several per input, which is encoded once."""

import functools

import jax
import jax.numpy as jnp

from flanrepro.model.t5 import T5Config, Transformer


@functools.partial(jax.jit, static_argnums=0)
def token_log_likelihoods(
    config: T5Config,
    params: dict,
    encoder_input_tokens: jax.Array,
    decoder_input_tokens: jax.Array,
    decoder_target_tokens: jax.Array,
    decoder_segment_ids: jax.Array,
) -> jax.Array:
    """Of each target token given the input and the tokens of its target before it, in nats.

    Compiled once per configuration and shapes.

    Args:
        config, params: the model.
        encoder_input_tokens: int32 [batch, inputs], padded with 0.
        decoder_input_tokens: int32 [batch, targets], each target one to the right.
        decoder_target_tokens: int32 [batch, targets], a row's targets one after the other.
        decoder_segment_ids: int32 [batch, targets], from 1; 0 for padding.

    Returns:
        float32 [batch, targets]; of no meaning where a segment is 0.
    """
    model = Transformer(config)
    logits = model.apply(
        {"params": params},
        encoder_input_tokens,
        decoder_input_tokens,
        decoder_segment_ids,
        method=model.option_logits,
    )
    chosen = jnp.take_along_axis(logits, decoder_target_tokens[..., None], axis=-1)[..., 0]
    return chosen - jax.nn.logsumexp(logits, axis=-1)
