"""The arithmetic of what the paper's runs cost, and that the page on scaling says the same."""

import importlib
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def costs():
    sys.path.insert(0, str(ROOT / "ci"))
    try:
        yield importlib.import_module("bench_cost")
    finally:
        sys.path.remove(str(ROOT / "ci"))


@pytest.fixture(scope="module")
def table(costs):
    return costs.table().set_index("what")


def test_the_committed_costs_are_what_the_arithmetic_gives(table):
    committed = pd.read_csv(ROOT / "figures" / "bench" / "cost.csv", index_col="what")
    assert list(committed.index) == list(table.index)
    pd.testing.assert_frame_equal(committed, table, rtol=1e-5, check_dtype=False)


def test_a_run_of_xl_takes_six_flops_per_token_and_parameter_that_it_passes(table):
    # A token passes one of the two stacks, about half of the parameters, and the embedding is
    # free; attention's pairs and the logits come on top.
    xl = table.loc["xl"]
    assert xl["tokens"] == 38_000 * 64 * (1024 + 256)
    assert 0.45 < xl["flops"] / (6 * xl["parameters"] * xl["tokens"]) < 0.6
    assert xl["parameters"] == pytest.approx(2.85e9, rel=0.01)
    assert table.loc["xxl", "parameters"] == pytest.approx(11.1e9, rel=0.01)


def test_hours_are_of_one_device_at_the_assumed_utilisation(costs):
    assert costs.hours(0.4 * 989.4e12 * 3600, "NVIDIA H100") == pytest.approx(1.0)


def test_the_sweeps_have_the_papers_runs_each_counted_once(table):
    # Table 1 has 8 mixtures; Figure 4 has 5 sizes of the model at 8 numbers of tasks, one of which
    # is Table 1's row without few-shot templates.
    assert table.loc["ablations", "runs"] == 8
    assert table.loc["task_scaling", "runs"] == 5 * 8 - 1
    assert table.loc["xl", "flops"] * 8 == pytest.approx(table.loc["ablations", "flops"])


def test_the_page_on_scaling_has_these_costs(table):
    lines = (ROOT / "ci" / "SCALING.md").read_text().splitlines()
    for size in ("small", "base", "large", "xl", "xxl"):
        row = table.loc[size]
        wanted = [f"{row['h100_hours']:,.1f}", f"{row['h100_dollars']:,.0f}"]
        wanted += [f"{row['v4_hours']:,.1f}", f"{row['v4_dollars']:,.0f}"]
        (line,) = [line for line in lines if line.startswith(f"| `{size}` | ")]
        assert [cell.strip() for cell in line.strip("|").split("|")][-4:] == wanted
