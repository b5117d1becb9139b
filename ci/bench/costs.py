"""Model FLOPs of a train step by formula, and the devices that they are computed on."""

from pathlib import Path

import pandas as pd

from flanrepro.model.sizes import T5Config

DEVICES = pd.read_csv(Path(__file__).with_name("devices.csv"), keep_default_na=True)
"""A row per device, the first that fits before others:

device: short name; empty: it is in no table of costs.
name: beginning of what JAX and PyTorch call it.
flops: dense bfloat16 FLOP/s of one device.
bandwidth, memory: bytes per second, and bytes, of its memory.
dollars: per device and hour; prices move, multiply by your own.
source, price_source: where the numbers are from.
"""


def rented() -> pd.DataFrame:
    """The devices with a price, by short name."""
    return DEVICES.dropna(subset=["device"]).set_index("device")


def peak(device: str, dtype: str) -> float:
    """FLOP/s that the device's data sheet states for `dtype`; NaN where this table has none."""
    rows = DEVICES[["name", "flops"]].itertuples(index=False, name=None)
    found = (flops for name, flops in rows if device.startswith(name))
    return next(found, float("nan")) if dtype == "bfloat16" else float("nan")


def forward_flops(config: T5Config, rows: int, inputs_length: int, targets_length: int) -> int:
    """FLOPs of matrix products in a forward pass over `rows` rows, padding included.

    A matrix does two per parameter and token that it sees: the encoder's see the inputs; the
    decoder's the targets, but for the keys and values of cross-attention, which are of the inputs.
    Attention does four per pair of positions and number of a head's (scores, and the mix of the
    values); causal pairs are counted whole, as they are computed. Looking up embeddings is free.
    A decoder-only model has rows of both lengths together, no encoder and no cross-attention, and
    a product that picks the targets, whose logits alone are computed.
    """
    answers = targets_length
    if config.decoder_only:
        inputs_length, targets_length = 0, inputs_length + targets_length
    joined, embed = config.num_heads * config.head_dim, config.emb_dim
    sources, targets = rows * inputs_length, rows * targets_length
    projection, mlp = 2 * embed * joined, 2 * 3 * embed * config.mlp_dim

    def attention(queries: int, keys: int) -> int:
        return 4 * rows * queries * keys * joined

    encoder_layer = sources * (4 * projection + mlp) + attention(inputs_length, inputs_length)
    decoder_layer = targets * (4 * projection + mlp) + attention(targets_length, targets_length)
    if not config.decoder_only:
        decoder_layer += (2 * targets + 2 * sources) * projection
        decoder_layer += attention(targets_length, inputs_length)
    logits = rows * answers * 2 * embed * config.vocab_size
    if config.decoder_only:
        logits += 2 * rows * answers * targets_length * embed
    layers = config.num_encoder_layers * encoder_layer + config.num_decoder_layers * decoder_layer
    return layers + logits


def train_flops(config: T5Config, rows: int, inputs_length: int, targets_length: int) -> int:
    """Model FLOPs of a train step: the gradients take two products for each one of the forward
    pass. What is computed again for them (rematerialisation), and the optimizer, do not count."""
    return 3 * forward_flops(config, rows, inputs_length, targets_length)
