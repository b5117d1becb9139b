"""Makes the tables of `data_cards/pocket1.md` from `figures/bench/first_edition_*.csv`."""

from pathlib import Path

import pandas as pd

from ci.bench.common import OUT
from flanrepro.markdown import table

SUITES = {"held_in": "Held-In", "cot": "CoT", "mmlu": "MMLU", "bbh": "BBH", "bbh_cot": "BBH-CoT"}
WORDINGS = {"own_wording_write": "in words A", "own_wording_choose": "in words B"}
EXPOSURE = {
    "mixture": "mixture",
    "tasks": "tasks",
    "median_of_a_task": "prompts of the median task",
    "held_in": "Held-In's tasks",
    "cot": "CoT's source",
    "niv2": "`niv2`",
    "inverted": "inverted",
}
UNTUNED = "untuned"


def tables(folder: Path = OUT) -> dict[str, str]:
    """The tables that can be made from the CSV files in the folder, by part."""
    makers = {
        "exposure": _exposure,
        "rates": lambda rows: _runs(rows, {"steps": "steps", "learning_rate": "rate"}),
        "replay": lambda rows: _runs(rows, {"learning_rate": "rate", "replay": "text"}),
        "operations": _operations,
    }
    paths = {part: folder / f"first_edition_{part}.csv" for part in makers}
    return {
        part: makers[part](pd.read_csv(path, dtype={"run": str}))
        for part, path in paths.items()
        if path.is_file()
    }


def _exposure(rows: pd.DataFrame) -> str:
    cells = [
        [str(row["mixture"]), *(f"{row[name]:g}" for name in ("tasks", "median_of_a_task"))]
        + [f"{row[name]:.1f}" for name in ("held_in", "cot", "niv2", "inverted")]
        for _, row in rows.iterrows()
    ]
    return table(tuple(EXPOSURE.values()), cells)


def _runs(rows: pd.DataFrame, varied: dict[str, str]) -> str:
    """A row per run: zero-shot/few-shot for suites, decoded/ranked for the exam in other words."""
    titles = [*varied.values(), *SUITES.values(), "completion", *WORDINGS.values()]
    cells = []
    for _, of_run in rows.groupby(list(varied)):
        first = of_run.iloc[0]
        named = [f"{first[name]:g}" for name in varied]
        if not first["steps"]:
            named = [UNTUNED] + [""] * (len(varied) - 1)
        cells.append(named + _scores(of_run))
    return table(titles, cells)


def _scores(of_run: pd.DataFrame) -> list[str]:
    value = {
        (row["score"], row["shots"] > 0, row["method"]): f"{row['value']:.0f}"
        for _, row in of_run.iterrows()
    }
    suites = ["/".join(value[suite, few, "decode"] for few in (False, True)) for suite in SUITES]
    words = ["/".join(value[name, False, how] for how in ("decode", "rank")) for name in WORDINGS]
    return [*suites, value["completion", False, "decode"], *words]


def _operations(rows: pd.DataFrame) -> str:
    cells = []
    for tasks, of_run in rows.groupby("tasks"):
        found = {row["score"]: row for _, row in of_run.iterrows()}
        held_out, trained = (found.get(f"operations_{name}") for name in ("held_out", "trained"))
        known = trained is not None and trained["value"] > 0
        share = f"{held_out['value'] / trained['value']:.2f}" if known else ""
        cells.append(
            [
                f"{tasks:,}" if tasks else UNTUNED,
                f"{of_run['prompts'].iloc[0]:,}",
                *("" if row is None else _with_error(row) for row in (trained, held_out)),
                share,
            ]
        )
    titles = (
        "operations trained on",
        "prompts",
        "trained ones",
        "held-out ones",
        "held out by trained",
    )
    return table(titles, cells)


def _with_error(row: pd.Series) -> str:
    """A share of right answers with its standard error over items."""
    p = row["value"] / 100
    return f"{row['value']:.1f} ± {100 * (p * (1 - p) / row['n']) ** 0.5:.1f}"
