"""Log-likelihoods of given targets: several per input, which is encoded once."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32, Int

from flanrepro.model.network import network
from flanrepro.model.sizes import T5Config
from flanrepro.model.soft_prompt import variables


@functools.partial(jax.jit, static_argnums=0)
def token_log_likelihoods(
    config: T5Config,
    params: dict,
    encoder_input_tokens: Int[Array, "batch inputs"],
    decoder_input_tokens: Int[Array, "batch targets"],
    decoder_target_tokens: Int[Array, "batch targets"],
    decoder_segment_ids: Int[Array, "batch targets"],
) -> Float32[Array, "batch targets"]:
    """Scores each target token given the input and its target's earlier tokens, in nats.

    Compiled once per configuration and shapes. Scores of padding mean nothing.

    Args:
        config, params: the model, as `flanrepro.model.network.init_params` has them.
        encoder_input_tokens: ids of the inputs, padded with 0.
        decoder_input_tokens: ids, each target one to the right.
        decoder_target_tokens: ids, a row's targets one after the other.
        decoder_segment_ids: number of the target that a token is of, from 1; 0 for padding.
    """
    model = network(config)
    logits = model.apply(
        variables(params),
        encoder_input_tokens,
        decoder_input_tokens,
        decoder_segment_ids,
        method=model.option_logits,
    )
    # The log-softmax at the targets alone: over the whole vocabulary it is as large as the logits.
    chosen = jnp.take_along_axis(logits, decoder_target_tokens[..., None], axis=-1)[..., 0]
    return chosen - jax.nn.logsumexp(logits, axis=-1)
