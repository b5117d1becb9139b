"""How long each notebook takes at `smoke` on pocket, as papermill records it."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent


def table(notebooks: list[Path]) -> pd.DataFrame:
    """A row per notebook: name, cold and warm seconds, both with nothing trained before.

    Cold: nothing is compiled yet; warm: with what the cold execution compiled.
    """
    rows = []
    for path in notebooks:
        with tempfile.TemporaryDirectory() as folder:
            times = {how: seconds(path, Path(folder), how) for how in ("cold", "warm")}
        rows.append({"notebook": path.stem, **times})
    return pd.DataFrame(rows)


def seconds(path: Path, folder: Path, how: str) -> float:
    """Executes a notebook into a store of its own; compiled programs are kept in `folder`."""
    copy, out = folder / f"{how}.ipynb", folder / how
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", path, copy]
    given = ["-p", "profile", "smoke", "-p", "out", out]
    kept = os.environ | {"FLANREPRO_CACHE": str(folder / "cache")}
    done = subprocess.run([*command, *given], cwd=ROOT, env=kept, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{path} failed:\n{done.stderr[-2000:]}")
    return nbformat.read(copy, as_version=4).metadata["papermill"]["duration"]
