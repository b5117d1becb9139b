"""What the notebooks cost: measured, and as the sentence in their heads."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

from ci.bench.common import OUT, ROOT
from flanrepro.experiments.parameters import notebook_parameters

WAYS = {"cold": "smoke", "warm": "smoke", "quick": "quick"}
"""The profile of each measurement; `quick` trains nothing."""


def measured(path: Path, folder: Path) -> dict[str, float]:
    """The seconds of a notebook by way; compiled programs are kept in `folder`, runs are not."""
    return {how: _duration(path, folder, how) for how in WAYS}


def _duration(path: Path, folder: Path, how: str) -> float:
    """Executes a notebook into a store of its own."""
    copy, out = folder / f"{how}.ipynb", folder / how
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", path, copy]
    given = ["-p", "profile", WAYS[how], "-p", "out", out]
    if how == "quick" and "engine" in notebook_parameters(path):
        given += ["-p", "engine", "shipped"]
    kept = os.environ | {"FLANREPRO_CACHE": str(folder / "cache")}
    done = subprocess.run([*command, *given], cwd=ROOT, env=kept, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{path} failed:\n{done.stderr[-2000:]}")
    return json.loads(copy.read_text("utf-8"))["metadata"]["papermill"]["duration"]


def sentences(name: str) -> list[str]:
    """What a notebook's head says of its cost, a sentence per device that it was measured on."""
    table = pd.read_csv(OUT / "notebooks.csv").set_index("notebook")
    shipped = "engine" in notebook_parameters(ROOT / "notebooks" / f"{name}.ipynb")
    return [_sentence(row, shipped) for row in table.loc[[name]].itertuples()]


def _sentence(row, shipped: bool) -> str:
    cores = f"{row.cores} core" + ("s" if row.cores > 1 else "")
    where = f"{cores} of a CPU" if row.device == "cpu" else row.device
    quick = "`quick` with `engine=shipped`" if shipped else "`quick`"
    return (
        f"On {where}, {quick} takes {_time(row.quick)} and trains nothing; `smoke`, which only "
        f"shows that all parts work, takes {_time(row.cold)} the first time and {_time(row.warm)} "
        "from then on."
    )


def _time(seconds: float) -> str:
    """Rounded up to 10 seconds, or to minutes above 100 seconds."""
    if seconds > 100:
        return f"{-(-seconds // 60):.0f} minutes"
    return f"{-(-seconds // 10) * 10:.0f} seconds"
