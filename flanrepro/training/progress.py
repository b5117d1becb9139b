"""A run in training: its stream, its measurements, and the checkpoints that keep both."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import jax
import numpy as np

from flanrepro.data.fates import count_fates
from flanrepro.errors import InputError
from flanrepro.training import mesh as devices
from flanrepro.training.checkpoint import Checkpoints
from flanrepro.training.spec import RunSpec
from flanrepro.training.step import Metrics, TrainState


class Batches(Protocol):
    """A run's batches, as `flanrepro.data.packing.pack` gives them, or from packed files."""

    def __next__(self) -> dict[str, np.ndarray]: ...
    def get_state(self) -> dict: ...
    def set_state(self, state: dict) -> None: ...
    def close(self) -> None: ...


@dataclass
class Progress:
    """A run's counts and measurements so far, which its checkpoints keep.

    Attributes:
        stream: position of the data stream.
        history: rows of step, loss (nats per target token), accuracy (share of target tokens),
            useful_tokens_per_s and seconds.
        examples, truncated, dropped, shortened, exemplars_dropped: numbers of prompts, and of
            exemplars that they lost, see `flanrepro.data.fates.count_fates`.
        useful_tokens: number of input and target tokens without padding.
        tokens: number of input and target tokens, padding included.
        seconds: time of training over all of the run's processes, compilation included.
        pending: the four sums of `Metrics` since the last row.
    """

    stream: dict
    history: list[dict]
    examples: int = 0
    truncated: int = 0
    dropped: int = 0
    shortened: int = 0
    exemplars_dropped: int = 0
    useful_tokens: int = 0
    tokens: int = 0
    seconds: float = 0.0
    pending: list[float] = field(default_factory=lambda: [0.0] * 4)


class OpenRun:
    """A run in training: its stream, its checkpoints and its progress.

    Args:
        spec: run that is trained.
        folder: path of its checkpoints.
        stream: batches of the run.
    """

    def __init__(self, spec: RunSpec, folder: Path, stream: Batches):
        self.spec, self.stream, self.checkpoints = spec, stream, Checkpoints(folder)
        self.progress = Progress(stream=stream.get_state(), history=[])
        self._counts: Counter[str] = Counter()

    def restore(self, like: TrainState) -> tuple[TrainState, Metrics]:
        """Goes back to the newest checkpoint; gives its state and the sums since the last row."""
        state, kept = self.checkpoints.restore(like)
        try:
            self.progress = Progress(**kept)
            metrics = Metrics.of(*self.progress.pending)
        except TypeError:  # by hand, in a checkpoint of an older version, which has no checksums
            raise InputError(
                f"the progress of the checkpoint of step {state.step} in {self.checkpoints.folder} "
                "is not what training writes: move that checkpoint away and start the run again"
            ) from None
        # Packed files keep their position under `next`, and Grain has no such key.
        if ("next" in self.progress.stream) and "next" not in self.stream.get_state():
            raise InputError(
                f"run {self.spec.run_id} was begun from packed files, and goes on from them alone: "
                f"bring its `packed` folder, or move {self.checkpoints.folder} away to begin anew"
            )
        self.stream.set_state(self.progress.stream)
        return state, metrics

    def read(self, counting: bool = True) -> dict[str, np.ndarray]:
        """Reads the next batch; its fates are counted, and stay on the host."""
        batch = next(self.stream)
        fate = batch.pop("fate")
        if counting:
            self._counts.update(count_fates(fate))
        return batch

    def read_sums(self, metrics: Metrics) -> list[float]:
        """Waits for the device and gives the four sums; InputError if a step's loss is none."""
        *sums, diverged = jax.device_get(metrics)
        if diverged:
            raise InputError(
                f"run {self.spec.run_id} diverged: the loss of step {diverged} is infinite or NaN; "
                f"{self.checkpoints.kept()}, and no later one is written: train it with a lower "
                f"learning_rate than {self.spec.learning_rate:g}"
            )
        return [float(x) for x in sums]

    def add_row(self, step: int, metrics: Metrics) -> str:
        """Waits for the device, adds a row to the history, and describes it for the bar.

        Raises:
            InputError: the loss of a step since the last row is none, or no target was read.
        """
        loss, correct, tokens, useful = self.read_sums(metrics)
        if not tokens:
            dropped = self.progress.dropped + self._counts["dropped"]
            raise InputError(
                f"run {self.spec.run_id} reads no target up to step {step}: {dropped} prompts were "
                f"left out, as {self.spec.inputs_length} input or {self.spec.targets_length} "
                "target tokens do not hold them: raise inputs_length or targets_length"
            )
        progress = self.progress
        # Tokens per second since the last row, over the processes that it took.
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
        return f"loss {row['loss']:.3f}, {row['useful_tokens_per_s']:,.0f} tokens/s"

    def save(self, step: int, state: TrainState, metrics: Metrics) -> None:
        """Writes a checkpoint, with the position and the counts of all hosts."""
        sums = self.read_sums(metrics)
        spec, progress = self.spec, self.progress
        hosts = devices.gathered({"stream": self.stream.get_state(), "counts": dict(self._counts)})
        progress.stream = _position([host["stream"] for host in hosts])
        for name, n in sum((Counter(host["counts"]) for host in hosts), Counter()).items():
            setattr(progress, name, getattr(progress, name) + n)
        self._counts.clear()  # they are in `progress` now
        # Batches have one size, so that padding need not be counted.
        progress.tokens = step * spec.batch_size * (spec.inputs_length + spec.targets_length)
        progress.pending = sums
        self.checkpoints.save(step, state, progress.__dict__)

    def close(self) -> None:
        self.stream.close()
        self.checkpoints.close()


def _position(states: list[dict]) -> dict:
    """Merges the hosts' positions of one stream, each with None for the other hosts' shards."""
    if "shards" not in states[0]:
        return states[0]
    each = zip(*(state["shards"] for state in states), strict=True)
    return {"shards": [next(s for s in found if s is not None) for found in each]}
