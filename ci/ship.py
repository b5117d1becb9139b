"""Takes over the scores of finished runs as those that ship: `python -m ci.ship OUT`.

OUT holds `runs/`. Whatever is finished of a profile with `shipped_seeds` is taken, and of Table 1
every prediction; figures and tables are then drawn anew by `make figures`. With `--add` what ships
stays, and the runs of OUT come to it, e.g. those of another size of the model.
"""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from flanrepro.experiments import predictions
from flanrepro.experiments.planned import EXAMPLES, example
from flanrepro.experiments.profiles import Job, profile_names
from flanrepro.experiments.results import finished
from flanrepro.experiments.shipped_scores import folder, read
from flanrepro.experiments.store import Run
from flanrepro.training.checksums import write_checksums
from flanrepro.training.spec import RunSpec

FACTS = ("seconds", "device", "cores", "git_commit", "python", "useful_tokens", "versions")
"""The fields of a run's manifest that ship."""

CURVES = ("run", "step", "metric", "validation", "test")
LOSSES = ("run", "step", "loss")


def main(
    out: Annotated[str, typer.Argument(help="folder with runs/")],
    collection: str = "pocket",
    add: Annotated[bool, typer.Option(help="keep what ships, without Table 1's runs anew")] = False,
) -> None:
    """Write the tables and say what is in them."""
    of_profile = [Job(collection, profile=name, out=out) for name in profile_names(collection)]
    tables = []
    for job in of_profile:
        if seeds := job.settings.shipped_seeds:
            tables.append(finished(dataclasses.replace(job, seeds=seeds)))
        others = {**job.settings.shipped_sizes, **job.settings.shipped_models}
        for size, seeds in others.items():
            tables.append(finished(dataclasses.replace(job, model=size, seeds=seeds)))
    curves = [of.pop("single_task") for of in tables if "single_task" in of]
    curves = pd.concat(curves) if curves else pd.DataFrame(columns=CURVES)
    scores = pd.concat([table for of in tables for table in of.values()])
    root = of_profile[0].store.root
    runs = [Run(read_spec(root / name), root / name) for name in {*scores["run"], *curves["run"]}]
    if not add:
        # The profile with most seeds has the others' runs of Table 1. Before `ship`, for the
        # checksums.
        most = max(of_profile, key=lambda job: job.settings.shipped_seeds)
        seeds = most.settings.shipped_seeds
        collected = predictions.collect(dataclasses.replace(most, seeds=seeds))
        predictions.write(collected, folder() / collection / predictions.NAME)
    ship(runs, scores, curves, collection, add=add)
    print(f"{len(runs)} runs -> {folder() / collection}")


def ship(runs, scores, curves, collection: str, to: Path | None = None, add: bool = False) -> None:
    """Writes finished runs and their scores as the tables that ship.

    Args:
        runs: finished `Run`s.
        scores: DataFrame from `flanrepro.experiments.results.scores`.
        curves: DataFrame from `flanrepro.experiments.single_task.curves`.
        collection: name of the runs' collection.
        to: folder to write to; None: the package's own.
        add: true: in addition to the tables that are there; false: in their place.
    """
    target = (to or folder()) / collection
    target.mkdir(parents=True, exist_ok=True)
    described = pd.DataFrame(_described(run.spec, run.manifest) for run in runs)
    keys = ["run", "suite", "shots", "asking", "items"]
    kept = scores[[*keys, "metric", "value", "chance", "standard_error", "n"]]
    steps = curves[[*CURVES]]
    looked_at = {example(Job(collection), sweep).run_id for sweep in EXAMPLES}
    losses = [
        run.metrics().assign(run=run.spec.run_id) for run in runs if run.spec.run_id in looked_at
    ]
    losses = pd.concat(losses) if losses else pd.DataFrame(columns=LOSSES)
    # Sweeps share runs, so a run can come several times. Sorted: only new scores change the files.
    tables = {
        "runs": (described, ["run"]),
        "scores": (kept, keys),
        "curves": (steps, ["run", "step"]),
        "losses": (losses[[*LOSSES]], ["run", "step"]),
    }
    # All are read before one is written: their checksums are those of all together.
    before = {name: read(target / f"{name}.csv") for name in tables if add}
    for name, (table, key) in tables.items():
        path = target / f"{name}.csv"
        if add:
            table = pd.concat([before[name], table.round(4)])
        table = table.drop_duplicates(key, keep="last").sort_values(key)
        table.round(4).to_csv(path, index=False)
    write_checksums(target)
    read.cache_clear()


def _described(spec: RunSpec, manifest: dict) -> dict:
    facts = {name: manifest[name] for name in FACTS}
    facts |= {
        "seconds": round(manifest["seconds"], 1),
        "versions": json.dumps(manifest["versions"]),
    }
    return {"run": spec.run_id, "spec": spec.to_json(), **facts}


def read_spec(run: Path) -> RunSpec:
    return RunSpec(**json.loads((run / "spec.json").read_text(encoding="utf-8")))


if __name__ == "__main__":
    typer.run(main)
