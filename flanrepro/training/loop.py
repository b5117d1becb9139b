"""The local engine: one training run from its spec to its last checkpoint."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from flanrepro.data.examples import count_fates
from flanrepro.errors import InputError
from flanrepro.model.sizes import T5Config
from flanrepro.model.t5 import param_shapes
from flanrepro.training import mesh as devices
from flanrepro.training.checkpoint import Checkpoints
from flanrepro.training.spec import RunSpec
from flanrepro.training.step import Metrics, TrainState, init_state, make_train_step

LOG_EVERY = 25
"""Steps between readings of the metrics: the only times that the host waits for the device."""


class Batches(Protocol):
    """What a run is trained on: batches as `flanrepro.data.packing.pack` gives them, or of files."""

    def __next__(self) -> dict[str, np.ndarray]: ...
    def get_state(self) -> dict: ...
    def set_state(self, state: dict) -> None: ...
    def close(self) -> None: ...


@dataclass
class Progress:
    """What a run has done so far; kept in its checkpoints.

    Attributes:
        stream: the data stream's position.
        history: rows of step, loss (nats per target token), accuracy (of target tokens),
            useful_tokens_per_s, seconds.
        examples, truncated, dropped: prompts, see `flanrepro.data.examples.count_fates`.
        useful_tokens: input and target tokens that are no padding; `tokens`: all.
        seconds: of training, over all of the run's processes, compilation included.
        pending: sums of `Metrics` since the last row.
    """

    stream: dict
    history: list[dict]
    examples: int = 0
    truncated: int = 0
    dropped: int = 0
    useful_tokens: int = 0
    tokens: int = 0
    seconds: float = 0.0
    pending: list[float] = field(default_factory=lambda: [0.0] * len(Metrics._fields))


def train(
    spec: RunSpec,
    folder: Path,
    *,
    checkpoint_seconds: float = 30.0,
    bar: str = "",
    stop_at: int | None = None,
    start: dict | None = None,
    each: Callable[[int, dict], None] | None = None,
    every: int = 0,
    mesh: str = "",
    config: T5Config | None = None,
    batches: Callable[[slice | None], Batches] | None = None,
) -> tuple[dict, Progress]:
    """Trains `spec` to its last step, going on from the newest checkpoint in `folder`.

    On several hosts all of them call it, with a folder that they share.

    Args:
        spec: what to train.
        folder: for its checkpoints.
        checkpoint_seconds: at least so long between two checkpoints.
        bar: show progress under this name, with loss, useful tokens/s and time left; empty: not.
        stop_at: stop at this step instead of the last, with a checkpoint there.
        start: the parameters that `spec.start` names, see `flanrepro.experiments.start`.
        each: called with the step and its parameters, e.g. to evaluate: before training, and then
            every `every` steps (0: never). After a stop it may be called again for steps behind the
            checkpoint. The parameters are gone when it returns: keep a copy, or nothing.
        every: see `each`.
        mesh: devices for data and for the model, e.g. `4x2`, see `flanrepro.training.mesh`.
        config: the spec's `model_config()`, where its vocabulary is not at hand.
        batches: gives the stream of these rows of its batches, where the spec's own is not to be
            made here, see `ci.gpu.packed_files`.

    Returns:
        parameters, and what was done.

    Raises:
        InputError: bad data, a mesh that does not fit, a start that does not fit the model, or a
            checkpoint that cannot be written.
    """
    # --- devices and data ---
    config = config or spec.model_config()
    spread = devices.make_mesh(mesh, spec.batch_size // spec.microbatches)
    rows = devices.local_rows(spread, spec.batch_size)
    stream = stream_of(spec, rows, batches)

    # --- state ---
    check_start(spec, config, start)
    state, metrics = init_state(config, *optimizer(spec), spec.seed, start, spread), Metrics.zero()
    run = OpenRun(spec, folder, stream)
    if run.checkpoints.latest is not None:
        state, metrics = run.restore(state)
    elif each:
        _call(each, 0, state.params, spread)
    metrics = devices.replicated(metrics, spread)
    key = devices.replicated(jax.random.key(spec.seed), spread)
    train_step = make_train_step(config, *optimizer(spec), **step_options(spec), mesh=spread)

    # --- steps ---
    clock, counting = Clock(run.progress.seconds), devices.counts_rows(spread)
    last = min(stop_at or spec.steps, spec.steps)
    steps = progress_bar(bar, int(state.step), last)
    # Closed even on an error: an open prefetch thread aborts the interpreter when it exits.
    with contextlib.closing(run), contextlib.closing(steps):
        if spec.steps == 0 and run.checkpoints.latest is None:  # the start itself, to be evaluated
            run.save(0, state, metrics)
        for step in steps:
            batch = devices.put_batch(run.read(counting), spread, spec.batch_size)
            state, metrics = train_step(state, metrics, batch, key)
            if each and every and (step + 1) % every == 0:
                clock.stand(_call(each, step + 1, state.params, spread))
            # Rows depend on the spec alone, not on where a run was stopped.
            row, stop = (step + 1) % LOG_EVERY == 0 or step + 1 == spec.steps, step + 1 == last
            if not (row or stop):
                continue
            run.progress.seconds = clock.seconds
            if row:
                steps.set_postfix_str(run.add_row(step + 1, metrics))
                metrics = devices.replicated(Metrics.zero(), spread)
            if stop or devices.agreed(clock.since_saved > checkpoint_seconds):
                run.save(step + 1, state, metrics)
                clock.saved()
    return state.params, run.progress


def optimizer(spec: RunSpec) -> tuple:
    """What `flanrepro.training.optimizer.make_optimizer` takes."""
    return spec.optimizer, spec.learning_rate_schedule(), spec.warmup_steps


def step_options(spec: RunSpec) -> dict:
    """What else of a spec `make_train_step` takes."""
    return {name: getattr(spec, name) for name in ("z_loss", "microbatches", "remat")}


class OpenRun:
    """A run that is being trained: its stream, its checkpoints, and what it has done.

    Args:
        spec: what is trained.
        folder: for its checkpoints.
        stream: its batches.
    """

    def __init__(self, spec: RunSpec, folder: Path, stream: Batches):
        self.spec, self.stream, self.checkpoints = spec, stream, Checkpoints(folder)
        self.progress = Progress(stream=stream.get_state(), history=[])
        self._counts: Counter[str] = Counter()

    def restore(self, like: TrainState) -> tuple[TrainState, Metrics]:
        """The newest checkpoint's state, and the sums since the last row; the stream goes on
        there."""
        state, kept = self.checkpoints.restore(like)
        self.progress = Progress(**kept)
        if ("next" in self.progress.stream) and "next" not in self.stream.get_state():
            raise InputError(
                f"run {self.spec.run_id} was begun from packed files, and goes on from them alone: "
                f"bring its `packed` folder, or move {self.checkpoints.folder} away to begin anew"
            )
        self.stream.set_state(self.progress.stream)
        return state, Metrics(*map(jnp.float32, self.progress.pending))

    def read(self, counting: bool = True) -> dict[str, np.ndarray]:
        """The next batch, without the fates, which the device has no use for: they are counted."""
        batch = next(self.stream)
        fate = batch.pop("fate")
        if counting:
            self._counts.update(count_fates(fate))
        return batch

    def add_row(self, step: int, metrics: Metrics) -> str:
        """Waits for the device, adds a row to the history, and puts it in words."""
        loss, correct, tokens, useful = (float(x) for x in jax.device_get(metrics))
        progress = self.progress
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
        """Writes a checkpoint, with what all hosts have read until now."""
        spec, progress = self.spec, self.progress
        hosts = devices.gathered({"stream": self.stream.get_state(), "counts": dict(self._counts)})
        progress.stream = _position([host["stream"] for host in hosts])
        for name, n in sum((Counter(host["counts"]) for host in hosts), Counter()).items():
            setattr(progress, name, getattr(progress, name) + n)
        self._counts.clear()
        progress.tokens = step * spec.batch_size * (spec.inputs_length + spec.targets_length)
        progress.pending = [float(x) for x in jax.device_get(metrics)]
        self.checkpoints.save(step, state, progress.__dict__)

    def close(self) -> None:
        self.stream.close()
        self.checkpoints.close()


def _position(states: list[dict]) -> dict:
    """The whole stream's, from what each host has of it: of other hosts' shards it has None."""
    if "shards" not in states[0]:
        return states[0]
    each = zip(*(state["shards"] for state in states), strict=True)
    return {"shards": [next(s for s in found if s is not None) for found in each]}


class Clock:
    """Seconds of training, from `before` on.

    Args:
        before: of the run's earlier processes.
    """

    def __init__(self, before: float):
        self._before, self._started = before, time.monotonic()
        self._saved = self._started

    @property
    def seconds(self) -> float:
        return self._before + time.monotonic() - self._started

    @property
    def since_saved(self) -> float:
        return time.monotonic() - self._saved

    def stand(self, seconds: float) -> None:
        """So many seconds were no part of training."""
        self._started += seconds

    def saved(self) -> None:
        self._saved = time.monotonic()


def stream_of(spec: RunSpec, rows: slice | None, batches: Callable | None) -> Batches:
    """The run's batches: those that are given, or made here."""
    if batches:
        return batches(rows)
    from flanrepro.data.packing import pack  # Grain, which a machine that trains from files lacks

    return pack(
        spec.load_examples(),
        batch_size=spec.batch_size,
        inputs_length=spec.inputs_length,
        targets_length=spec.targets_length,
        shards=spec.shards,
        rows=rows,
    )


def check_start(spec: RunSpec, config: T5Config, start: dict | None) -> None:
    """InputError unless `start` is there when the run has one, and fits its model; and the run is
    the local engine's."""
    if spec.engine != "local":
        raise InputError(
            f"run {spec.run_id} is of engine '{spec.engine}', which trains it as a whole and alone "
            "(`RunStore.get`): ask for that, or for the run of engine 'local'"
        )
    if bool(spec.start) != (start is not None):
        raise InputError(
            f"the run's start is '{spec.start}' and its parameters were "
            + ("not given: " if spec.start else "given: ")
            + "train it through a RunStore, which knows where they are"
        )
    if start is None:
        return
    trees = (start, param_shapes(config))
    shapes, expected = ({name: leaf.shape for name, leaf in _leaves(tree)} for tree in trees)
    for name in [*expected, *shapes]:
        if shapes.get(name) != expected.get(name):
            raise InputError(
                f"the start '{spec.start}' does not fit model '{spec.model}' with vocabulary "
                f"'{spec.vocabulary}': its {name} has shape {shapes.get(name)}, expected "
                f"{expected.get(name)}; start from a checkpoint of that model and vocabulary"
            )


def _leaves(params: dict) -> list[tuple[str, np.ndarray]]:
    paths = jax.tree_util.tree_leaves_with_path(params)
    return [("/".join(key.key for key in path), leaf) for path, leaf in paths]


def _call(each: Callable[[int, dict], None], step: int, params: dict, mesh) -> float:
    """Calls the hook, on the first host; gives its seconds, which are no part of training."""
    jax.block_until_ready(params)
    before = time.monotonic()
    params = devices.on_host(params, mesh)
    if jax.process_index() == 0:
        each(step, params)
    return time.monotonic() - before


def progress_bar(name: str, first: int, last: int) -> tqdm:
    return tqdm(
        range(first, last),
        initial=first,
        total=last,
        desc=name,
        disable=not name,
        mininterval=1.0,
        leave=False,
        dynamic_ncols=True,
    )
