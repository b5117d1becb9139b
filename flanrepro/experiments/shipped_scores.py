"""Scores of finished runs that ship with the package, so that figures can be redrawn from them.

`shipped/COLLECTION/` holds `runs.csv` (a run's spec and manifest), `scores.csv` (a row per run,
suite and shots) and `curves.csv` (a row per validation of a finetuning run). A run's id is a hash
of its spec, so a profile finds its own runs among them.
"""

import functools
import json
from importlib import resources
from pathlib import Path

from flanrepro.errors import InputError
from flanrepro.training.spec import RunSpec

FACTS = ("seconds", "device", "cores", "git_commit", "python", "useful_tokens", "versions")
"""The fields of a run's manifest that ship."""


def folder() -> Path:
    """The folder of the shipped scores."""
    return Path(str(resources.files("flanrepro.experiments"))) / "shipped"


@functools.cache
def _read(path: Path):
    import pandas as pd

    # pandas would read a run id such as 12e345678901 as a number.
    return pd.read_csv(path, dtype={"run": str})


def shipped_table(collection: str, name: str):
    """The shipped table `runs`, `scores` or `curves` of a collection, as a DataFrame.

    Raises:
        InputError: no scores of the collection ship.
    """
    path = folder() / collection / f"{name}.csv"
    if not path.is_file():
        there = sorted(entry.name for entry in folder().iterdir() if entry.is_dir())
        raise InputError(
            f"no scores of collection '{collection}' ship with the package, only of "
            f"{', '.join(there)}: choose one of them, or engine local, which trains"
        )
    return _read(path).copy()  # a caller's changes must not reach the cached table


def shipped_run(collection: str, run: str) -> dict | None:
    """The spec and the `FACTS` of a shipped run, or None if it does not ship."""
    rows = shipped_table(collection, "runs").set_index("run")
    if run not in rows.index:
        return None
    row = rows.loc[run].to_dict()
    return row | {"spec": json.loads(row["spec"]), "versions": json.loads(row["versions"])}


def ship(runs, scores, curves, collection: str, to: Path | None = None) -> None:
    """Writes finished runs and their scores as the tables that ship; replaces the old tables.

    Args:
        runs: finished `Run`s.
        scores: DataFrame from `flanrepro.experiments.results.scores`.
        curves: DataFrame from `flanrepro.experiments.single_task.curves`.
        collection: name of the runs' collection.
        to: folder to write to; None: the package's own.
    """
    import pandas as pd

    target = (to or folder()) / collection
    target.mkdir(parents=True, exist_ok=True)
    described = pd.DataFrame(_described(run.spec, run.manifest) for run in runs)
    keys = ["run", "suite", "shots", "items"]
    kept = scores[[*keys, "metric", "value", "chance", "standard_error", "n"]]
    steps = curves[["run", "step", "metric", "validation", "test"]]
    # Sweeps share runs, so a run can come several times. Sorted: only new scores change the files.
    tables = {
        "runs": described.drop_duplicates("run").sort_values("run"),
        "scores": kept.drop_duplicates(keys).sort_values(keys),
        "curves": steps.drop_duplicates(["run", "step"]).sort_values(["run", "step"]),
    }
    for name, table in tables.items():
        table.round(4).to_csv(target / f"{name}.csv", index=False)
    _read.cache_clear()


def _described(spec: RunSpec, manifest: dict) -> dict:
    facts = {name: manifest[name] for name in FACTS}
    facts |= {
        "seconds": round(manifest["seconds"], 1),
        "versions": json.dumps(manifest["versions"]),
    }
    return {"run": spec.run_id, "spec": spec.to_json(), **facts}
