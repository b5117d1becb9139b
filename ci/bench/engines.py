"""The engines whose train steps are compared: flanrepro, Hugging Face's T5 or Llama, and T5X.

All of them have the same dimensions, no dropout, no z-loss, and one update for the same examples.
Each runs in a process of its own, so that its allocator, threads and memory are its own too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ci.bench.rows import Batch, examples, shape
from flanrepro.model.kernels import PLAIN, Kernels
from flanrepro.model.sizes import T5Config

LEARNING_RATE = 2e-3
MIB = 2**20


@dataclass(frozen=True)
class Setup:
    """What is trained, beside the batches.

    Attributes:
        config: the model's.
        optimizer: `adamw` or `adafactor`.
        remat: True: flanrepro's rematerialisation; the others have none.
        kernels: flanrepro's.
    """

    config: T5Config
    optimizer: str
    remat: bool = False
    kernels: Kernels = PLAIN


@dataclass(frozen=True)
class Engine:
    """An engine that is ready to train.

    Attributes:
        run: function of batches' numbers: makes one update for each, waits for them, and gives
            their mean loss in nats per target token.
        shapes: rows, and their inputs' and targets' lengths, padding included, of each batch; a
            decoder-only row is all in the targets' length.
        device: name of what it runs on.
        peak_mib: function that gives the most MiB so far: the device's, or on a CPU those that the
            process has grown by.
        compiled_mib: MiB that its compiled step takes, as XLA says; NaN without XLA.
        versions: values by name that a number depends on, too.
    """

    run: Callable[[list[int]], float]
    shapes: list[tuple[int, int, int]]
    device: str
    peak_mib: Callable[[], float]
    compiled_mib: float
    versions: dict[str, str | int]


# --- ours ---


def flanrepro(setup: Setup, batches: list[Batch]) -> Engine:
    """The train step as `flanrepro.training.loop` runs it, ahead of the device."""
    import jax

    from flanrepro.training.step import Metrics, init_state, make_train_step

    device, peak_mib = _jax_device()
    optimizer = (setup.optimizer, LEARNING_RATE, 0)
    how = {"z_loss": 0.0, "remat": setup.remat, "kernels": setup.kernels}
    step = make_train_step(setup.config, *optimizer, **how)
    kept, key = {"state": init_state(setup.config, *optimizer, seed=0)}, jax.random.key(0)
    compiled = step.lower(kept["state"], Metrics.zero(), batches[0], key).compile()

    def run(numbers: list[int]) -> float:
        metrics = Metrics.zero()
        for i in numbers:
            kept["state"], metrics = compiled(kept["state"], metrics, batches[i], key)
        return float(metrics.loss / metrics.tokens)

    return Engine(run, _shapes(batches), device, peak_mib, _compiled_mib(compiled), {})


# --- Hugging Face: padded rows ---


def hugging_face_model(config: T5Config):
    """transformers' T5 in the same dimensions, or Llama for a decoder-only model, with its own
    random initial weights."""
    import torch

    torch.manual_seed(0)
    return (_llama if config.decoder_only else _t5)(config).train()


def _t5(config: T5Config):
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
        dropout_rate=config.dropout_rate,
        decoder_start_token_id=0,
    )
    # As an argument it only turns off the scaling of tied logits, and transformers 5 ties them
    # anyway. As an attribute it unties the encoder's and the decoder's embeddings, too.
    hf_config.tie_word_embeddings = False
    model = transformers.T5ForConditionalGeneration(hf_config)
    model.set_input_embeddings(model.shared)
    return model


def _llama(config: T5Config):
    """transformers' Llama in the same dimensions, its decoder-only model that is most like ours.

    It has RMSNorm before each part, a gated MLP, no biases and logits of their own, as ours has.
    It differs in its positions, rotary ones instead of a learned bias by distance (32 numbers per
    head); in its gate, SiLU instead of GELU; in its attention, divided by the root of a head's
    width; and in its inputs, which are read from left to right, not as a prefix.
    """
    import transformers

    hf_config = transformers.LlamaConfig(
        vocab_size=config.vocab_size,
        hidden_size=config.emb_dim,
        head_dim=config.head_dim,
        intermediate_size=config.mlp_dim,
        num_hidden_layers=config.num_decoder_layers,
        num_attention_heads=config.num_heads,
        num_key_value_heads=config.num_heads,
        tie_word_embeddings=False,
        use_cache=False,  # keys and values are kept for generation, not for training
    )
    return transformers.LlamaForCausalLM(hf_config)


def padded(batch: Batch, device: str) -> dict:
    """A batch's examples one to a row, padded to the longest; a decoder-only model's are inputs
    with their targets behind, and its labels the targets alone."""
    import torch

    def pad(rows: list[np.ndarray], value: int):
        tensors = [torch.tensor(row, dtype=torch.long) for row in rows]
        return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=value)

    inputs, targets = zip(*examples(batch), strict=True)
    if "encoder_input_tokens" not in batch:
        pairs = list(zip(inputs, targets, strict=True))
        inputs = [np.concatenate(pair) for pair in pairs]
        targets = [np.concatenate([np.full_like(before, -100), own]) for before, own in pairs]
    input_ids, labels = pad(inputs, 0), pad(targets, -100)
    tensors = {"input_ids": input_ids, "attention_mask": (input_ids > 0).long(), "labels": labels}
    return {name: tensor.to(device) for name, tensor in tensors.items()}


def hugging_face(setup: Setup, batches: list[Batch]) -> Engine:
    """A PyTorch train step as its documentation has it: AdamW, gradients clipped to norm 1."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    peak_mib = _host_peak()
    model = hugging_face_model(setup.config).to(device)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.0
    )
    own = [padded(batch, device) for batch in batches]
    low = torch.autocast(device, torch.bfloat16, enabled=setup.config.dtype == "bfloat16")

    def run(numbers: list[int]) -> float:
        losses = []
        for i in numbers:
            optimizer.zero_grad()
            with low:
                loss = model(**own[i]).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.detach())
        return torch.stack(losses).mean().item()

    if device == "cuda":
        peak_mib = lambda: torch.cuda.max_memory_allocated() / MIB  # noqa: E731
        device = torch.cuda.get_device_name()
    shapes = [(*batch["input_ids"].shape, batch["labels"].shape[1]) for batch in own]
    if setup.config.decoder_only:
        shapes = [(rows, 0, length) for rows, length, _ in shapes]
    versions = {"torch_threads": torch.get_num_threads()}
    return Engine(run, shapes, device, peak_mib, float("nan"), versions)


# --- T5X: packed rows ---


def t5x(setup: Setup, batches: list[Batch]) -> Engine:
    """T5X's network, loss, Adafactor and Trainer, as its gin files for T5.1.1 put them together.

    It has the very rows that ours has. SeqIO's own packing, which a T5X user gets, closes a row as
    soon as an example does not fit: of pocket's rows of 256 and 64 it fills 72 %, where Grain's
    first-fit fills 85. With it, the comparison would be of packings too.
    """
    import jax
    from absl import logging
    from t5x import trainer, utils

    logging.set_verbosity(logging.ERROR)  # else it warns of every parameter's Adafactor

    device, peak_mib = _jax_device()
    own, model, partitioner = [_t5x_batch(b) for b in batches], *_t5x_model(setup.config)
    state = utils.TrainStateInitializer(
        model.optimizer_def,
        model.get_initial_variables,
        {name: array.shape for name, array in own[0].items()},
        partitioner,
        {name: array.dtype for name, array in own[0].items()},
    )
    loop = trainer.Trainer(
        model,
        state.from_scratch(jax.random.PRNGKey(0)),
        partitioner,
        eval_names=[],
        summary_dir=None,
        train_state_axes=state.train_state_axes,
        rng=jax.random.PRNGKey(0),
        learning_rate_fn=lambda step: LEARNING_RATE,
        num_microbatches=None,
    )
    loop.compile_train(own[0])

    def run(numbers: list[int]) -> float:
        metrics = loop.train(iter([own[i] for i in numbers]), len(numbers)).result()
        return float(metrics["loss"].value)  # a mean over steps of means over target tokens

    compiled_mib = _compiled_mib(loop._compiled_train_step)
    return Engine(run, _shapes(batches), device, peak_mib, compiled_mib, {})


def _t5x_model(config: T5Config):
    """T5X's model with its optimizer, and its partitioner."""
    import seqio
    from t5x import adafactor, models, partitioning
    from t5x.examples.t5 import network

    vocabulary = seqio.PassThroughVocabulary(config.vocab_size)
    rules = adafactor.standard_logical_factor_rules()
    own_config = network.T5Config(**vars(config), mlp_activations=("gelu", "linear"))
    model = models.EncoderDecoderModel(
        network.Transformer(own_config),
        vocabulary,
        vocabulary,
        adafactor.Adafactor(decay_rate=0.8, step_offset=0, logical_factor_rules=rules),
        loss_normalizing_factor="NUM_REAL_TARGET_TOKENS",
    )
    return model, partitioning.PjitPartitioner(num_partitions=1)


def _t5x_batch(batch: Batch) -> Batch:
    """A batch with the features that SeqIO's converter makes on the host."""
    targets = batch["decoder_target_tokens"]
    shifted = np.where(batch["decoder_positions"] > 0, np.roll(targets, 1, axis=-1), 0)
    weights = (targets > 0).astype(np.int32)
    return batch | {"decoder_input_tokens": shifted, "decoder_loss_weights": weights}


# --- what they share ---

ENGINES = {"flanrepro": flanrepro, "hugging_face": hugging_face, "t5x": t5x}

NEEDS = {
    "flanrepro": ("flanrepro.training.step",),
    "hugging_face": (
        "torch",
        "transformers.models.t5.modeling_t5",
        "transformers.models.llama.modeling_llama",
    ),
    "t5x": ("seqio", "t5x.trainer", "t5x.utils", "t5x.examples.t5.network"),
}
"""Modules that are imported before memory is counted, by engine."""

PARTNERS = {"adamw": "hugging_face", "adafactor": "t5x"}
"""The engine that ours is compared with, by optimizer: each has its users' own."""

ENCODER_DECODERS_ALONE = ("t5x",)
"""Engines that are not measured on decoder-only models."""


def _shapes(batches: list[Batch]) -> list[tuple[int, int, int]]:
    return [tuple(shape(batch).values()) for batch in batches]


def _jax_device() -> tuple[str, Callable[[], float]]:
    """The kind of JAX's first device, and what gives its peak memory."""
    import jax

    device = jax.devices()[0]
    if device.memory_stats() is None:  # a CPU
        return device.device_kind, _host_peak()
    return device.device_kind, lambda: device.memory_stats()["peak_bytes_in_use"] / MIB


def _host_peak() -> Callable[[], float]:
    """What gives the process's peak of resident memory over what it is now, in MiB; on Linux."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")

    def mib(field: str) -> float:
        lines = status.read_text().splitlines() if status.exists() else []
        sizes = (int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
        return next(sizes, float("nan")) / 1024

    if reset.exists():
        reset.write_text("5")  # the peak begins anew, else that of the imports would count
    before = mib("VmRSS")
    return lambda: mib("VmHWM") - before


def _compiled_mib(compiled) -> float:
    """MiB of arguments, of results that are not in their place, and of temporary buffers."""
    stats = compiled.memory_analysis()
    held = stats.argument_size_in_bytes + stats.output_size_in_bytes - stats.alias_size_in_bytes
    return (held + stats.temp_size_in_bytes) / MIB
