"""The numbers of the pages on speed are those that were measured."""

import pandas as pd
import pytest

from ci.bench.common import OUT
from ci.bench.notebook_runs import PAGE, TABLE, page, text

SPEED = PAGE.read_text("utf-8")


def cells(row: str) -> list[str]:
    (line,) = (line for line in SPEED.splitlines() if line.startswith(f"| {row}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def measured(file: str, **of) -> pd.Series:
    rows = pd.read_csv(OUT / f"{file}.csv")
    for name, value in of.items():
        rows = rows[rows[name] == value]
    return rows.iloc[0]


def test_notebooks_runs_are_those_that_ship_and_the_pages():
    assert TABLE.read_text("utf-8") == text(), "measure anew: python -m ci.bench.notebook_runs"
    assert page(SPEED, pd.read_csv(TABLE)) == SPEED


@pytest.mark.parametrize(
    ("row", "optimizer", "other"),
    [("training `nano`", "adamw", "hugging_face"), ("the same, Adafactor", "adafactor", "t5x")],
)
def test_training(row, optimizer, other):
    of = {"model": "nano", "optimizer": optimizer}
    both = (measured("train", **of, engine=engine) for engine in ("flanrepro", other))
    ours, theirs = (row["useful_tokens_per_s"] for row in both)
    assert cells(row)[1] == f"{ours:,.0f}"
    assert cells(row)[2].startswith(f"{theirs:,.0f}: ")


@pytest.mark.parametrize(
    ("row", "file", "what", "form"),
    [
        ("examples/s per core", "cache", "flan2022: read from packed files", "{:,.0f}"),
        ("few-shot GSM8K", "data", "GSM8K few_shot, tokenized", "{:,.0f}"),
        ("few-shot prompts of the whole", "data", "flan2022: few-shot", "{:,.0f}"),
        ("`flan2022` with all 1,844", "data", "flan2022: first prompt, with that", "{:.2f} s"),
        ("memory over", "data", "flan2022: memory after 1,000,000 draws", "{:.0f} MiB, flat"),
        ("first `mixture", "data", "first mixture[10_000_000], 2000 tasks", "{:.1f} ms"),
    ],
)
def test_data(row, file, what, form):
    assert cells(row)[1] == form.format(measured(file, what=what)["value"])


@pytest.mark.parametrize(
    ("row", "model", "method", "digits"),
    [
        ("options ranked, `nano`", "nano", "rank", 0),
        ("answers decoded, the same | 2", "nano", "decode", 0),
        ("options ranked, T5-small", "small, random", "rank", 1),
        ("answers decoded, the same | 15", "small, random", "decode", 1),
    ],
)
def test_answering(row, model, method, digits):
    of = {"model": model, "method": method, "suite": "mmlu"}
    both = (measured("eval", **of, engine=engine) for engine in ("flanrepro", "harness"))
    ours, theirs = (row["prompts_per_s"] for row in both)
    assert cells(row)[1] == f"{ours:,.0f}"
    assert cells(row)[2].partition(":")[0] == f"{theirs:,.{digits}f}"
