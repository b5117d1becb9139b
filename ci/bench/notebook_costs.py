"""What the notebooks cost: measured, and as the sentence in their heads.

`python -m ci.bench notebooks` measures, `python -m ci.bench.notebook_costs` writes the heads.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

from ci.bench.common import OUT, ROOT
from flanrepro.experiments.parameters import notebook_parameters

WAYS = {"cold": "smoke", "warm": "smoke", "quick": "quick"}
"""The profile of each measurement."""


def measured(path: Path, folder: Path) -> dict[str, float]:
    """The seconds of a notebook by way; compiled programs are kept in `folder`, runs are not.

    `cold` and `warm` are those that pass, and `quick`, which trains nothing, those of one core.
    """
    found = {how: _executed(path, folder, how) for how in WAYS}
    return {how: found[how]["cpu" if how == "quick" else "wall"] for how in WAYS}


def _executed(path: Path, folder: Path, how: str) -> dict[str, float]:
    """Executes a notebook into a store of its own; the seconds that pass, and those of one core."""
    copy, out = folder / f"{how}.ipynb", folder / how
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", path, copy]
    given = ["-p", "profile", WAYS[how], "-p", "out", out]
    if how == "quick" and "engine" in notebook_parameters(path):
        given += ["-p", "engine", "shipped"]
    kept = os.environ | {"FLANREPRO_CACHE": str(folder / "cache")}
    before = os.times()
    done = subprocess.run([*command, *given], cwd=ROOT, env=kept, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{path} failed:\n{done.stderr[-2000:]}")
    after = os.times()
    spent = [now - then for now, then in zip(after[2:4], before[2:4], strict=True)]  # of children
    wall = json.loads(copy.read_text("utf-8"))["metadata"]["papermill"]["duration"]
    return {"wall": wall, "cpu": sum(spent)}


def sentences(name: str) -> list[str]:
    """What a notebook's head says of its cost, a sentence per device that it was measured on."""
    table = pd.read_csv(OUT / "notebooks.csv").set_index("notebook")
    shipped = "engine" in notebook_parameters(ROOT / "notebooks" / f"{name}.ipynb")
    return [_sentence(row, shipped) for row in table.loc[[name]].itertuples()]


def _sentence(row, shipped: bool) -> str:
    how = " with `engine=shipped`" if shipped else ", which trains nothing,"
    parts = [f"`quick`{how} takes {_time(row.quick)} of one core"] if row.quick > 0 else []
    if row.cold > 0:  # not NaN: it was measured
        where = f"{row.cores} cores of a CPU" if row.device == "cpu" else row.device
        parts.append(
            f"`smoke` takes {_time(row.cold)} the first time and {_time(row.warm)} from then on, "
            f"on {where}"
        )
    return f"{'; '.join(parts)}." if parts else ""


def _time(seconds: float) -> str:
    """Rounded up to 10 seconds, or to minutes above 100 seconds."""
    if seconds > 100:
        return f"{-(-seconds // 60):.0f} minutes"
    return f"{-(-seconds // 10) * 10:.0f} seconds"


def write_heads() -> None:
    """Writes the sentences into the notebooks, in the place of those behind "What it costs"."""
    for path in sorted((ROOT / "notebooks").glob("0*.ipynb")):
        notebook = json.loads(path.read_text("utf-8"))
        head = notebook["cells"][0]
        before, heading, rest = "".join(head["source"]).partition("**What it costs.**\n")
        after = rest.partition("\n\n")[2]  # behind the paragraph of measured costs
        text = f"{before}{heading}{' '.join(sentences(path.stem))}\n\n{after}"
        head["source"] = text.splitlines(keepends=True)
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    write_heads()
