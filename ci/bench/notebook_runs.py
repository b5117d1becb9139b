"""Counts the runs behind each notebook: `python -m ci.bench.notebook_runs`.

They are those of one seed at `quick` on pocket that ship; `figures/bench/notebook_runs.csv` has
them. A run that several notebooks share counts in each of them, and once in the last row.
"""

import pandas as pd

from ci.bench.common import OUT, ROOT
from ci.bench.results_page import filled
from flanrepro.experiments.flan2021 import FLAN2021
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.shipped_scores import shipped_table
from flanrepro.experiments.single_task import single_task_specs
from flanrepro.experiments.sweep import SWEEPS
from flanrepro.markdown import table as as_markdown
from flanrepro.whole import write_whole

TABLE = OUT / "notebook_runs.csv"
PAGE = ROOT / "docs" / "speed.md"
NOTEBOOKS = {
    "01_ablations": ("ablations", "collections_equal_prompts"),
    "02_mixed_prompts": ("few_shot", "formats", "mixed_prompts"),
    "03_task_scaling": ("task_scaling", "scaling_equal_prompts"),
    "04_input_inversion": ("inversion", "inversion_dose"),
    "05_balancing": ("leave_one_out", "balancing_equal_prompts"),
    "06_single_task_finetuning": ("single_task",),
    "07_flan2021": tuple(FLAN2021),
}
REPRODUCED = "01 to 06, each run once"
"""What `make reproduce` trains."""


def table() -> pd.DataFrame:
    """A row per notebook: notebook, runs (their number) and core_minutes (of their training)."""
    job = Job(engine="shipped", seeds=1, model="nano")
    of = {name: _runs(job, sweeps) for name, sweeps in NOTEBOOKS.items()}
    of[REPRODUCED] = set().union(*(runs for name, runs in of.items() if name != "07_flan2021"))
    seconds = shipped_table("pocket", "runs").set_index("run")["seconds"]
    rows = ((name, len(runs), seconds[sorted(runs)].sum() / 60) for name, runs in of.items())
    return pd.DataFrame(rows, columns=["notebook", "runs", "core_minutes"])


def _runs(job: Job, sweeps: tuple[str, ...]) -> set[str]:
    """The ids of the trained runs of some sweeps."""
    specs = []
    for name in sweeps:
        if name == "single_task":
            specs += [spec for _, spec in single_task_specs(job)]
        else:
            specs += (SWEEPS | FLAN2021)[name].asked(job)
    return {spec.run_id for spec in specs if spec.steps}


def text() -> str:
    """The table as CSV."""
    return table().to_csv(index=False, float_format="%.1f")


def page(old: str, rows: pd.DataFrame) -> str:
    """The page with the table as it is now."""
    cells = ((row.notebook, str(row.runs), f"{row.core_minutes:.1f}") for row in rows.itertuples())
    made = as_markdown(("notebook", "runs", "core-minutes of training"), cells)
    return filled(old, {"notebook_runs": made})


if __name__ == "__main__":
    write_whole(TABLE, text())
    write_whole(PAGE, page(PAGE.read_text("utf-8"), pd.read_csv(TABLE)))
