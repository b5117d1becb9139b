"""Model FLOPs of a train step by formula, and by them what runs of the paper's recipe cost."""

from collections.abc import Iterator

import pandas as pd

from flanrepro.experiments.profiles import Job
from flanrepro.experiments.sweep import SWEEPS
from flanrepro.model.network import param_count
from flanrepro.model.sizes import SIZES, T5Config, t5_config
from flanrepro.training.spec import RunSpec

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


# --- the paper's runs ---

VOCABULARY = 32_128
"""Rows of T5's embedding."""

UTILISATION = 0.4
"""Share of the device's peak, an assumption: MaxText's list of dense models has 0.39 to 0.65."""

PRICE = {"NVIDIA H100": 3.0, "TPU v4": 3.22}
"""Dollars per device and hour: 2.49 to 3.99 is asked for an H100 in 2026 by clouds that rent single
ones; TPU v4's is Google's list price on demand. Prices move: multiply by your own."""

COLUMNS = ("what", "runs", "parameters", "tokens", "flops_per_step", "flops")


def hours(flops: float, device: str) -> float:
    """Hours that one device takes at `UTILISATION`."""
    return flops / (UTILISATION * peak(device, "bfloat16")) / 3600


def table() -> pd.DataFrame:
    """A row per size of T5 for one run of profile `paper`, then one per sweep of the paper.

    Returns:
        what, runs, parameters, tokens (padding included), flops_per_step, flops, and for each
        device hours and dollars.
    """
    rows = [_one_run(size) for size in SIZES if SIZES[size][0] >= SIZES["small"][0]]
    rows += _sweeps()
    frame = pd.DataFrame(rows, columns=COLUMNS)
    for device, price in PRICE.items():
        name = device.rpartition(" ")[2].lower()
        frame[f"{name}_hours"] = [hours(flops, device) for flops in frame["flops"]]
        frame[f"{name}_dollars"] = frame[f"{name}_hours"] * price
    return frame


def _one_run(size: str) -> dict:
    spec = _paper_run(size)
    return {
        "what": size,
        "runs": 1,
        "parameters": param_count(t5_config(size, VOCABULARY)),
        "tokens": _tokens(spec),
        "flops_per_step": _flops_per_step(spec),
        "flops": _flops_per_step(spec) * spec.steps,
    }


def _paper_run(size: str) -> RunSpec:
    job = Job(profile="paper", collection="flan2022")
    return RunSpec(collection="flan2022", model=size, **job.settings.run)


def _sweeps() -> Iterator[dict]:
    """The paper's sweeps, one seed each; a run that two share is counted in the first.

    Which runs they have is counted on pocket, whose `full` varies the same: real data need not be
    available. Figure 4's are of all of `paper`'s sizes, the others of its model.
    """
    paper, seen = Job(profile="paper", collection="flan2022").settings, set()
    for name, sweep in SWEEPS.items():
        sizes = paper.sizes if name == "task_scaling" else (paper.model,)
        varied = sweep.specs(Job(profile="full", model="nano", seeds=1))
        new = {(spec, size) for spec in varied for size in sizes} - seen
        seen |= new
        specs = [_paper_run(size) for _, size in new]
        yield {
            "what": name,
            "runs": len(specs),
            "tokens": sum(map(_tokens, specs)),
            "flops": sum(_flops_per_step(spec) * spec.steps for spec in specs),
        }


def _tokens(spec: RunSpec) -> int:
    return spec.steps * spec.batch_size * (spec.inputs_length + spec.targets_length)


def _flops_per_step(spec: RunSpec) -> int:
    config = t5_config(spec.model, VOCABULARY)
    return train_flops(config, spec.batch_size, spec.inputs_length, spec.targets_length)
