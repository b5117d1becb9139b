"""How quick flanrepro is on this machine: `python ci/bench.py train`, `data`, `eval`, `notebooks`.

Each prints a table and writes it to figures/bench/ as CSV.
"""

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import pandas as pd
import typer

from flanrepro.data.grain import Encode, packed_batches
from flanrepro.data.vocabulary import PAD, Vocabulary
from flanrepro.experiments.spec import RunSpec
from flanrepro.model.sizes import T5Config, t5_config
from flanrepro.training.step import Metrics, init_state, make_train_step

OUT = Path(__file__).resolve().parent.parent / "figures" / "bench"
INPUTS_LENGTH, TARGETS_LENGTH = 256, 64
LEARNING_RATE = 2e-3

Step = Callable[[], tuple[float, int, int]]
"""One update; gives the loss in nats per target token, the useful tokens (input and target tokens
that are no padding) of its batch, and all of them."""

app = typer.Typer(add_completion=False, help=__doc__)


def pocket_examples() -> tuple[object, Vocabulary]:
    """Prompts by index and the vocabulary to encode them with, as in a run on `pocket`."""
    spec = RunSpec("pocket", "nano", "pocket", 1, 1, INPUTS_LENGTH, TARGETS_LENGTH, LEARNING_RATE)
    return spec.load_mixture(), spec.load_vocabulary()


# --- ours: packed rows ---


def our_step(config: T5Config, rows: int, n_batches: int) -> tuple[Step, int]:
    """Our train step as `flanrepro.training.loop` runs it, and the examples per batch."""
    mixture, vocabulary = pocket_examples()
    stream = packed_batches(
        mixture,
        vocabulary,
        batch_size=rows,
        inputs_length=INPUTS_LENGTH,
        targets_length=TARGETS_LENGTH,
        prefetch=0,
    )
    batches = [next(stream) for _ in range(n_batches)]
    examples = round(statistics.mean(int((batch.pop("fate") > 0).sum()) for batch in batches))
    optimizer = ("adamw", LEARNING_RATE, 0)
    train_step = make_train_step(config, *optimizer, z_loss=0.0)
    kept = {"state": init_state(config, *optimizer, seed=0), "i": 0}

    def step() -> tuple[float, int, int]:
        batch = batches[kept["i"] % n_batches]
        kept["i"] += 1
        kept["state"], sums = train_step(kept["state"], Metrics.zero(), batch, jax.random.key(0))
        # Waits, as PyTorch does anyway; the loop in `training` runs ahead of the device.
        size = rows * (INPUTS_LENGTH + TARGETS_LENGTH)
        return float(sums.loss / sums.tokens), int(sums.useful_tokens), size

    return step, examples


# --- Hugging Face: padded rows ---


def hugging_face_model(config: T5Config):
    """transformers' T5 in the same dimensions, with its own random initial weights."""
    import torch
    import transformers

    torch.manual_seed(0)
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
        decoder_start_token_id=PAD,
    )
    # As an argument it only turns off the scaling of tied logits, and transformers 5 ties them
    # anyway. As an attribute it unties the encoder's and the decoder's embeddings, too.
    hf_config.tie_word_embeddings = False
    model = transformers.T5ForConditionalGeneration(hf_config)
    model.set_input_embeddings(model.shared)
    return model.train()


def padded_batches(batch_size: int, n_batches: int) -> list[dict]:
    """The same examples in the same order, padded to the longest of a batch, not grouped."""
    import torch

    mixture, vocabulary = pocket_examples()
    encode = Encode(vocabulary, INPUTS_LENGTH, TARGETS_LENGTH)
    examples = [encode(mixture[i]) for i in range(batch_size * n_batches)]
    examples = [example for example in examples if len(example["targets"])]

    def pad(rows: list[np.ndarray], value: int):
        tensors = [torch.tensor(row, dtype=torch.long) for row in rows]
        return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=value)

    batches = []
    for start in range(0, len(examples) - batch_size + 1, batch_size):
        rows = examples[start : start + batch_size]
        input_ids = pad([row["inputs"] for row in rows], PAD)
        labels = pad([row["targets"] for row in rows], -100)
        mask = (input_ids != PAD).long()
        batches.append({"input_ids": input_ids, "attention_mask": mask, "labels": labels})
    return batches


def hugging_face_step(config: T5Config, batch_size: int, n_batches: int) -> Step:
    """A PyTorch train step as its documentation has it: AdamW, gradients clipped to norm 1."""
    import torch

    model = hugging_face_model(config)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.0
    )
    batches, done = padded_batches(batch_size, n_batches), [0]

    def step() -> tuple[float, int, int]:
        batch = batches[done[0] % len(batches)]
        done[0] += 1
        optimizer.zero_grad()
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        useful = batch["attention_mask"].sum() + (batch["labels"] >= 0).sum()
        return loss.item(), int(useful), batch["input_ids"].numel() + batch["labels"].numel()

    return step


# --- the comparison ---


def alternate(steps: dict[str, Step], rounds: int, seconds: float) -> pd.DataFrame:
    """Runs each in turn for `seconds`, `rounds` times, after some steps that do not count.

    Returns:
        one row per engine and round: engine, round, useful_tokens_per_s, useful_fraction (of all
        tokens), loss (the round's mean), useful_tokens (since the start, in the round's middle).
    """
    seen = {name: sum(step()[1] for _ in range(3)) for name, step in steps.items()}
    rows = []
    for i in range(rounds):
        for name, step in steps.items():
            done, began = [], time.perf_counter()
            while not done or time.perf_counter() - began < seconds:
                done.append(step())
            elapsed = time.perf_counter() - began
            losses, useful, tokens = zip(*done, strict=True)
            row = {"engine": name, "round": i, "useful_tokens_per_s": sum(useful) / elapsed}
            row |= {"useful_fraction": sum(useful) / sum(tokens), "loss": statistics.mean(losses)}
            rows.append(row | {"useful_tokens": seen[name] + sum(useful) / 2})
            seen[name] += sum(useful)
    return pd.DataFrame(rows)


def environment() -> dict[str, str | int]:
    """What a measured number depends on."""
    packages = {name: version(name) for name in ("jax", "flax", "optax")}
    try:
        packages |= {name: version(name) for name in ("torch", "transformers")}
        import torch

        packages["torch_threads"] = torch.get_num_threads()
    except ImportError:
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    system = {"machine": platform.machine(), "python": platform.python_version(), "cores": cores}
    return packages | system | {"device": jax.devices()[0].device_kind}


def summary(rounds: pd.DataFrame) -> pd.DataFrame:
    """Medians over rounds by engine.

    `loss` is read where each engine has seen as many useful tokens, `loss_at`, as the slowest has
    in its last round; `ratio` is against Hugging Face, where it was measured.
    """
    engines = rounds.groupby("engine", sort=False)
    table = engines.agg(
        useful_tokens_per_s=("useful_tokens_per_s", "median"),
        slowest=("useful_tokens_per_s", "min"),
        fastest=("useful_tokens_per_s", "max"),
        useful_fraction=("useful_fraction", "median"),
    )
    table["loss_at"] = at = engines["useful_tokens"].max().min()
    table["loss"] = [np.interp(at, rows["useful_tokens"], rows["loss"]) for _, rows in engines]
    if "hugging_face" in table.index:
        rate = table["useful_tokens_per_s"]
        table["ratio"] = rate / rate["hugging_face"]
    return table.reset_index()


@app.command()
def train(
    model: Annotated[str, typer.Option(help="a size of flanrepro.model.sizes")] = "nano",
    rows: Annotated[int, typer.Option(help="packed rows per step of ours")] = 16,
    rounds: Annotated[int, typer.Option(help="turns of each engine")] = 7,
    seconds: Annotated[float, typer.Option(help="per turn")] = 4.0,
    batches: Annotated[int, typer.Option(help="different batches, prepared beforehand")] = 32,
    hugging_face: Annotated[bool, typer.Option(help="compare with transformers' T5")] = True,
    out: Annotated[Path, typer.Option(help="folder of the CSV files")] = OUT,
) -> None:
    """Useful tokens/s (no padding) of the train step on pocket, ours and Hugging Face's in turn."""
    config = t5_config(model, pocket_examples()[1].size)
    ours, examples = our_step(config, rows, batches)
    steps = {"flanrepro": ours}
    if hugging_face:
        # As many examples per update as ours has in its packed rows.
        steps["hugging_face"] = hugging_face_step(config, examples, batches)
    measured = alternate(steps, rounds, seconds)
    table, where = summary(measured), environment()
    table = table.assign(model=model, examples_per_step=examples, **where)
    out.mkdir(parents=True, exist_ok=True)
    measured.to_csv(out / "train_rounds.csv", index=False)
    table.to_csv(out / "train.csv", index=False)
    print(table.drop(columns=list(where)).to_string(index=False, float_format="{:,.2f}".format))
    print(", ".join(f"{name} {value}" for name, value in where.items()))


@app.command()
def data(out: Annotated[Path, typer.Option(help="folder of the CSV file")] = OUT) -> None:
    """Import time, mixture[i], and GSM8K examples/s against the reference implementation's."""
    import bench_data

    table = bench_data.data()
    out.mkdir(parents=True, exist_ok=True)
    table.to_csv(out / "data.csv", index=False)
    print(table.to_string(index=False, float_format="{:,.2f}".format))


@app.command("eval")
def evaluation(
    models: Annotated[str, typer.Option(help="sizes of flanrepro.model.sizes")] = "nano,small",
    items: Annotated[int, typer.Option(help="prompts per suite; larger ones get an eighth")] = 400,
    rounds: Annotated[int, typer.Option(help="turns of each engine")] = 5,
    real: Annotated[bool, typer.Option(help="MMLU itself, five-shot, too")] = False,
    harness: Annotated[bool, typer.Option(help="compare with lm-evaluation-harness")] = True,
    out: Annotated[Path, typer.Option(help="folder of the CSV file")] = OUT,
) -> None:
    """Prompts/s of rank scoring and of decoding, ours and lm-evaluation-harness's in turn."""
    import bench_eval

    where = environment() | ({"lm_eval": version("lm_eval")} if harness else {})
    with tempfile.TemporaryDirectory() as folder:
        table = bench_eval.table(models.split(","), items, rounds, real, harness, Path(folder))
    out.mkdir(parents=True, exist_ok=True)
    table.assign(**where).to_csv(out / "eval.csv", index=False)
    print(table.to_string(index=False, float_format="{:,.2f}".format, na_rep=""))
    print(", ".join(f"{name} {value}" for name, value in where.items()))


@app.command()
def notebooks(
    paths: Annotated[list[Path] | None, typer.Argument(help="none: all that there are")] = None,
    out: Annotated[Path, typer.Option(help="folder of the CSV file")] = OUT,
) -> None:
    """Seconds per notebook at smoke, each with nothing trained: nothing compiled, then all."""
    import bench_notebooks

    where = environment()
    every = sorted((bench_notebooks.ROOT / "notebooks").glob("*.ipynb"))
    table = bench_notebooks.table(paths or every)
    out.mkdir(parents=True, exist_ok=True)
    table.assign(**where).to_csv(out / "notebooks.csv", index=False)
    print(table.to_string(index=False, float_format="{:,.1f}".format))
    print(", ".join(f"{name} {value}" for name, value in where.items()))


if __name__ == "__main__":
    app()
