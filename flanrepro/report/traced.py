"""From a number to its run: the facts of a run, and its first answers, as a notebook shows them."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from flanrepro.experiments.profiles import Job
from flanrepro.experiments.results import trace
from flanrepro.experiments.scores import read_items
from flanrepro.report.page import Page, table

FACTS = ("seconds", "device", "cores", "git_commit", "python")
ANSWERS = 3


def page(job: Job, runs: str) -> Page:
    """The table of the first run's facts and answers.

    Args:
        job: notebook parameters, which name the store.
        runs: run ids with spaces between, as in the column `runs` of a figure's or table's CSV.
    """
    return table(rows(job, runs.split()[0]))


def rows(job: Job, run: str) -> pd.DataFrame:
    """A row per fact of a run: fact, value. Its first answers come last, if they are kept."""
    facts = trace(job, run)
    made = [("run", run), ("spec", _listed(facts["spec"]))]
    made += [(name, facts[name]) for name in FACTS if name in facts]
    made.append(("versions", _listed(facts["versions"])))
    if not facts["folder"]:
        return pd.DataFrame([*made, ("answers", facts["predictions"])], columns=["fact", "value"])
    for path in facts["predictions"][:1]:
        for item in read_items(facts["folder"], Path(path).name)[:ANSWERS]:
            made.append((f"answer, {Path(path).stem}", _said(item)))
    return pd.DataFrame(made, columns=["fact", "value"])


def _listed(pairs: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in pairs.items())


def _said(item: dict) -> str:
    judged = "right" if item["correct"] else "wrong"
    return f"{item['task']}: “{item['prediction']}” is {judged}, expected “{item['targets']}”"
