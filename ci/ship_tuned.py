"""Takes over a finished run as the tuned model that ships: `python -m ci.ship_tuned OUT`.

OUT holds `runs/` with the first run of `flan2022` at `quick`. Its weights are scored as they ship,
in float16, beside the scores of the same run that ship.
"""

import dataclasses
import tempfile
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import pandas as pd
import typer

from flanrepro.errors import InputError
from flanrepro.experiments.export import export
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.scores import scores_of
from flanrepro.experiments.shipped_scores import shipped_table
from flanrepro.experiments.store import Run
from flanrepro.experiments.sweep import SWEEPS
from flanrepro.model import pretrained


def main(out: Annotated[str, typer.Argument(help="folder with runs/")]) -> None:
    """Write weights, loss curve and card, and say how far the scores are from those that ship."""
    job = Job(seeds=1, out=out)
    run = job.store.find(next(job.specs(mixture="flan2022")))
    if run is None:
        raise InputError(f"the first run of flan2022 is not finished in {job.store.root}: train it")
    table = scores(job, run, Path(out) / "float16")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.csv"
        table.to_csv(path, index=False)
        print(table.round(2).to_string(index=False))
        print(export([run], pretrained.FOLDER, path).name)


def scores(job: Job, run: Run, folder: Path) -> pd.DataFrame:
    """The scores of these weights on Table 1's suites, beside those of the same run that ship."""
    half = jax.tree.map(lambda leaf: np.float32(np.float16(leaf)), run.params())
    model = dataclasses.replace(run.model(), params=half)
    spec, rows = run.spec, []
    for suite, shots in SWEEPS["ablations"].evaluated(job):
        items = job.settings.items_of(suite)
        lengths = (spec.room, spec.targets_length)
        collection = spec.load_collection()
        own = scores_of(folder, lambda: model, collection, suite, shots, items, lengths=lengths)
        value, ships = own[-1]["value"], _shipped(spec.run_id, suite, shots, items)
        rows.append(
            {"suite": suite, "shots": shots, "value": value}
            | {"in float32": run.scores(suite, shots, items)[-1]["value"], "shipped score": ships}
            | {"difference": value - ships, "chance": own[-1]["chance"], "n": own[-1]["n"]}
        )
    return pd.DataFrame(rows)


def _shipped(run: str, suite: str, shots: int, items: int) -> float:
    table = shipped_table("pocket", "scores")
    same = (table["run"] == run) & (table["suite"] == suite) & (table["shots"] == shots)
    return float(table[same & (table["asking"] == "") & (table["items"] == items)]["value"].iloc[0])


if __name__ == "__main__":
    typer.run(main)
