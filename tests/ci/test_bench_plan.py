"""The runs, steps and prompts that a profile asks for."""

import pandas as pd
import pytest
from typer.testing import CliRunner

from ci.bench.__main__ import app
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.single_task import single_task_specs
from flanrepro.experiments.sweep import SWEEPS


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> pd.DataFrame:
    """What the command writes for `smoke`, by sweep."""
    out = tmp_path_factory.mktemp("plan")
    asked = ["plan", "--profiles=smoke", "--seeds=1", "--batches=1", f"--out={out}"]
    done = CliRunner().invoke(app, asked, catch_exceptions=False)
    assert done.exit_code == 0
    return pd.read_csv(out / "plan.csv").set_index("sweep")


def test_every_run_is_counted_once_where_it_is_asked_for_first(found):
    job = Job(profile="smoke", seeds=1)
    specs = {name: sweep.specs(job) for name, sweep in SWEEPS.items()}
    specs["single_task"] = [spec for _, spec in single_task_specs(job)]
    assert list(found.index) == list(specs)
    assert found["runs"].tolist() == [len({s.run_id for s in of}) for of in specs.values()]
    every = {spec.run_id: spec.steps for of in specs.values() for spec in of}
    assert (found["new"].sum(), found["steps"].sum()) == (len(every), sum(every.values()))
    assert (found.loc[found["new"] == 0, "prompts"] == 0).all()
    # Some 30 mixed prompts fill a step of 8 rows of 256 tokens.
    first = found.loc["ablations"]
    assert 20 * first["steps"] < 1000 * first["prompts"] < 100 * first["steps"]


def test_items_are_those_of_the_suites_of_a_sweep(found):
    assert found.loc["few_shot", "new"] == 2
    # Two more few-shot shares, zero- and few-shot: 8 x 8, 5 x 8, 57, and 23 x 2 twice.
    items = 2 * (8 * 8 + 5 * 8 + 57 + 2 * 23 * 2)
    assert found.loc["few_shot", "items"] == pytest.approx(2 * items / 1000)
