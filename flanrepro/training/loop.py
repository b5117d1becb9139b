"""The local engine: one training run from its spec to its last checkpoint."""

import time
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from tqdm.auto import tqdm

from flanrepro.data.grain import count_fates, packed_batches
from flanrepro.experiments.spec import RunSpec
from flanrepro.training.checkpoint import Checkpoints
from flanrepro.training.step import Metrics, TrainState, init_state, make_train_step

LOG_EVERY = 25
"""Steps between readings of the metrics: the only times that the host waits for the device."""


@dataclass
class Progress:
    """What a run has done so far; kept in its checkpoints.

    Attributes:
        stream: the data stream's position.
        history: rows of step, loss (nats per target token), accuracy (of target tokens),
            useful_tokens_per_s, seconds.
        examples, truncated, dropped: prompts, see `flanrepro.data.grain.count_fates`.
        useful_tokens: input and target tokens that are no padding; `tokens`: all.
        seconds: of training, over all of the run's processes, compilation included.
    """

    stream: dict
    history: list[dict]
    examples: int = 0
    truncated: int = 0
    dropped: int = 0
    useful_tokens: int = 0
    tokens: int = 0
    seconds: float = 0.0


def train(
    spec: RunSpec,
    folder: Path,
    *,
    checkpoint_seconds: float = 30.0,
    bar: bool = True,
    stop_at: int | None = None,
) -> tuple[dict, Progress]:
    """Trains `spec` to its last step, going on from the newest checkpoint in `folder`.

    Args:
        spec: what to train.
        folder: for its checkpoints.
        checkpoint_seconds: at least so long between two checkpoints.
        bar: show progress with loss, useful tokens/s and time left.
        stop_at: stop at this step instead of the last, with a checkpoint there; a multiple of
            `LOG_EVERY`, so that the history does not depend on where a run was stopped.

    Returns:
        parameters, and what was done.

    Raises:
        InputError: bad data, or a checkpoint that cannot be written.
    """
    # --- data ---
    batches = packed_batches(
        spec.mixture(),
        spec.load_vocabulary(),
        batch_size=spec.batch_size,
        inputs_length=spec.inputs_length,
        targets_length=spec.targets_length,
    )

    # --- state ---
    optimizer = (spec.optimizer, spec.learning_rate, spec.warmup_steps)
    state = init_state(spec.model_config(), *optimizer, spec.seed)
    progress = Progress(stream=batches.get_state(), history=[])
    checkpoints = Checkpoints(folder)
    if checkpoints.latest is not None:
        state, kept = checkpoints.restore(state)
        progress = Progress(**kept)
        batches.set_state(progress.stream)
    train_step = make_train_step(spec.model_config(), *optimizer, spec.z_loss)
    key = jax.random.key(spec.seed)

    # --- steps ---
    started = saved = time.monotonic()
    seconds_before = progress.seconds
    metrics, last = Metrics.zero(), stop_at or spec.steps
    steps = tqdm(
        range(int(state.step), last),
        initial=int(state.step),
        total=last,
        desc=spec.label(),
        disable=None if bar else True,
        leave=False,
    )
    for step in steps:
        batch = next(batches)
        _count(progress, batch)
        state, metrics = train_step(state, metrics, batch, key)
        if (step + 1) % LOG_EVERY and step + 1 < last:
            continue
        progress.seconds = seconds_before + time.monotonic() - started
        row = _read(step + 1, metrics, progress)
        steps.set_postfix_str(f"loss {row['loss']:.3f}, {row['useful_tokens_per_s']:,.0f} tokens/s")
        metrics = Metrics.zero()
        if time.monotonic() - saved > checkpoint_seconds or step + 1 == last:
            progress.stream = batches.get_state()
            checkpoints.save(step + 1, state, progress.__dict__)
            saved = time.monotonic()
    batches.close()
    checkpoints.close()
    return state.params, progress


def _count(progress: Progress, batch: dict[str, np.ndarray]) -> None:
    """Takes the fates out of the batch, which the device has no use for, and counts them."""
    for name, n in count_fates(batch.pop("fate")).items():
        setattr(progress, name, getattr(progress, name) + n)
    progress.tokens += batch["encoder_input_tokens"].size + batch["decoder_target_tokens"].size


def _read(step: int, metrics: Metrics, progress: Progress) -> dict:
    """Waits for the device and adds a row to the history."""
    loss, correct, tokens, useful = (float(x) for x in jax.device_get(metrics))
    before = progress.history[-1]["seconds"] if progress.history else 0.0
    progress.useful_tokens += int(useful)
    row = {
        "step": step,
        "loss": loss / max(tokens, 1),
        "accuracy": correct / max(tokens, 1),
        "useful_tokens_per_s": useful / max(progress.seconds - before, 1e-9),
        "seconds": progress.seconds,
    }
    progress.history.append(row)
    return row


__all__ = ["Progress", "TrainState", "train"]
