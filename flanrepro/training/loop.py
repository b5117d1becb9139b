"""The local engine: one training run from its spec to its last checkpoint."""

import contextlib
import math
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

from flanrepro import bars
from flanrepro.errors import InputError
from flanrepro.model.kernels import PLAIN, chosen
from flanrepro.model.network import param_shapes
from flanrepro.model.sizes import DECODER_ONLY_SIZES, T5Config
from flanrepro.model.soft_prompt import with_prompt
from flanrepro.training import mesh as devices
from flanrepro.training.memory import check_memory
from flanrepro.training.progress import Batches, OpenRun, Progress
from flanrepro.training.spec import RunSpec
from flanrepro.training.step import Metrics, init_state, make_train_step

LOG_EVERY = 25
"""Number of steps between readings of the metrics; only then does the host wait for the device."""


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
        spec: run to train.
        folder: path of its checkpoints.
        checkpoint_seconds: least time between two checkpoints.
        bar: name of a progress bar with loss, useful tokens/s and time left, see `flanrepro.bars`;
            empty: none.
        stop_at: step to stop at, with a checkpoint; None: the last.
        start: parameters that `spec.start` names, see `flanrepro.experiments.start`.
        each: function of a step and its parameters, e.g. to evaluate, called before training and
            then every `every` steps (0: never). After a stop it may be called again for steps after
            the checkpoint. The parameters are gone when it returns: keep a copy, or nothing.
        every: number of steps, see `each`.
        mesh: number of devices for data and for the model, e.g. `4x2`, see
            `flanrepro.training.mesh`.
        config: the spec's `model_config()`, where its vocabulary is not available.
        batches: function that gives the stream of some of each batch's rows (None: all), where the
            spec's own cannot be made, see `ci.gpu.packed_files`.

    Returns:
        the parameters and the progress.

    Raises:
        InputError: bad data, a mesh that does not fit, more than the devices' memory, a start that
            does not fit the model, a loss that is infinite or NaN, no prompt that fits, or a
            checkpoint that cannot be read or written.
    """
    # --- devices and data ---
    config = config or spec.model_config()
    spread = devices.make_mesh(mesh, spec.batch_size // spec.microbatches)
    check_memory(spec, config, spread)
    rows = devices.local_rows(spread, spec.batch_size)
    stream = stream_of(spec, rows, batches)

    # --- state ---
    check_start(spec, config, start)
    if spec.prompt_length:
        start = with_prompt(start, spec.prompt_length, spec.seed)
    state, metrics = init_state(config, *optimizer(spec), spec.seed, start, spread), Metrics.zero()
    run = OpenRun(spec, folder, stream)
    if run.checkpoints.latest is not None:
        state, metrics = run.restore(state)
    elif each:
        _call(each, 0, state.params, spread)
    metrics = devices.replicated(metrics, spread)
    key = devices.replicated(jax.random.key(spec.seed), spread)
    options = step_options(spec, spread)
    train_step = make_train_step(config, *optimizer(spec), **options, mesh=spread)

    # --- steps ---
    clock, counting = Clock(run.progress.seconds), devices.counts_rows(spread)
    last = min(stop_at or spec.steps, spec.steps)
    steps = bars.steps(bar, int(state.step), last)
    # Closed even on an error: an open prefetch thread aborts the interpreter when it exits.
    with contextlib.closing(run), contextlib.closing(steps):
        if spec.steps == 0 and run.checkpoints.latest is None:  # the start itself, to be evaluated
            run.save(0, state, metrics)
        for step in steps:
            batch = devices.put_batch(run.read(counting), spread, spec.batch_size)
            state, metrics = train_step(state, metrics, batch, key)
            if each and every and (step + 1) % every == 0:
                run.read_sums(metrics)  # a model of no numbers is not evaluated
                clock.stand(_call(each, step + 1, state.params, spread))
            # Rows depend on the spec alone, not on where a run was stopped.
            row, stop = (step + 1) % LOG_EVERY == 0 or step + 1 == spec.steps, step + 1 == last
            if not (row or stop):
                continue
            # Steps are dispatched ahead of the device; those that it still computes count, too.
            jax.block_until_ready(metrics)
            run.progress.seconds = clock.seconds
            if row:
                steps.set_postfix_str(run.add_row(step + 1, metrics))
                metrics = devices.replicated(Metrics.zero(), spread)
            # Clocks of hosts differ, and a checkpoint is written by all of them at the same step.
            if stop or devices.agreed(clock.since_saved > checkpoint_seconds):
                run.save(step + 1, state, metrics)
                clock.saved()
    if last == spec.steps:
        warn_of_guessing(spec, run.progress.history, config.vocab_size)
    return state.params, run.progress


class NothingLearnt(UserWarning):
    """A run ends no better than guessing."""


def warn_of_guessing(spec: RunSpec, history: list[dict], vocab_size: int) -> None:
    """Warns if the last loss, unless it is the only row's, is that of equal chances of all tokens.

    Too high a learning rate may end there, with numbers that are all finite.
    """
    guessing = math.log(vocab_size)
    if len(history) > 1 and history[-1]["loss"] > 0.99 * guessing:
        warnings.warn(
            f"run {spec.run_id} has learnt nothing: its last loss is {history[-1]['loss']:.2f} "
            f"nats per target token, as guessing among {vocab_size} has ({guessing:.2f}): "
            f"try another learning_rate than {spec.learning_rate:g}",
            NothingLearnt,
            stacklevel=3,
        )


def optimizer(spec: RunSpec) -> tuple:
    """Gives the arguments of `flanrepro.training.optimizer.make_optimizer`."""
    return spec.optimizer, spec.learning_rate_schedule(), spec.warmup_steps


def step_options(spec: RunSpec, mesh: jax.sharding.Mesh | None = None) -> dict:
    """Gives the other fields of a spec that `make_train_step` takes, and the device's kernels."""
    names = ("z_loss", "microbatches", "remat", "prompt_length")
    # On a mesh XLA divides the work, which it cannot do in a kernel that is not its own.
    kernels = chosen(spec.model, spec.dtype) if mesh is None else PLAIN
    return {name: getattr(spec, name) for name in names} | {"kernels": kernels}


class Clock:
    """A clock of training.

    Args:
        before: seconds that the run's earlier processes trained.
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
        """Leaves out seconds that were no part of training."""
        self._started += seconds

    def saved(self) -> None:
        self._saved = time.monotonic()


def stream_of(spec: RunSpec, rows: slice | None, batches: Callable | None) -> Batches:
    """Gives the run's batches: from `batches` if that is given, else made here."""
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
        decoder_only=spec.model in DECODER_ONLY_SIZES,
    )


def check_start(spec: RunSpec, config: T5Config, start: dict | None) -> None:
    """Raises InputError if the run is another engine's, or `start` is not the spec's."""
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
    if ("encoder" in start) == config.decoder_only:
        kinds = ("an encoder-decoder", "a decoder-only model")
        of, wanted = kinds if config.decoder_only else kinds[::-1]
        raise InputError(
            f"the start '{spec.start}' is a checkpoint of {of}, and model '{spec.model}' is "
            f"{wanted}: start from a checkpoint of that model, or take another model"
        )
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
    """Calls the hook on the first host; gives its seconds, which are no part of training."""
    # The steps before it are training, and may still run on the device.
    jax.block_until_ready(params)
    before = time.monotonic()
    # All hosts take part in the gathering, and the first alone calls.
    params = devices.on_host(params, mesh)
    if jax.process_index() == 0:
        each(step, params)
    return time.monotonic() - before
