"""A table of T5's tensors: our names (T5X's) and those on the Hugging Face Hub."""

import numpy as np

from flanrepro.model import tree
from flanrepro.model.sizes import T5Config

EMBEDDING = "token_embedder/embedding"

_OUTSIDE = {
    EMBEDDING: "shared",
    "encoder/relpos_bias/rel_embedding": "encoder.block.0.layer.0.SelfAttention."
    "relative_attention_bias",
    "decoder/relpos_bias/rel_embedding": "decoder.block.0.layer.0.SelfAttention."
    "relative_attention_bias",
    "encoder/encoder_norm/scale": "encoder.final_layer_norm",
    "decoder/decoder_norm/scale": "decoder.final_layer_norm",
    "decoder/logits_dense/kernel": "lm_head",
}
"""Outside of the layers, their name, without `.weight`, by our path."""

_LAYER = {
    "pre_attention_layer_norm/scale": "0.layer_norm",
    "pre_self_attention_layer_norm/scale": "0.layer_norm",
    "pre_cross_attention_layer_norm/scale": "1.layer_norm",
    "attention/query/kernel": "0.SelfAttention.q",
    "attention/key/kernel": "0.SelfAttention.k",
    "attention/value/kernel": "0.SelfAttention.v",
    "attention/out/kernel": "0.SelfAttention.o",
    "self_attention/query/kernel": "0.SelfAttention.q",
    "self_attention/key/kernel": "0.SelfAttention.k",
    "self_attention/value/kernel": "0.SelfAttention.v",
    "self_attention/out/kernel": "0.SelfAttention.o",
    "encoder_decoder_attention/query/kernel": "1.EncDecAttention.q",
    "encoder_decoder_attention/key/kernel": "1.EncDecAttention.k",
    "encoder_decoder_attention/value/kernel": "1.EncDecAttention.v",
    "encoder_decoder_attention/out/kernel": "1.EncDecAttention.o",
    "pre_mlp_layer_norm/scale": "{last}.layer_norm",
    "mlp/wi_0/kernel": "{last}.DenseReluDense.wi_0",
    "mlp/wi_1/kernel": "{last}.DenseReluDense.wi_1",
    "mlp/wo/kernel": "{last}.DenseReluDense.wo",
}
"""Inside a layer, their path below `block.i.layer` by ours."""


def tensor_names(config: T5Config) -> dict[str, str]:
    """Gives the Hub's name of every leaf of our parameter tree, by its path (`tree.flat`)."""
    return {path: f"{_name(path)}.weight" for path in tree.flat(shapes(config))}


def _name(path: str) -> str:
    if path in _OUTSIDE:
        return _OUTSIDE[path]
    stack, layer, inside = path.split("/", 2)
    # The MLP follows one attention in the encoder, two in the decoder.
    theirs = _LAYER[inside].format(last=1 if stack == "encoder" else 2)
    return f"{stack}.block.{layer.removeprefix('layers_')}.layer.{theirs}"


def turned(path: str, array: np.ndarray) -> np.ndarray:
    """Turns our layout into theirs, or theirs into ours.

    There a kernel is [outputs, inputs] and a relative bias [buckets, heads]; the embedding is
    [vocab, embed] in both, and norms have one axis.
    """
    return array if path == EMBEDDING else array.T


def shapes(config: T5Config) -> dict:
    """Gives our parameter tree's shapes, see `flanrepro.model.network.param_shapes`."""
    # Here, because it imports JAX and Flax.
    from flanrepro.model.network import param_shapes

    return param_shapes(config)
