"""What the kills interrupt: small work of every kind, as a process of its own.

`python -c "from ci.chaos.work import main; main()" NAME FOLDER` does it. A function, since the
workers of a sweep import it, and could not from `__main__`.
"""

import functools
import sys
from dataclasses import replace
from pathlib import Path

from flanrepro.errors import InputError
from flanrepro.experiments.store import RunStore
from flanrepro.training.spec import RunSpec

SPEC = RunSpec(
    collection="pocket",
    model="nano",
    vocabulary="pocket",
    steps=30,
    batch_size=4,
    inputs_length=64,
    targets_length=16,
    learning_rate=2e-3,
    dropout_rate=0.1,  # its draws are part of what is resumed
)


def often() -> None:
    """Makes every fifth step one with a row and a checkpoint, in this process."""
    from flanrepro.training import loop

    loop.LOG_EVERY = 5
    loop.train.__kwdefaults__["checkpoint_seconds"] = 0.0


def train(root: Path, spec: RunSpec = SPEC) -> None:
    often()
    RunStore(root).get(spec)


def _train_and_score(root: Path, spec: RunSpec) -> None:
    train(root, spec)
    RunStore(root).get(spec).scores("held_in", 0, 1)


def _done(root: Path, spec: RunSpec) -> bool:
    run = RunStore(root).find(spec)
    return bool(run) and run.has_scores("held_in", 0, 1)


def sweep(root: Path) -> None:
    from flanrepro.experiments.runner import run_sweep

    specs = [replace(SPEC, steps=10, seed=seed) for seed in range(4)]
    do, done = (functools.partial(function, root) for function in (_train_and_score, _done))
    run_sweep(do, specs, done=done, workers=2)


def evaluate(root: Path) -> None:
    from flanrepro.experiments.models import score_models

    names = ("random", "majority", "pocket-nano")
    score_models(names, "pocket", ("held_in", "mmlu", "bbh"), root, shots=(0, 1), items=1)


WORKS = {"training": train, "sweep": sweep, "evaluation": evaluate}


def main() -> None:
    """Does the work that the arguments name; bad input ends in its sentence and status 2."""
    name, folder = sys.argv[1:]
    try:
        WORKS[name](Path(folder))
    except InputError as error:
        print(f"flanrepro: {error}", file=sys.stderr)
        sys.exit(2)
