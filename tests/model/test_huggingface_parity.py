"""Against Hugging Face's T5 (`google/t5-v1_1-*`'s architecture) with the same random weights."""

import jax
import numpy as np
import pytest

from flanrepro.model.t5 import Transformer, init_params

NAMES = {
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
"""Inside a layer: our path, and theirs below `block.i.layer`."""


def leaf(tree, path):
    for name in path.split("/"):
        tree = tree.get(name) if tree else None
    return None if tree is None else np.asarray(tree)


def state_dict(config, params):
    """Our parameters under Hugging Face's names; a kernel there is [outputs, inputs]."""
    embedding = leaf(params, "token_embedder/embedding")
    state = {
        "shared.weight": embedding,
        "encoder.embed_tokens.weight": embedding,
        "decoder.embed_tokens.weight": embedding,
        "lm_head.weight": leaf(params, "decoder/logits_dense/kernel").T,
    }
    for stack, layers, last in (
        ("encoder", config.num_encoder_layers, 1),
        ("decoder", config.num_decoder_layers, 2),
    ):
        first = f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        state[first] = leaf(params, f"{stack}/relpos_bias/rel_embedding").T
        state[f"{stack}.final_layer_norm.weight"] = leaf(params, f"{stack}/{stack}_norm/scale")
        for i in range(layers):
            for ours, theirs in NAMES.items():
                value = leaf(params, f"{stack}/layers_{i}/{ours}")
                if value is not None:
                    state[f"{stack}.block.{i}.layer.{theirs.format(last=last)}.weight"] = value.T
    return state


@pytest.fixture(scope="module")
def hugging_face(config):
    pytest.importorskip("torch", reason="PyTorch is not installed (extra `interop`)")
    pytest.importorskip(
        "transformers.models.t5.modeling_t5",
        reason="transformers, or what it needs of PyTorch, is not installed (extra `interop`)",
        exc_type=ImportError,
    )
    import transformers

    hf_config = transformers.T5Config(
        vocab_size=config.vocab_size,
        d_model=config.emb_dim,
        d_kv=config.head_dim,
        d_ff=config.mlp_dim,
        num_layers=config.num_encoder_layers,
        num_decoder_layers=config.num_decoder_layers,
        num_heads=config.num_heads,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
        dropout_rate=0.0,
        decoder_start_token_id=0,
    )
    # As an argument it only turns off the scaling of tied logits; transformers 5 ties them anyway.
    hf_config.tie_word_embeddings = False
    return transformers.T5ForConditionalGeneration(hf_config).eval()


# Loud attention turns float32's rounding into more than 1e-4; a wrong bucket would make it 1.
@pytest.mark.parametrize("loud, tolerance", [(False, 1e-4), (True, 2e-3)])
def test_logits_are_hugging_face_s(config, params, tokens, hugging_face, loud, tolerance):
    import torch

    params = params if loud else init_params(config, seed=0)
    state = {name: torch.tensor(value) for name, value in state_dict(config, params).items()}
    hugging_face.load_state_dict(state, strict=True)
    inputs, targets = tokens(2, 200), tokens(2, 150)
    inputs[0, 120:] = 0
    decoder_inputs = np.pad(targets, ((0, 0), (1, 0)))[:, :-1]
    ours = jax.jit(Transformer(config).apply)({"params": params}, inputs, decoder_inputs, targets)
    ids = torch.tensor(inputs, dtype=torch.long)
    with torch.no_grad():
        theirs = hugging_face(
            input_ids=ids,
            attention_mask=(ids > 0).long(),
            decoder_input_ids=torch.tensor(decoder_inputs, dtype=torch.long),
        ).logits
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=0, atol=tolerance)
