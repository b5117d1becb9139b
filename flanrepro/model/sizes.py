"""Model sizes, from `nano` for a laptop to T5's `xxl`, and `lm-` ones; no JAX import here."""

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

    @property
    def decoder_only(self) -> bool:
        """True for a `DecoderOnlyConfig`."""
        return False

    @property
    def parameters(self) -> int:
        """Number of parameters, from the dimensions alone."""
        width = self.num_heads * self.head_dim
        # A sublayer has a norm's scale of its own; the feed-forward layer is gated.
        attention = 4 * self.emb_dim * width + self.emb_dim
        mlp = 3 * self.emb_dim * self.mlp_dim + self.emb_dim
        # Each stack ends with a norm, and its layers share 32 relative positions per head.
        ends = self.emb_dim + 32 * self.num_heads
        across = 0 if self.decoder_only else attention  # attention to the encoder's outputs
        encoder = self.num_encoder_layers * (attention + mlp) + ends
        decoder = self.num_decoder_layers * (attention + across + mlp) + ends
        embeddings = self.vocab_size * self.emb_dim * (1 if self.logits_via_embedding else 2)
        return embeddings + decoder + (0 if self.decoder_only else encoder)


@dataclass(frozen=True)
class DecoderOnlyConfig(T5Config):
    """Dimensions of T5.1.1's decoder alone, without layers of an encoder.

    FLAN was tuned from such a model (Wei et al., 2021, section 2.4).

    Attributes:
        causal: true if inputs, too, are read from left to right, as by LaMDA-PT; else the model is
            a prefix language model, whose inputs all see each other (Raffel et al., 2020, section
            3.2.1).
    """

    causal: bool = False

    @property
    def decoder_only(self) -> bool:
        return True


SIZES = {
    # name: emb_dim, num_heads, head_dim, layers per stack, mlp_dim
    "nano": (64, 4, 16, 2, 128),
    "micro": (64, 4, 16, 4, 128),
    "mini": (256, 8, 32, 4, 640),
    # T5 v1.1's own (`small` has 6 heads of 64, not 8)
    "small": (512, 6, 64, 8, 1024),
    "base": (768, 12, 64, 12, 2048),
    "large": (1024, 16, 64, 24, 2816),
    "xl": (2048, 32, 64, 24, 5120),
    "xxl": (4096, 64, 64, 24, 10240),
}


DECODER_ONLY_SIZES = {
    # The layers that give as many parameters as the encoder-decoder of that name has on `pocket`.
    "lm-nano": (64, 4, 16, 5, 128),
    "lm-micro": (64, 4, 16, 10, 128),
    "lm-mini": (256, 8, 32, 10, 640),
    # One stack of T5 v1.1's dimensions, as `t5x/examples/decoder_only/models` has them.
    "lm-small": (512, 6, 64, 8, 1024),
    "lm-base": (768, 12, 64, 12, 2048),
    "lm-large": (1024, 16, 64, 24, 2816),
    "lm-xl": (2048, 32, 64, 24, 5120),
}

MODELS = (*SIZES, *DECODER_ONLY_SIZES)


def t5_config(
    size: str,
    vocab_size: int,
    dropout_rate: float = 0.0,
    dtype: str = "float32",
    causal: bool = False,
) -> T5Config:
    """Makes the configuration of a size; InputError lists the sizes if it is unknown."""
    if size not in MODELS:
        raise InputError(f"unknown model '{size}': choose one of {', '.join(MODELS)}")
    emb_dim, num_heads, head_dim, layers, mlp_dim = (SIZES | DECODER_ONLY_SIZES)[size]
    fields = {
        "vocab_size": vocab_size,
        "emb_dim": emb_dim,
        "num_heads": num_heads,
        "head_dim": head_dim,
        "num_encoder_layers": layers,
        "num_decoder_layers": layers,
        "mlp_dim": mlp_dim,
        "dropout_rate": dropout_rate,
        "dtype": dtype,
    }
    if size in DECODER_ONLY_SIZES:
        return DecoderOnlyConfig(**fields | {"num_encoder_layers": 0}, causal=causal)
    return T5Config(**fields)
