"""Why pocket's first edition shows the opposite: `python -m ci.bench.first_edition PART`.

Every part trains `nano` from the shipped checkpoint, one run after the other, with the profile's
hyperparameters but for what the part varies, and scores each run. Runs and their scores stay in
`--out`, so that a part that is stopped goes on where it was. Tables go to figures/bench/ as CSV, a
row per run and score.
"""

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from ci.bench import first_edition_scores as scores
from ci.bench.common import OUT, tell
from flanrepro.collection.named import named_mixture
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.store import Run
from flanrepro.experiments.sweep import ABLATIONS, COLLECTIONS_OF_TABLE_1
from flanrepro.sources import load_collection
from flanrepro.training.spec import RunSpec
from flanrepro.whole import write_whole

app = typer.Typer(add_completion=False, help=__doc__)

Out = Annotated[Path, typer.Option(help="folder of the runs and their scores")]
Profile = Annotated[str, typer.Option(help="quick; smoke to try the command")]
Tables = Annotated[Path, typer.Option(help="folder of the tables")]
Steps = Annotated[int, typer.Option(help="number of steps of each run")]
Lengths = Annotated[str, typer.Option(help="numbers of steps, in the order of the runs")]
Rates = Annotated[str, typer.Option(help="learning rates, in the order of the runs")]

WARM_UP = 50
SUBSETS = (8, 50, 200)
"""Numbers of tasks in profile `quick`'s Figure 4."""


@app.command()
def rates(
    out: Out,
    rates: Rates = "1e-4,3e-4,1e-3,3e-3",
    steps: Lengths = "1000,10000",
    profile: Profile = "quick",
    tables: Tables = OUT,
) -> None:
    """Vary the learning rate and the length."""
    job = _job(out, profile)
    specs = [_untuned(job)]
    for length in map(int, steps.split(",")):
        for rate in map(float, rates.split(",")):
            specs.append(_spec(job, length, learning_rate=rate, mixture="flan2022"))
    _measure("rates", job, specs, tables)


@app.command()
def replay(
    out: Out,
    shares: Annotated[str, typer.Option(help="shares of pretraining text")] = "0,0.01,0.05",
    rates: Rates = "1e-3,3e-3",
    steps: Steps = 1000,
    profile: Profile = "quick",
    tables: Tables = OUT,
) -> None:
    """Vary the share of pretraining text among the examples."""
    job = _job(out, profile)
    specs = [
        _spec(job, steps, learning_rate=rate, mixture="flan2022", replay=share)
        for rate in map(float, rates.split(","))
        for share in map(float, shares.split(","))
    ]
    _measure("replay", job, specs, tables)


@app.command()
def operations(
    out: Out,
    numbers: Annotated[
        str, typer.Option(help="numbers of operations trained on; 0: all that are not held out")
    ] = "8,50,200,0",
    steps: Steps = 4000,
    profile: Profile = "quick",
    tables: Tables = OUT,
) -> None:
    """Hold a tenth of the operations out, and vary how many of the others are trained on."""
    job, (trained, held_out) = _job(out, profile), scores.operations()
    specs = [_untuned(job)]
    for number in map(int, numbers.split(",")):
        names = tuple(sorted(trained[: number or len(trained)]))
        specs.append(_spec(job, steps, learning_rate=1e-3, mixture="", tasks=names))
    _measure("operations", job, specs, tables, held_out)


@app.command()
def exposure(
    draws: Annotated[int, typer.Option(help="prompts per mixture")] = 32_850, tables: Tables = OUT
) -> None:
    """Count what a run of 1,000 steps reads: shares of its prompts, by mixture."""
    collection = load_collection("pocket")
    wanted = [(name, None) for name in (*COLLECTIONS_OF_TABLE_1, *ABLATIONS)]
    wanted += [("flan2022_without_few_shot", subset) for subset in SUBSETS]
    rows = []
    for name, subset in wanted:
        mixture = named_mixture(name, collection, seed=0, subset=subset).mixture
        drawn = mixture.drawn(draws)
        each = list(zip(mixture.tasks, drawn, strict=True))
        counts = {
            "held_in": sum(n for task, n in each if task.name in collection.held_in),
            "cot": sum(n for task, n in each if task.source == "cot"),
            "niv2": sum(n for task, n in each if task.source == "niv2"),
            "inverted": sum(mixture[i].inverted for i in range(draws)),
        }
        row = {"mixture": name, "tasks": len(mixture.tasks), "prompts": draws}
        row["median_of_a_task"] = int(np.median(drawn))
        rows.append(row | {share: 100 * n / draws for share, n in counts.items()})
    tell(pd.DataFrame(rows), tables / "first_edition_exposure.csv", digits="%.4g")


def _job(out: Path, profile: str) -> Job:
    return Job(profile=profile, model="nano", seeds=1, out=str(out))


def _spec(job: Job, steps: int, **changes: Any) -> RunSpec:
    warm_up = min(WARM_UP, steps)
    shape = {"steps": steps, "warmup_steps": warm_up, "decay_steps": steps - warm_up}
    return next(job.specs(**shape, **changes))


def _untuned(job: Job) -> RunSpec:
    return _spec(job, 0, mixture="flan2022")


def _measure(
    part: str,
    job: Job,
    specs: Iterable[RunSpec],
    tables: Path,
    held_out: tuple[str, ...] = (),
) -> None:
    """Trains and scores the runs, and adds each one's rows to the part's table when it is done."""
    path = tables / f"first_edition_{part}.csv"
    # Another call of the part may have measured other runs.
    rows = pd.read_csv(path, dtype={"run": str}).to_dict("records") if path.is_file() else []
    for spec in specs:
        began = time.monotonic()
        run = job.store.get(spec, bar=f"{part} {spec.steps} x {spec.learning_rate:g}")
        own = list(_rows(job, run, held_out))
        rows = [row for row in rows if row["run"] != spec.run_id] + own
        write_whole(path, pd.DataFrame(rows).to_csv(index=False, float_format="%.4g"))
        print(f"{part} {spec.run_id}: {time.monotonic() - began:,.0f} s", flush=True)
        print(pd.DataFrame(own)[["score", "shots", "method", "value", "n"]].to_string(), flush=True)


def _rows(job: Job, run: Run, held_out: tuple[str, ...]) -> Iterator[dict]:
    """Every score of a run, with what the run is."""
    spec, manifest = run.spec, run.manifest
    what = {
        "run": spec.run_id,
        "seed": spec.seed,
        "steps": spec.steps,
        "learning_rate": spec.learning_rate if spec.steps else 0,
        "replay": spec.replay,
        "tasks": len(spec.load_mixture().tasks) if spec.steps else 0,
        "prompts": manifest["examples"],
    }
    where = {"seconds": manifest["seconds"], "device": manifest["device"]}
    for suite in job.settings.suites:
        for shots in (0, job.shots(suite)):
            row = run.scores(suite, shots, job.settings.items_of(suite), "decode")[-1]
            kept = {name: row[name] for name in ("value", "chance", "n")}
            yield {**what, "score": suite, "shots": shots, "method": "decode", **kept, **where}
    for row in _others(run, held_out):
        yield {**what, **row, **where}


def _others(run: Run, held_out: tuple[str, ...]) -> list[dict]:
    """The scores that are of no suite, kept beside the run's others."""
    path = run.folder / f"first_edition{'_operations' if held_out else ''}.json"
    if path.is_file():
        return json.loads(path.read_text("utf-8"))
    model, suites = run.model(), scores.others()
    if held_out:
        suites |= scores.on_operations(run.spec.tasks, held_out)
    rows = [scores.score(name, model, suite) for name, suite in suites.items()]
    write_whole(path, json.dumps(rows))
    return rows


if __name__ == "__main__":
    app()
