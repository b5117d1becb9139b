"""Notebook 07, as its users run it."""

import pandas as pd
import pytest

from flanrepro.experiments.flan2021 import CLUSTERS
from flanrepro.report.claims import claims

NOTEBOOK = "07_flan2021.ipynb"
FIGURES = ("clusters", "numbers", "scale", "ablations", "prompt_tuning")


@pytest.mark.slow
def test_it_draws_every_figure_and_reads_its_runs_the_second_time(executes, tmp_path, code_cells):
    executed = tmp_path / "out.ipynb"
    executes(NOTEBOOK, executed, profile="smoke", out=tmp_path)
    folder = tmp_path / "figures" / "smoke"
    for name in FIGURES:
        for kind in ("png", "svg"):
            assert (folder / f"flan2021_{name}_pocket.{kind}").stat().st_size > 5000
    table = pd.read_csv(folder / "flan2021_clusters_pocket.csv")
    assert list(dict.fromkeys(table["cluster"])) == list(CLUSTERS)
    assert table["value"].between(0, 100).all() and table["paper"].notna().all()
    said = "\n".join(
        out.get("text") or out.get("data", {}).get("text/plain", "")
        for cell in code_cells(executed)
        for out in cell.outputs
        if out.get("name") != "stderr"
    )
    assert "FLAN beats zero-shot GPT-3 on 20 of 25 data sets" in said
    # One size cannot show the effect of size, and smoke has no prompt of all examples.
    lines = [line.split()[0] for line in said.splitlines() if "one seed, no verdict:" in line]
    of_flan2021 = {name for name in claims() if name.startswith("L")}
    assert set(lines) == of_flan2021 - {"L3l", "L6f"}
    metrics = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/metrics.csv")}
    assert len(metrics) > 20
    executes(NOTEBOOK, executed, profile="smoke", out=tmp_path)
    assert {path: path.stat().st_mtime_ns for path in metrics} == metrics
