"""Where the time of `make reproduce` goes: `python -m ci.bench reproduce`.

It runs `flanrepro reproduce` into an empty folder, with nothing compiled before, and reads what the
runs and notebooks there say. All seconds are of a core, so that a core that idles counts too.
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
from flanrepro.experiments.shipped_scores import shipped_table
from flanrepro.training.spec import RunSpec
from flanrepro.whole import read_json
from flanrepro.workers import cores


def reproduce(profile: str, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Runs it in `folder`; gives `parts`, `runs` and `again`, without rows if no such run ships."""
    command = [sys.executable, "-m", "flanrepro", "reproduce", "--profile", profile]
    environment = os.environ | {"FLANREPRO_CACHE": str(folder / "cache")}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    out, began = folder / "out", time.time()
    done = subprocess.run([*command, "-p", "out", out], cwd=ROOT, env=environment)
    if done.returncode:
        raise SystemExit(f"flanrepro reproduce failed with status {done.returncode}, see above")
    wall = time.time() - began
    found = runs(out / "runs")
    whole = parts(found, dict(_notebooks(out / "executed")), wall, len(cores()))
    return whole, found, again(out / "runs", shipped_table("pocket", "scores"))


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


def again(store: Path, shipped: pd.DataFrame) -> pd.DataFrame:
    """The runs' scores beside those of the same runs that ship: equal on the same processor alone.

    Args:
        store: folder of runs.
        shipped: table `flanrepro.experiments.shipped_scores.shipped_table` of scores.

    Returns:
        run, scores (of suites, that both have), equal (number of them), and the median and the
        largest difference, in points.
    """
    rows = []
    for path in store.glob("*/scores/*.json"):
        found = read_json(path)
        for score in found["scores"]:
            if score["level"] == "suite":
                row = {name: score[name] for name in ("suite", "shots", "value")}
                rows.append(row | {"run": path.parts[-3], "items": found["settings"]["items"]})
    key = ["run", "suite", "shots", "items"]
    usual = shipped[shipped["asking"] == ""]
    both = pd.DataFrame(rows, columns=[*key, "value"]).merge(
        usual, on=key, suffixes=("", "_shipped")
    )
    both["difference"] = (both["value"] - both["value_shipped"]).abs()
    both["equal"] = both["difference"] < 1e-4  # those that ship have four digits
    return both.groupby("run", as_index=False).agg(
        scores=("equal", "size"),
        equal=("equal", "sum"),
        median_difference=("difference", "median"),
        largest_difference=("difference", "max"),
    )


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
        part, core_seconds and share (of all): training with rendering; what else shared runs took;
        each notebook, without the training in it; and the rest, which is the start of processes and
        cores that wait for the last run.
    """
    shared, alone = found[~found["single_task"]], found[found["single_task"]]
    rows = {"training and rendering": found["training"].sum()}
    rows |= {f"runs: {name}": shared[name].sum() for name in ("setup", "evaluation")}
    rows |= {f"notebook {name}": count * seconds for name, seconds in notebooks.items()}
    rows["notebook 06_single_task_finetuning"] -= alone["training"].sum()
    rows["rest"] = count * wall - sum(rows.values())
    rows["all"] = count * wall
    table = pd.DataFrame(rows.items(), columns=["part", "core_seconds"])
    return table.assign(share=table["core_seconds"] / (count * wall))
