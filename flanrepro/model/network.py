"""The network of a configuration, encoder-decoder or decoder-only, and its parameters."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from flanrepro.model.decoder_only import DecoderOnly
from flanrepro.model.kernels import PLAIN, Kernels
from flanrepro.model.sizes import T5Config
from flanrepro.model.t5 import Transformer


def network(
    config: T5Config, remat: bool = False, kernels: Kernels = PLAIN
) -> Transformer | DecoderOnly:
    """Gives the network of a configuration.

    Both kinds have the methods `option_logits`, `start_decoding` and `decode_step`, with the same
    arguments, so that a model is evaluated without a look at its kind.

    Args:
        config: dimensions.
        remat: true if a layer's activations are not kept for its gradients, but computed again.
        kernels: forms in which attention, norms and products are computed; parameters, and what
            is computed up to rounding, are the same in all of them.
    """
    return (DecoderOnly if config.decoder_only else Transformer)(config, remat, kernels)


def _init(config: T5Config, key: Key[Array, ""]) -> dict:
    # Parameters depend on no length of the inputs, so that the shortest ones do.
    tokens = jnp.ones((1, 2), jnp.int32)
    rows = (tokens, tokens) if config.decoder_only else (tokens, tokens, tokens)
    return network(config).init(key, *rows)["params"]


_init_here = jax.jit(_init, static_argnums=0)


def init_params(config: T5Config, seed: int, shardings: dict | None = None) -> dict:
    """Draws random parameters, a float32 tree of `token_embedder`, `encoder` and `decoder`, or of
    `decoder` alone.

    Args:
        config: dimensions of the model.
        seed: number that decides them, wherever they lie.
        shardings: tree of `NamedSharding`s, where each parameter lies; None: on one device.
    """
    # One jitted function for all calls, so that a sweep of seeds compiles once.
    init = _init_here
    if shardings is not None:
        init = jax.jit(_init, static_argnums=0, out_shardings=shardings)
    return init(config, jax.random.key(seed))


def param_shapes(config: T5Config) -> dict:
    """Gives the tree of `init_params` as `jax.ShapeDtypeStruct`s; nothing is compiled."""
    # Copied: the tree is the caller's, and tracing takes longer than to write a small checkpoint.
    return jax.tree.map(lambda x: x, _param_shapes(config))


@functools.cache
def _param_shapes(config: T5Config) -> dict:
    # One layer per stack is traced: the others are like it, and a file may claim many.
    depths = {"encoder": config.num_encoder_layers, "decoder": config.num_decoder_layers}
    one_each = {f"num_{stack}_layers": min(depth, 1) for stack, depth in depths.items()}
    shallow = dataclasses.replace(config, **one_each)
    shapes = jax.eval_shape(functools.partial(_init, shallow), jax.random.key(0))
    for stack in shapes.keys() & depths.keys():
        depth = depths[stack]
        layer = shapes[stack].pop("layers_0")
        shapes[stack] |= {f"layers_{i}": jax.tree.map(lambda x: x, layer) for i in range(depth)}
    return shapes


def param_count(config: T5Config) -> int:
    """Counts a model's parameters."""
    return sum(leaf.size for leaf in jax.tree.leaves(param_shapes(config)))
