"""What the paper's figures cost: which runs there are, and the page's tables."""

import pandas as pd
import pytest
from typer.testing import CliRunner

from ci.bench import scaling_page
from ci.bench.__main__ import app
from ci.bench.common import OUT
from ci.bench.costs import DEVICES, rented
from ci.bench.fits import table as fits
from ci.bench.notebook_runs import NOTEBOOKS
from ci.bench.paper_costs import FIGURES
from ci.bench.results_page import filled


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """What `python -m ci.bench cost` writes."""
    folder = tmp_path_factory.mktemp("cost")
    done = CliRunner().invoke(app, ["cost", f"--out={folder}"], catch_exceptions=False)
    assert done.exit_code == 0 and "ablations" in done.output
    return pd.read_csv(folder / "cost.csv", index_col="what")


@pytest.mark.slow
def test_the_committed_costs_are_what_the_arithmetic_gives(table):
    committed = pd.read_csv(OUT / "cost.csv", index_col="what")
    pd.testing.assert_frame_equal(committed, table, rtol=1e-5)


@pytest.mark.slow
def test_a_run_of_xl_takes_six_flops_per_token_and_parameter_that_it_passes(table):
    # A token passes one of the two stacks, about half of the parameters, and the embedding is
    # free; attention's pairs and the logits come on top.
    xl = table.loc["xl"]
    assert xl["tokens"] == 38_000 * 64 * (2048 + 512)
    assert 0.45 < xl["flops"] / (6 * xl["parameters"] * xl["tokens"]) < 0.6
    assert xl["parameters"] == pytest.approx(2.85e9, rel=0.01)
    assert table.loc["xxl", "parameters"] == pytest.approx(11.1e9, rel=0.01)


@pytest.mark.slow
def test_hours_are_of_one_device_at_the_assumed_utilisation(table):
    xl = table.loc["xl"]
    assert xl["h100_hours"] == pytest.approx(xl["flops"] / (0.4 * 989.4e12) / 3600, rel=1e-5)
    assert xl["h100_dollars"] == pytest.approx(3 * xl["h100_hours"], rel=1e-5)


@pytest.mark.slow
def test_the_figures_have_the_papers_runs_each_counted_once(table):
    # Table 1 has 8 mixtures; Figure 4 has 5 sizes of the model at 8 numbers of tasks, one of which
    # is Table 1's row without few-shot templates.
    assert table.loc["ablations", "runs"] == 8
    assert tuple(table.loc["task_scaling", ["runs", "alone"]]) == (5 * 8 - 1, 5 * 8)
    assert table.loc["xl", "flops"] * 8 == pytest.approx(table.loc["ablations", "flops"])
    # Figures 5 and 6: 15 targets, of which two have three seeds, from both starts.
    assert table.loc["single_task", "runs"] == 2 * (15 + 2 * 2)
    assert table.loc["single_task", "steps"] == 100_000 * 38
    # SuperGLUE's eight tasks, with 32 records and with all, from both models.
    assert table.loc["flan2021_prompt_tuning", "runs"] == 8 * 2 * 2
    figures = table.loc[list(FIGURES)]
    for column in ("runs", "steps", "tokens", "flops"):
        assert figures[column].sum() == pytest.approx(table.loc["all", column])


@pytest.mark.slow
def test_a_run_at_equal_prompts_has_its_share_of_the_steps(table):
    assert 0 < table.loc["balancing_equal_prompts", "steps"] < 38_000


def test_every_sweep_of_a_notebook_is_behind_something():
    assert [name for sweeps in NOTEBOOKS.values() for name in sweeps] == list(FIGURES)


def test_every_number_of_a_device_has_its_source_and_every_price_its_date():
    assert DEVICES[["name", "flops", "bandwidth", "memory", "source"]].notna().all(axis=None)
    assert rented()["dollars"].gt(0).all()
    assert rented()["price_source"].str.contains(r"\b20\d\d\b").all()


def test_the_committed_sizes_fit_where_the_arithmetic_says():
    committed = pd.read_csv(OUT / "fits.csv")
    made = fits(list(committed["model"]))
    pd.testing.assert_frame_equal(committed, made, rtol=1e-3, check_dtype=False)
    held = committed["least_gb"] / committed["v5e_model_axis"]
    assert (held <= 16).all() and (2 * held[committed["v5e_model_axis"] > 1] > 16).all()


def test_the_page_has_these_tables():
    page = scaling_page.PAGE.read_text("utf-8")
    made = scaling_page.tables()
    assert all(f"<!-- table {name} -->" in page for name in made)
    assert filled(page, made) == page, "write it anew: python -m ci.bench.scaling_page"
