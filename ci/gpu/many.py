"""Many small runs at once: one step of all of them is one program (`jax.vmap` over runs).

A step of a small model leaves most of a GPU idle. Side by side are runs whose steps have the same
shapes and the same optimizer; seeds and mixtures are their own, and so are their streams, their
losses and their checkpoints: each ends as if it were alone, up to rounding.
"""

import contextlib
import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from flanrepro import bars
from flanrepro.errors import InputError
from flanrepro.experiments.store import Run, RunStore, write_results
from flanrepro.model import compile_cache
from flanrepro.model.sizes import T5Config
from flanrepro.training import loop
from flanrepro.training.spec import RunSpec
from flanrepro.training.step import Metrics, init_state, make_train_step

ALIKE = (
    "model", "vocabulary", "steps", "batch_size", "inputs_length", "targets_length",
    "learning_rate", "optimizer", "warmup_steps", "decay_steps", "dropout_rate", "z_loss", "dtype",
    "microbatches", "remat",
)  # fmt: skip
"""Fields of a `RunSpec` that runs at once have in common."""


def alike(spec: RunSpec) -> tuple:
    """Equal for runs that can be trained at once."""
    return tuple(getattr(spec, name) for name in ALIKE)


def train_many(
    specs: Sequence[RunSpec],
    folders: Sequence[Path],
    inputs: Sequence[dict],
    *,
    checkpoint_seconds: float = 30.0,
    bar: str = "",
    stop_at: int | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> list[loop.Progress]:
    """Trains runs side by side on one device, going on from the newest step that all have.

    Args:
        specs: runs that are equal in `ALIKE`.
        folders: paths for each run's checkpoints.
        inputs: for each run, what `flanrepro.training.loop.train` takes as `config`, `batches` and
            `start`, where it is not to be made here.
        checkpoint_seconds, bar, stop_at: see `flanrepro.training.loop.train`.
        stop: function that is asked at every row of the history whether to stop there, with a
            checkpoint.

    Returns:
        what each run has done; its `seconds` are its share of all runs' time.

    Raises:
        InputError: runs that cannot be trained at once, or as `flanrepro.training.loop.train`.
    """
    _check_alike(specs)
    first, config = specs[0], inputs[0].get("config") or specs[0].model_config()

    # --- state ---
    states = []
    for spec, given in zip(specs, inputs, strict=True):
        loop.check_start(spec, config, given.get("start"))
        states.append(init_state(config, *loop.optimizer(spec), spec.seed, given.get("start")))
    streams = [
        loop.stream_of(s, None, g.get("batches")) for s, g in zip(specs, inputs, strict=True)
    ]
    runs = [loop.OpenRun(*one) for one in zip(specs, folders, streams, strict=True)]
    sums = [Metrics.zero() for _ in runs]
    begin = min(run.checkpoints.latest or 0 for run in runs)
    for run in runs:
        # Each keeps its newest two: a kill between two savings leaves some of them one ahead.
        run.checkpoints.back_to(begin)
    if begin:
        restored = [run.restore(s) for run, s in zip(runs, states, strict=True)]
        states, sums = map(list, zip(*restored, strict=True))
        if any(int(one.step) != begin for one in states):  # one of an older version was damaged
            raise InputError(
                f"the runs' checkpoints of step {begin} cannot all be read: train them one by one"
            )
    state, metrics, zero = stacked(states), stacked(sums), stacked([Metrics.zero()] * len(runs))
    keys = jnp.stack([jax.random.key(spec.seed) for spec in specs])
    options = tuple(loop.step_options(first).items())
    train_step = make_step(config, loop.optimizer(first), options)

    # --- steps ---
    clock = loop.Clock(sum(run.progress.seconds for run in runs))
    last = min(stop_at or first.steps, first.steps)
    steps = bars.steps(bar, begin, last)
    with contextlib.ExitStack() as stack:
        for one in (*runs, steps):
            stack.enter_context(contextlib.closing(one))
        for step in steps:
            each = [run.read() for run in runs]
            batch = {name: np.stack([rows[name] for rows in each]) for name in each[0]}
            state, metrics = train_step(state, metrics, batch, keys)
            row = (step + 1) % loop.LOG_EVERY == 0 or step + 1 == first.steps
            ends = step + 1 == last
            if not (row or ends):
                continue
            ends = ends or stop()
            here = jax.device_get(metrics)
            for i, run in enumerate(runs):
                run.progress.seconds = clock.seconds / len(runs)
                if row:
                    steps.set_postfix_str(run.add_row(step + 1, _of(here, i)))
            if row:
                metrics, here = zero, jax.device_get(zero)
            if ends or clock.since_saved > checkpoint_seconds:
                for i, run in enumerate(runs):
                    run.save(step + 1, _of(state, i), _of(here, i))
                clock.saved()
            if ends:
                break
    return [run.progress for run in runs]


def _check_alike(specs: Sequence[RunSpec]) -> None:
    first = specs[0]
    for spec in specs:
        if alike(spec) != alike(first):
            other = next(n for n in ALIKE if getattr(spec, n) != getattr(first, n))
            raise InputError(
                f"runs {first.run_id} and {spec.run_id} cannot be trained at once: their {other} "
                f"is {getattr(first, other)!r} and {getattr(spec, other)!r}; train them one by one"
            )


@functools.cache
def make_step(config: T5Config, optimizer: tuple, options: tuple):
    """The step of `make_train_step` for runs that are stacked in a first axis.

    Args:
        config, optimizer: as `make_train_step` takes them.
        options: pairs of its keyword arguments.
    """
    step = make_train_step(config, *optimizer, **dict(options))
    # The sums of metrics are not donated: the zeros are taken again and again.
    return jax.jit(jax.vmap(step), donate_argnums=0)


def stacked(trees: list):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def _of(tree, i: int):
    """The i-th run's part."""
    return jax.tree.map(lambda leaf: leaf[i], tree)


def get_many(
    store: RunStore,
    specs: Sequence[RunSpec],
    *,
    bar: str = "",
    stop: Callable[[], bool] = lambda: False,
) -> list[Run]:
    """The finished runs of `specs`, as `RunStore.get` gives one: trained at once, if at all.

    Args:
        store: the one that has them, or gets them.
        specs, bar, stop: see `train_many`.

    Returns:
        the finished ones: all of them, unless `stop` said to stop, or one is another process's.
    """
    with contextlib.ExitStack() as stack:
        # In one order, so that no two processes wait for each other.
        left = sorted((s for s in specs if not store.find(s)), key=lambda spec: spec.run_id)
        folders = [stack.enter_context(store.own(spec)) for spec in left]
        left = {s: folder for s, folder in zip(left, folders, strict=True) if not store.find(s)}
        if left:
            compile_cache.enable()
            checkpoints = [folder / "checkpoints" for folder in left.values()]
            inputs = [store.inputs(spec, store.root) for spec in left]
            done = train_many(list(left), checkpoints, inputs, bar=bar, stop=stop)
            for (spec, folder), progress in zip(left.items(), done, strict=True):
                if progress.history and progress.history[-1]["step"] == spec.steps:
                    write_results(spec, folder, progress)
    return [run for run in map(store.find, specs) if run]
