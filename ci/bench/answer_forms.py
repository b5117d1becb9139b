"""Counts in what form a model answers MMLU, by number of tasks, and BBH step by step, by mixture.

`python -m ci.bench.answer_forms OUT`, where OUT has the runs of profile `quick` in `runs/`. The
table, figures/bench/answer_forms.csv, is behind what `docs/results.md` says of letters and chains.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import pandas as pd
import typer

from ci.bench.common import OUT, tell
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.scores import read_items
from flanrepro.experiments.sweep import SWEEPS

LETTER = re.compile(r"\(?[a-d]\)?\.?", re.IGNORECASE)
LONGEST = 4
"""Largest number of words of an answer that is no chain: options have fewer."""

ASKED = (("task_scaling", "mmlu", 0), ("ablations", "bbh_cot", 0), ("ablations", "bbh_cot", 3))
"""Sweep, suite and number of exemplars of each part of the table."""


def forms(items: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """A row per item: what is asked for and said (letter, word or chain), and if that is right.

    Args:
        items: rows with targets, prediction and correct, see `read_items`.
    """
    rows = ((_form(i["targets"]), _form(i["prediction"]), bool(i["correct"])) for i in items)
    return pd.DataFrame(rows, columns=["asked", "said", "right"])


def _form(text: str) -> str:
    if LETTER.fullmatch(text.strip()):
        return "letter"
    return "chain" if len(text.split()) > LONGEST else "word"


def main(out: Annotated[str, typer.Argument(help="folder with runs/")], seeds: int = 5) -> None:
    """Write the table: items and right answers in per cent by what was asked for and said."""
    job, parts = Job(profile="quick", seeds=seeds, out=out), []
    for sweep, suite, shots in ASKED:
        for spec in SWEEPS[sweep].specs(job):
            name = f"{suite}_{shots}shot_{job.settings.items_of(suite)}.jsonl"
            found = forms(read_items(job.store.root / spec.run_id, name))
            what = {"suite": suite, "shots": shots, "mixture": spec.mixture}
            parts.append(found.assign(**what, tasks=spec.subset or "all"))
    by = ["suite", "shots", "mixture", "tasks", "asked"]
    groups = pd.concat(parts).groupby([*by, "said"], sort=False)["right"]
    table = groups.agg(n="size", right="mean").reset_index()
    table["share"] = 100 * table["n"] / table.groupby(by)["n"].transform("sum")
    tell(table.assign(right=100 * table["right"]), OUT / "answer_forms.csv", digits="%.1f")


if __name__ == "__main__":
    typer.run(main)
