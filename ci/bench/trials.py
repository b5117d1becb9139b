"""Tries hyperparameters of tuning on Flan 2022's mixture: `python -m ci.bench.trials`.

What is chosen by is the validation of training tasks and what is kept of the facts as statements.
No suite of the papers' claims is looked at.
"""

import dataclasses
import itertools
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from ci.bench.common import OUT, tell
from flanrepro.experiments import condition_scores
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.store import RunStore
from flanrepro.sources import load_collection
from flanrepro.training.spec import RunSpec

app = typer.Typer(add_completion=False, help=__doc__)


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


def points(
    base: RunSpec, steps: str, rates: str, replays: str, optimizers: str = "adamw"
) -> list[RunSpec]:
    """The specs of the grid, behind the untuned one; texts are numbers with commas between."""
    grid = itertools.product(
        optimizers.split(","), map(int, _numbers(steps)), _numbers(rates), _numbers(replays)
    )
    untuned = dataclasses.replace(base, steps=0, warmup_steps=0, decay_steps=0)
    return [
        untuned,
        *(
            dataclasses.replace(
                base,
                optimizer=optimizer,
                steps=n,
                warmup_steps=n // 20,
                decay_steps=n - n // 20,
                learning_rate=rate,
                replay=replay,
            )
            for optimizer, n, rate, replay in grid
        ),
    ]


@app.command()
def trials(
    store: Annotated[Path, typer.Option(help="folder of the runs")],
    collection: str = "pocket",
    model: str = "nano",
    profile: str = "quick",
    rates: Annotated[str, typer.Option(help="learning rates")] = "3e-4,1e-3,3e-3",
    replays: Annotated[str, typer.Option(help="shares of pretraining text")] = "0,0.05",
    steps: Annotated[str, typer.Option(help="numbers of steps; the rate falls in 95 % of them")] = (
        "4000"
    ),
    optimizers: Annotated[str, typer.Option(help="names of optimizers")] = "adamw",
    start: Annotated[str, typer.Option(help="run or checkpoint; empty: the shipped one")] = "",
    out: Annotated[Path, typer.Option(help="folder of the table")] = OUT,
) -> None:
    """Train one run per point of the grid, and score each on training tasks alone."""
    job = Job(collection=collection, model=model, profile=profile, seeds=1)
    base = next(job.specs(mixture="flan2022"))
    base = dataclasses.replace(base, start=start or base.start)
    runs, rows = RunStore(store), []
    loaded = load_collection(collection)
    for spec in points(base, steps, rates, replays, optimizers):
        run = runs.get(spec)
        trained = condition_scores.validation_of_training(loaded)
        on_training = condition_scores.asked([run], trained, 0, condition_scores.SAMPLE_ITEMS)
        kept = condition_scores.completed([run], loaded.suites["completion"])
        rows.append(
            {
                "run": spec.run_id,
                "start": spec.start,
                "seed": spec.seed,
                "optimizer": spec.optimizer,
                "steps": spec.steps,
                "learning_rate": spec.learning_rate if spec.steps else None,
                "replay": spec.replay,
                "prompts": run.manifest["examples"],
                "training_tasks": on_training.value,
                "training_error": on_training.errors[0],
                "n": on_training.n,
                "facts": kept.value,
                "loss": run.metrics()["loss"].iloc[-1] if spec.steps else None,
                "seconds": run.manifest["seconds"],
                "device": run.manifest["device"],
            }
        )
        tell(pd.DataFrame(rows), out / f"trials_{collection}_{model}.csv")


if __name__ == "__main__":
    app()
