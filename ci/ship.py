"""Takes over the scores of finished runs as those that ship: `python -m ci.ship OUT`.

OUT holds `runs/`. Whatever is finished of a profile with `shipped_seeds` is taken; figures and
tables are then drawn anew by `make figures`.
"""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from flanrepro.experiments.profiles import Job, profile_names
from flanrepro.experiments.results import finished
from flanrepro.experiments.shipped_scores import folder, ship
from flanrepro.experiments.store import Run
from flanrepro.training.spec import RunSpec


def main(
    out: Annotated[str, typer.Argument(help="folder with runs/")], collection: str = "pocket"
) -> None:
    """Write the tables and say what is in them."""
    of_profile = [Job(collection, profile=name, out=out) for name in profile_names(collection)]
    tables = []
    for job in of_profile:
        if seeds := job.settings.shipped_seeds:
            tables.append(finished(dataclasses.replace(job, seeds=seeds)))
    curves = pd.concat([of.pop("single_task") for of in tables if "single_task" in of])
    scores = pd.concat([table for of in tables for table in of.values()])
    root = of_profile[0].store.root
    runs = [Run(read_spec(root / name), root / name) for name in {*scores["run"], *curves["run"]}]
    ship(runs, scores, curves, collection)
    print(f"{len(runs)} runs -> {folder() / collection}")


def read_spec(run: Path) -> RunSpec:
    return RunSpec(**json.loads((run / "spec.json").read_text(encoding="utf-8")))


if __name__ == "__main__":
    typer.run(main)
