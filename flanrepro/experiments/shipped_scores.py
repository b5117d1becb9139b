"""Scores of finished runs that ship with the package, so that figures can be redrawn from them.

`shipped/COLLECTION/` holds `runs.csv` (a run's spec and manifest), `scores.csv` (a row per run,
suite and shots), `curves.csv` (a row per validation of a finetuning run), `losses.csv` (the losses
of the runs that notebooks look at), the predictions behind Table 1 where they ship
(`flanrepro.experiments.predictions`), and the checksums of all of them. A run's id is a hash of its
spec, so a profile finds its own runs among them.
"""

import functools
import json
from importlib import resources
from pathlib import Path

from flanrepro.errors import InputError
from flanrepro.training.checksums import damage


def folder() -> Path:
    """The folder of the shipped scores."""
    return Path(str(resources.files("flanrepro.experiments"))) / "shipped"


@functools.cache
def read(path: Path):
    """A shipped table, as a DataFrame that is shared: not to be changed."""
    import pandas as pd

    if reason := damage(path.parent):
        raise InputError(f"the shipped scores in {path.parent}: {reason}; install the package anew")
    # pandas would read a run id such as 12e345678901 as a number.
    table = pd.read_csv(path, dtype={"run": str, "asking": object})
    if "asking" in table:  # an empty cell is the usual way to ask
        table["asking"] = table["asking"].fillna("")
    return table


def shipped_table(collection: str, name: str):
    """The shipped table `runs`, `scores`, `curves` or `losses` of a collection, as a DataFrame.

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
    return read(path).copy()  # a caller's changes must not reach the cached table


def shipped_prompts(collection: str) -> int:
    """The version of the prompts that the shipped runs were trained on, see `RunSpec.prompts`.

    Raises:
        InputError: no scores of the collection ship.
    """
    first = shipped_table(collection, "runs")["spec"].iloc[0]
    return json.loads(first)["prompts"]


def shipped_run(collection: str, run: str) -> dict | None:
    """The spec and the facts of a shipped run, or None if it does not ship."""
    rows = shipped_table(collection, "runs").set_index("run")
    if run not in rows.index:
        return None
    row = rows.loc[run].to_dict()
    return row | {"spec": json.loads(row["spec"]), "versions": json.loads(row["versions"])}
