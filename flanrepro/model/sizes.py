"""Model sizes, from `nano` for a laptop to T5's `xxl`; no JAX import here."""

from dataclasses import dataclass

from flanrepro.errors import InputError


@dataclass(frozen=True)
class T5Config:
    """T5.1.1's dimensions (Raffel et al., 2020; Shazeer, 2020).

    Attributes:
        vocab_size: number of rows of the embedding, a multiple of 128.
        emb_dim: width of the residual stream (d_model).
        num_heads, head_dim: number of attention heads, and their width (d_kv).
        num_encoder_layers, num_decoder_layers: number of blocks per stack.
        mlp_dim: width of the gated feed-forward layer (d_ff).
        dropout_rate: share of activations that are dropped in training.
        dtype: name of the activations' type; parameters, softmax and logits are float32.
        logits_via_embedding: true if logits are products with the token embedding, over the square
            root of `emb_dim`; false if they have a matrix of their own, as in T5 v1.1, T5-LM and
            Flan-T5.
    """

    vocab_size: int
    emb_dim: int
    num_heads: int
    head_dim: int
    num_encoder_layers: int
    num_decoder_layers: int
    mlp_dim: int
    dropout_rate: float = 0.0
    dtype: str = "float32"
    logits_via_embedding: bool = False


SIZES = {
    # name: emb_dim, num_heads, head_dim, layers per stack, mlp_dim
    "nano": (64, 4, 16, 2, 128),
    "micro": (128, 4, 32, 3, 256),
    "mini": (256, 8, 32, 4, 640),
    # T5 v1.1's own (`small` has 6 heads of 64, not 8)
    "small": (512, 6, 64, 8, 1024),
    "base": (768, 12, 64, 12, 2048),
    "large": (1024, 16, 64, 24, 2816),
    "xl": (2048, 32, 64, 24, 5120),
    "xxl": (4096, 64, 64, 24, 10240),
}


def t5_config(
    size: str, vocab_size: int, dropout_rate: float = 0.0, dtype: str = "float32"
) -> T5Config:
    """Makes the configuration of a size; InputError lists the sizes if it is unknown."""
    if size not in SIZES:
        raise InputError(f"unknown model '{size}': choose one of {', '.join(SIZES)}")
    emb_dim, num_heads, head_dim, layers, mlp_dim = SIZES[size]
    return T5Config(
        vocab_size=vocab_size,
        emb_dim=emb_dim,
        num_heads=num_heads,
        head_dim=head_dim,
        num_encoder_layers=layers,
        num_decoder_layers=layers,
        mlp_dim=mlp_dim,
        dropout_rate=dropout_rate,
        dtype=dtype,
    )
