"""Writes `flanrepro/report/spent.csv`, what this project computed: `python -m ci.bench.spent`.

It adds up tables that have seconds or core-minutes, failed trials too; a test compares.
"""

import csv
import io
import re

import pandas as pd

from ci.bench.common import OUT, ROOT
from flanrepro.experiments.shipped_scores import shipped_table
from flanrepro.model import pretrained
from flanrepro.whole import write_whole

TABLE = ROOT / "flanrepro" / "report" / "spent.csv"
CARD = ROOT / "data_cards" / "pocket.md"
COLUMNS = ("what", "runs", "hours", "device", "dollars", "bounds", "source")


def rows() -> list[dict]:
    """A row per kind of work: `COLUMNS`, with empty cells where nothing is known."""
    of_project = [_bases(), _shipped_runs(), _search(), _looks(), _first_edition()]
    return [dict.fromkeys(COLUMNS, "") | row for row in [*of_project, *_paper()]]


def _row(what: str, runs: int, seconds: float, source: str) -> dict:
    hours = f"{seconds / 3600:.2f}"
    return {"what": what, "runs": runs, "hours": hours, "device": "core", "source": source}


def _bases() -> dict:
    """The checkpoints that ship; a loss curve counts the seconds of each phase anew."""
    # What is tuned is one of the runs behind the scores.
    bases = [row for row in pretrained.index().values() if not row.tuned_from]
    files = [f"{row.file.removesuffix('.safetensors')}.csv" for row in bases]
    curves = [pd.read_csv(pretrained.FOLDER / file) for file in files]
    phases = [curve.groupby("phase", sort=False)["seconds"].max() for curve in curves]
    source = "flanrepro/model/pretrained/*.csv"
    what = "pretraining of the base models that ship"
    return _row(what, sum(map(len, phases)), sum(phase.sum() for phase in phases), source)


def _shipped_runs() -> dict:
    runs = shipped_table("pocket", "runs")
    trained = runs[runs["seconds"] > 0]
    source = "flanrepro/experiments/shipped/pocket/runs.csv"
    what = "training of the runs behind the scores"
    return _row(what, len(trained), trained["seconds"].sum(), source)


def _search() -> dict:
    tried = pd.read_csv(OUT / "trials_pocket_nano.csv").query("steps > 0")
    bounds = [
        f"optimizer {' and '.join(sorted(tried['optimizer'].unique()))}",
        f"learning rate {_span(tried['learning_rate'])}",
        f"share of pretraining text {_span(tried['replay'])}",
        f"steps {_span(tried['steps'])}",
        f"seed {_span(tried['seed'])}",
    ]
    source = "figures/bench/trials_pocket_nano.csv"
    row = _row("search of tuning's hyperparameters", len(tried), tried["seconds"].sum(), source)
    return row | {"bounds": "; ".join(bounds)}


def _span(values: pd.Series) -> str:
    low, high = (f"{value:g}" for value in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


def _looks() -> dict:
    minutes = core_minutes(CARD.read_text("utf-8"))
    what = "other trials of texts, models and optimizers, failed and stopped ones too"
    source = "data_cards/pocket.md, What was tried"
    return _row(what, len(minutes), 60 * sum(minutes), source)


def core_minutes(card: str) -> list[int]:
    """The last cell of each row in the card's tables of trials."""
    section = card.partition("## What was tried\n")[2].partition("\n## ")[0]
    head = r"\| what \| measured \| core-minutes \|\n\|.*\n((?:\|.*\n)+)"
    tables = re.findall(head, section)
    return [int(cell) for table in tables for cell in re.findall(r"\| (\d+) \|$", table, re.M)]


def _first_edition() -> dict:
    paths = [OUT / f"first_edition_{part}.csv" for part in ("rates", "replay", "operations")]
    found = pd.concat([pd.read_csv(path, dtype={"run": str}) for path in paths])
    trained = found[found["seconds"] > 0].drop_duplicates("run")
    source = "figures/bench/first_edition_*.csv"
    what = "runs that ask why the first edition of pocket failed"
    return _row(what, len(trained), trained["seconds"].sum(), source)


def _paper() -> list[dict]:
    """The paper's sweeps, by arithmetic."""
    cost = pd.read_csv(OUT / "cost.csv").set_index("what")
    names = {
        "xl": "one run of the paper's recipe at 3 B parameters",
        "ablations": "the runs of the paper's Table 1",
    }
    return [
        {"what": what, "runs": int(cost.loc[name, "runs"]), "device": "H100, by arithmetic"}
        | {"hours": f"{cost.loc[name, 'h100_hours']:.1f}"}
        | {"dollars": f"{cost.loc[name, 'h100_dollars']:.0f}", "source": "figures/bench/cost.csv"}
        for name, what in names.items()
    ]


def text() -> str:
    """The table as CSV."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows())
    return file.getvalue()


if __name__ == "__main__":
    write_whole(TABLE, text())
