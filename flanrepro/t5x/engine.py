"""The T5X engine trains a run with T5X's own train.py, in a process of its own.

    run/checkpoints/    ours: the last parameters, as the local engine leaves them
    run/t5x/            T5X's: run.gin, spec.json, rows.jsonl (the history), train.log
      start/            the parameters at step 0
      model/            T5X's MODEL_DIR: its own checkpoints, with the optimizer and the position in
                        the stream, and its event files

Both engines start from the same parameters and read the same prompts in the same order. SeqIO packs
them into rows here, Grain there: the batches differ. T5X's network keeps all activations; `remat`,
which changes no number, is the local engine's alone.
"""

import contextlib
import dataclasses
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp

from flanrepro import allocator, bars, cluster
from flanrepro.errors import InputError
from flanrepro.model import t5x_checkpoint
from flanrepro.model.network import init_params
from flanrepro.model.sizes import DECODER_ONLY_SIZES
from flanrepro.t5x import history
from flanrepro.t5x.gin_files import run_gin
from flanrepro.training.checkpoint import Checkpoints, restore_params
from flanrepro.training.loop import Progress, check_start
from flanrepro.training.spec import RunSpec
from flanrepro.training.step import TrainState
from flanrepro.whole import write_whole

NEEDED = (
    *("t5x", "airio.core", "jestimator"),
    *("cached_property", "fiddle", "gin", "seqio", "tensorboard"),
)
"""Names of the modules that T5X needs. The first line's come from their repositories: T5X is on no
package index, and the other two do not work with T5X as the index has them."""

DECODER_ONLY = Path("examples", "decoder_only", "network.py")
"""Path of the decoder-only network in T5X's package. Its folder is no package of its own: T5X's
setup.py leaves it out, and only a checkout of its repository has it."""


def train(
    spec: RunSpec,
    folder: Path,
    *,
    bar: str = "",
    start: dict | None = None,
    each: Callable[[int, dict], None] | None = None,
    every: int = 0,
    mesh: str = "",
) -> tuple[dict, Progress]:
    """Train `spec` under T5X to its last step, going on from T5X's newest checkpoint.

    Args:
        spec: the run to train.
        folder: path of the run's folder.
        bar: name beside the progress bar; empty: no bar.
        start: tree of the parameters that `spec.start` names, see `flanrepro.experiments.start`.
        each, every: see `flanrepro.training.loop.train`; T5X has neither.
        mesh: numbers of devices for data and for the model, e.g. `4x2`; T5X takes all there are.

    Returns:
        The parameters, and what was done. `loss` is the mean over steps of the loss per target
        token; the numbers of prompts that were too long are None, as T5X does not count them.

    Raises:
        InputError: T5X is not installed, cannot train such a run, or ended before the last step.
    """
    _check(spec, start, each)
    # T5X's process needs the device's memory, most of which JAX would reserve for this one.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    home = folder.absolute() / "t5x"
    with contextlib.closing(Checkpoints(folder / "checkpoints")) as checkpoints:
        if checkpoints.latest is None:
            params = start if start is not None else init_params(spec.model_config(), spec.seed)
            if spec.steps:  # a run of no steps is its start, to be evaluated
                _prepare(spec, params, home, _partitions(mesh))
                _run(spec, home, bar)
                params, _ = t5x_checkpoint.read(home / "model")
            # No optimizer: its state is in T5X's own checkpoint, from which alone T5X goes on.
            state = TrainState(jnp.int32(spec.steps), jax.tree.map(jnp.asarray, params), {})
            progress = history.progress(home / history.FILE, spec)
            checkpoints.save(spec.steps, state, dataclasses.asdict(progress))
    params = restore_params(folder / "checkpoints", spec.steps)
    return params, history.progress(home / history.FILE, spec)


def missing_modules() -> list[str]:
    """List the packages that T5X needs and Python does not find, without importing any."""
    return [name.partition(".")[0] for name in NEEDED if not _is_there(name)]


def has_decoder_only() -> bool:
    """Tell if the T5X that is installed has the network of decoder-only models."""
    # As a file: to look for a module inside of T5X would import T5X.
    found = importlib.util.find_spec("t5x")
    return bool(found and found.origin) and (Path(found.origin).parent / DECODER_ONLY).is_file()


def _is_there(name: str) -> bool:
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError:  # the package around it is missing
        return False
    # A mere folder of that name is found too, as a namespace package, which has no origin.
    return found is not None and found.origin is not None


def _check(spec: RunSpec, start: dict | None, each: Callable | None) -> None:
    if missing := missing_modules():
        raise InputError(
            f"engine 't5x' needs T5X, and {', '.join(missing)} cannot be imported: install what is "
            "missing with `make t5x`, or take engine 'local'"
        )
    if spec.model in DECODER_ONLY_SIZES and not has_decoder_only():
        raise InputError(
            f"model '{spec.model}' is decoder-only, and the T5X that is installed lacks the "
            f"network of such models, t5x/{DECODER_ONLY}: put the folder of a checkout of T5X's "
            "repository into PYTHONPATH, or take engine 'local'"
        )
    if each:
        raise InputError(
            "engine 't5x' does not evaluate while it trains, as finetuning on a single task does: "
            "take engine 'local'"
        )
    if cluster.process()[1] > 1:
        raise InputError(
            "engine 't5x' starts T5X on one host, and this is one of several: start `python -m "
            "t5x.train` on each of them, see flanrepro/t5x/__init__.py; or take engine 'local'"
        )
    # The start is checked as in the local engine, whose check refuses every other engine's runs.
    check_start(dataclasses.replace(spec, engine="local"), spec.model_config(), start)


def _partitions(mesh: str) -> int:
    """Return the number of devices that share a copy of the model."""
    count = jax.device_count()
    data, model = cluster.mesh_shape(mesh) or (count, 1)
    if data * model != count:
        raise InputError(
            f"mesh is {mesh}, which is {data * model} devices, and engine 't5x' takes all {count} "
            f"that there are: give a mesh of {count} devices, or leave it out"
        )
    return model


def _prepare(spec: RunSpec, start: dict, home: Path, partitions: int) -> None:
    """Write what T5X reads, and take a run that was killed back to its newest checkpoint."""
    write_whole(home / "run.gin", run_gin(spec, home, partitions))
    write_whole(home / "spec.json", json.dumps(dataclasses.asdict(spec), indent=1))
    if not (home / "start" / "checkpoint_0").exists():
        t5x_checkpoint.write(start, spec.model_config(), home / "start")
    # T5X reads the first batch ahead while it writes checkpoint_0: the stream's position in it may
    # be the one after that batch, which a run that goes on from there would miss.
    shutil.rmtree(home / "model" / "checkpoint_0", ignore_errors=True)
    history.drop_after(home / history.FILE, _newest(home / "model"))


def _newest(model: Path) -> int:
    """Find the step of T5X's newest checkpoint; 0: there is none."""
    names = [path.name.removeprefix("checkpoint_") for path in model.glob("checkpoint_*")]
    return max((int(name) for name in names if name.isdecimal()), default=0)


def _run(spec: RunSpec, home: Path, bar: str) -> None:
    """Run T5X to the last step; raise InputError with its last words if it does not get there."""
    command = [sys.executable, "-m", "flanrepro.t5x.launch", f"--gin_file={home / 'run.gin'}"]
    with (home / "train.log").open("a") as log:
        # Its standard input ends with this process, however that ends, and the child with it.
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=_environment()
        )
        try:
            _wait(child, home, spec, bar)
        finally:  # on Ctrl-C too: a notebook's kernel lives on, and T5X would with it
            child.kill()
            child.wait()
            child.stdin.close()
    if child.returncode or not (home / "model" / f"checkpoint_{spec.steps}").is_dir():
        raise InputError(
            f"T5X ended with exit code {child.returncode} before step {spec.steps}: "
            f"{_last_words(home / 'train.log')}; {home / 'train.log'} says more. Mend that and "
            "start again: the run goes on from its newest checkpoint"
        )


def _wait(child: subprocess.Popen, home: Path, spec: RunSpec, bar: str) -> None:
    """Wait for T5X to end, and show its newest row meanwhile."""
    with contextlib.closing(bars.steps(bar, 0, spec.steps)) as shown:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=1.0)
                return
            if bar and (row := history.last(home / history.FILE)):
                shown.n = row["step"]
                shown.set_postfix_str(f"loss {row['loss']:.3f}")


def _environment() -> dict[str, str]:
    """Return this process's environment, with its import path and its compiled programs' folder."""
    # In `sys.path` the working folder may be an empty entry, which in PYTHONPATH would be none.
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    # T5X's train steps are XLA's, too. TensorFlow, which reads the prompts, shares the one arena.
    environment = {**os.environ, **allocator.environment(), "PYTHONPATH": paths}
    if compiled := jax.config.jax_compilation_cache_dir:
        environment["JAX_COMPILATION_CACHE_DIR"] = str(compiled)
        # JAX would keep only what takes a second to compile, and nano takes less.
        environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    return environment


def _last_words(log: Path) -> str:
    """Find the last error in a log, or else its last line."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Interrupt)\b", line)]
    return (errors or lines or ["it wrote nothing"])[-1][:300]
