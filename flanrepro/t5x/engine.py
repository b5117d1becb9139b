"""The T5X engine: a run trained by T5X's own train.py, in a process of its own, and brought back.

    run/checkpoints/    ours: the last parameters, as the local engine leaves them
    run/t5x/            T5X's: run.gin, spec.json, rows.jsonl, train.log
      start/            the parameters at step 0
      model/            T5X's MODEL_DIR: its own checkpoints, with the optimizer and the position in
                        the stream, and its event files

Both engines start from the same parameters and read the same prompts in the same order. Rows are
packed by SeqIO here and by Grain there, so batches are not the same. T5X's network keeps all
activations: `remat`, which changes no number, is the local engine's alone.
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
from tqdm import tqdm

from flanrepro import cluster
from flanrepro.errors import InputError
from flanrepro.model import t5x_checkpoint
from flanrepro.model.t5 import init_params
from flanrepro.t5x import rows
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
"""Modules; those of the first line are on no package index, or with another content."""


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
    """Trains `spec` under T5X to its last step, going on from T5X's newest checkpoint.

    Args:
        spec: what to train.
        folder: of the run.
        bar: show progress under this name; empty: not.
        start: the parameters that `spec.start` names, see `flanrepro.experiments.start`.
        each, every: of the local engine alone.
        mesh: devices for data and for the model, e.g. `4x2`; T5X takes all of them.

    Returns:
        parameters, and what was done: `loss` is the mean over steps of the loss per target token;
        how many prompts were truncated or dropped T5X does not count (None).

    Raises:
        InputError: T5X is not installed, has no such run, or ended before the last step.
    """
    _check(spec, start, each)
    # T5X's process needs the device's memory, of which this one would take most beforehand.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    home = folder.absolute() / "t5x"
    with contextlib.closing(Checkpoints(folder / "checkpoints")) as checkpoints:
        if checkpoints.latest is None:
            params = start if start is not None else init_params(spec.model_config(), spec.seed)
            if spec.steps:  # else it is the start itself, to be evaluated
                _prepare(spec, params, home, _partitions(mesh))
                _run(spec, home, bar)
                params, _ = t5x_checkpoint.read(home / "model")
            # The optimizer is in T5X's own checkpoint: it goes on from there or not at all.
            state = TrainState(jnp.int32(spec.steps), jax.tree.map(jnp.asarray, params), {})
            progress = rows.progress(home / "rows.jsonl", spec)
            checkpoints.save(spec.steps, state, dataclasses.asdict(progress))
    return restore_params(folder / "checkpoints"), rows.progress(home / "rows.jsonl", spec)


def missing_modules() -> list[str]:
    """What T5X needs and cannot be imported; nothing is."""
    return [name.partition(".")[0] for name in NEEDED if not _is_there(name)]


def _is_there(name: str) -> bool:
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError:  # of the package that it is in
        return False
    return found is not None and found.origin is not None  # a mere folder of that name has none


def _check(spec: RunSpec, start: dict | None, each: Callable | None) -> None:
    if missing := missing_modules():
        raise InputError(
            f"engine 't5x' needs T5X, and {', '.join(missing)} cannot be imported: install them "
            "with `make t5x`, or take engine 'local'"
        )
    if each:
        raise InputError(
            "engine 't5x' does not evaluate while it trains, as finetuning on a single task does: "
            "take engine 'local'"
        )
    if cluster.process()[1] > 1:
        raise InputError(
            "engine 't5x' starts T5X on one host: on several, start `python -m t5x.train` on each "
            "of them, see flanrepro/t5x/__init__.py; or take engine 'local'"
        )
    check_start(dataclasses.replace(spec, engine="local"), spec.model_config(), start)


def _partitions(mesh: str) -> int:
    """Devices that share a copy of the model."""
    data, model = cluster.mesh_shape(mesh) or (jax.device_count(), 1)
    if data * model != jax.device_count():
        raise InputError(
            f"mesh is {mesh} and engine 't5x' takes all {jax.device_count()} devices that there "
            "are: give it a mesh of so many, or none"
        )
    return model


def _prepare(spec: RunSpec, start: dict, home: Path, partitions: int) -> None:
    """Writes what T5X reads; of a run that was begun, drops what its checkpoint does not have."""
    write_whole(home / "run.gin", run_gin(spec, home, partitions))
    write_whole(home / "spec.json", json.dumps(dataclasses.asdict(spec), indent=1))
    if not (home / "start" / "checkpoint_0").exists():
        t5x_checkpoint.write(start, spec.model_config(), home / "start")
    # The first checkpoint may lack a batch: T5X looks at it while it writes the stream's position.
    shutil.rmtree(home / "model" / "checkpoint_0", ignore_errors=True)
    rows.cut(home / "rows.jsonl", _newest(home / "model"))


def _newest(model: Path) -> int:
    """The step of T5X's newest checkpoint; 0: there is none."""
    names = [path.name.removeprefix("checkpoint_") for path in model.glob("checkpoint_*")]
    return max((int(name) for name in names if name.isdecimal()), default=0)


def _run(spec: RunSpec, home: Path, bar: str) -> None:
    """Runs T5X to the last step; InputError with the end of its log if it does not get there."""
    command = [sys.executable, "-m", "flanrepro.t5x.launch", f"--gin_file={home / 'run.gin'}"]
    with (home / "train.log").open("a") as log:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=_environment()
        )
        try:
            _wait(child, home, spec, bar)
        finally:
            child.kill()
            child.wait()
            child.stdin.close()
    if child.returncode or not (home / "model" / f"checkpoint_{spec.steps}").is_dir():
        raise InputError(
            f"T5X ended with exit code {child.returncode} before step {spec.steps}: "
            f"{_last_words(home / 'train.log')}; {home / 'train.log'} says more. Mend that and "
            "start again: it goes on from its newest checkpoint"
        )


def _wait(child: subprocess.Popen, home: Path, spec: RunSpec, bar: str) -> None:
    with tqdm(
        desc=bar, total=spec.steps, disable=not bar, leave=False, dynamic_ncols=True
    ) as shown:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=1.0)
                return
            if bar and (row := rows.last(home / "rows.jsonl")):
                shown.n = row["step"]
                shown.set_postfix_str(f"loss {row['loss']:.3f}")


def _environment() -> dict[str, str]:
    """This process's, with what it can import, and where it keeps compiled programs."""
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    environment = {**os.environ, "PYTHONPATH": paths}
    if compiled := jax.config.jax_compilation_cache_dir:
        environment["JAX_COMPILATION_CACHE_DIR"] = str(compiled)
        environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    return environment


def _last_words(log: Path) -> str:
    """The last error in a log, or its last line."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Interrupt)\b", line)]
    return (errors or lines or ["nothing was said"])[-1][:300]
