"""Model FLOPs of a train step by formula, and what devices can do at most."""

from flanrepro.model.sizes import T5Config

PEAKS = {
    # JAX's and PyTorch's names of devices begin so: dense bfloat16 FLOP/s of one device
    "NVIDIA H200": 989.4e12,  # NVIDIA H200 data sheet: half of what it says with sparsity
    "NVIDIA H100 PCIe": 756e12,  # NVIDIA H100 data sheet, as above
    "NVIDIA H100 NVL": 835.5e12,  # NVIDIA H100 data sheet, as above
    "NVIDIA H100": 989.4e12,  # SXM; NVIDIA H100 data sheet, as above
    "NVIDIA A100": 312e12,  # NVIDIA A100 data sheet, without sparsity
    "TPU v4": 275e12,  # cloud.google.com/tpu/docs/v4
    "TPU v5 lite": 197e12,  # v5e; cloud.google.com/tpu/docs/v5e
    "TPU v5": 459e12,  # v5p; cloud.google.com/tpu/docs/v5p
    "TPU v6 lite": 918e12,  # v6e; cloud.google.com/tpu/docs/v6e
}


def peak(device: str, dtype: str) -> float:
    """FLOP/s that the device's data sheet states for `dtype`; NaN where this table has none."""
    found = (flops for name, flops in PEAKS.items() if device.startswith(name))
    return next(found, float("nan")) if dtype == "bfloat16" else float("nan")


def forward_flops(config: T5Config, rows: int, inputs_length: int, targets_length: int) -> int:
    """FLOPs of matrix products in a forward pass over `rows` rows, padding included.

    A matrix does two per parameter and token that it sees: the encoder's see the inputs; the
    decoder's the targets, but for the keys and values of cross-attention, which are of the inputs.
    Attention does four per pair of positions and number of a head's (scores, and the mix of the
    values); causal pairs are counted whole, as they are computed. Looking up embeddings is free.
    """
    joined, embed = config.num_heads * config.head_dim, config.emb_dim
    sources, targets = rows * inputs_length, rows * targets_length
    projection, mlp = 2 * embed * joined, 2 * 3 * embed * config.mlp_dim

    def attention(queries: int, keys: int) -> int:
        return 4 * rows * queries * keys * joined

    encoder_layer = sources * (4 * projection + mlp) + attention(inputs_length, inputs_length)
    decoder_layer = (
        targets * (4 * projection + mlp)
        + attention(targets_length, targets_length)
        + (2 * targets + 2 * sources) * projection
        + attention(targets_length, inputs_length)
    )
    logits = targets * 2 * embed * config.vocab_size
    layers = config.num_encoder_layers * encoder_layer + config.num_decoder_layers * decoder_layer
    return layers + logits


def train_flops(config: T5Config, rows: int, inputs_length: int, targets_length: int) -> int:
    """Model FLOPs of a train step: the gradients take two products for each one of the forward
    pass. What is computed again for them (rematerialisation), and the optimizer, do not count."""
    return 3 * forward_flops(config, rows, inputs_length, targets_length)
