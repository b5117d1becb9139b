"""Where the time of `make reproduce` goes: `python -m ci.bench reproduce`.

It runs `flanrepro reproduce`, or a notebook, into an empty folder, with nothing compiled before,
and reads what the runs and notebooks there say. All seconds are of a core, so that a core that
idles counts too.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from ci.bench.common import ROOT
from flanrepro.training.spec import RunSpec
from flanrepro.whole import read_json
from flanrepro.workers import cores

RUN = ("setup", "training", "evaluation")
"""The parts of a run."""


def measured(profile: str, notebook: str, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs `flanrepro reproduce`, or one notebook, in `folder`; gives `parts` and `runs`."""
    command = ["run", notebook, "-p", "profile"] if notebook else ["reproduce", "--profile"]
    environment = os.environ | {"FLANREPRO_CACHE": str(folder / "cache")}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    out, began = folder / "out", time.time()
    whole = [sys.executable, "-m", "flanrepro", *command, profile, "-p", "out", out]
    done = subprocess.run(whole, cwd=ROOT, env=environment)
    if done.returncode:
        raise SystemExit(f"flanrepro {command[0]} failed with status {done.returncode}, see above")
    wall = time.time() - began
    found = runs(out / "runs")
    table = parts(found, dict(_notebooks(out / "executed")), wall, len(cores()))
    return table.assign(of=f"notebook {notebook}" if notebook else "make reproduce"), found


def runs(store: Path) -> pd.DataFrame:
    """A row per run, in the order of their training, with its seconds on one core.

    Returns:
        run, what (its spec in words), single_task (trained by its notebook), steps, setup (from the
        run's beginning to its first step: data, state and checkpoint), training (with rendering,
        and compilation in the first step) and evaluation. A run of a single task is evaluated
        while it trains, which is in `setup`.
    """
    rows = []
    for folder in sorted(store.iterdir(), key=lambda path: _written(path / "spec.json")):
        spec, manifest = RunSpec(**read_json(folder / "spec.json")), folder / "manifest.json"
        trained = read_json(manifest)["seconds"]
        ended = _written(manifest)
        evaluated = max((_written(path) for path in folder.glob("scores/*.json")), default=ended)
        row = {"run": spec.run_id, "what": spec.label()}
        row |= {"single_task": bool(spec.tasks), "steps": spec.steps}
        row |= {"setup": ended - _written(folder / "spec.json") - trained, "training": trained}
        rows.append(row | {"evaluation": evaluated - ended})
    return pd.DataFrame(rows)


def _written(path: Path) -> float:
    return path.stat().st_mtime


def _notebooks(executed: Path) -> Iterator[tuple[str, float]]:
    """The name and the seconds of each executed notebook."""
    for path in sorted(executed.glob("*.ipynb")):
        recorded = json.loads(path.read_text("utf-8"))["metadata"]["papermill"]
        yield path.stem.partition(".")[0], recorded["duration"]


def parts(
    found: pd.DataFrame, notebooks: dict[str, float], wall: float, count: int
) -> pd.DataFrame:
    """What the seconds of all cores went into.

    Args:
        found: table of `runs`.
        notebooks: seconds by name; all cores count while a notebook runs.
        wall: seconds that passed in all.
        count: number of cores.

    Returns:
        part, core_seconds and share (of all): training with rendering; what else runs took; each
        notebook, without the runs in it; and the rest, which is the start of processes and cores
        that wait for the last run.
    """
    # `reproduce` trains the runs that notebooks share before them, and 06 its own.
    name = next((name for name in notebooks if name.startswith("06")), next(iter(notebooks)))
    inside = found if len(notebooks) == 1 else found[found["single_task"]]
    seconds = found[[*RUN]].sum()
    rows = {"training and rendering": seconds["training"]}
    rows |= {f"runs: {part}": seconds[part] for part in RUN if part != "training"}
    rows |= {f"notebook {name}": count * passed for name, passed in notebooks.items()}
    rows[f"notebook {name}"] -= inside[[*RUN]].sum().sum()
    rows["rest"] = count * wall - sum(rows.values())
    rows["all"] = count * wall
    table = pd.DataFrame(rows.items(), columns=["part", "core_seconds"])
    return table.assign(share=table["core_seconds"] / (count * wall))
