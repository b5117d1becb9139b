"""Break-even of one tuning and many finetunings, on the runs that ship."""

import math

import pandas as pd
import pytest

from flanrepro.experiments.profiles import Job
from flanrepro.experiments.results import trace
from flanrepro.experiments.single_task import curves, starts
from flanrepro.report import break_even
from flanrepro.report.claim_parts import parts_of

JOB = Job(profile="quick", engine="shipped")


@pytest.fixture(scope="module")
def shipped() -> pd.DataFrame:
    return curves(JOB)


def sooner(table: pd.DataFrame, steps: int) -> pd.DataFrame:
    """The same runs, with curves that rise to 80 in 200 steps; tuned ones `steps` sooner."""
    head_start = steps * (table["state"] == "tuned")
    return table.assign(validation=(20 + 0.3 * (table["step"] + head_start)).clip(upper=80.0))


def test_what_is_saved_is_what_the_claim_says(shipped):
    found = break_even.table(JOB, shipped).set_index("unit")
    (part,) = parts_of("F32", shipped)
    assert found.loc["steps", "saved"] == pytest.approx(part.ours)
    assert found.loc["steps", "tuning"] == 6000
    seconds = [trace(JOB, spec.run_id)["seconds"] for spec in starts(JOB)]
    assert found.loc["seconds", "tuning"] == pytest.approx(sum(seconds) / len(seconds))


def test_tuning_pays_off_after_what_it_costs_divided_by_what_a_target_saves(shipped):
    found = break_even.table(JOB, sooner(shipped, 60)).set_index("unit")
    assert (found.loc["steps", "saved"], found.loc["steps", "targets"]) == (60, 100)
    held_out = shipped[shipped["group"] == "held_out"].drop_duplicates("run")
    per_step = held_out["run"].map(lambda run: trace(JOB, run)["seconds"] / 200)
    saved = 60 * per_step.groupby(held_out["target"]).mean().mean()
    assert found.loc["seconds", "saved"] == pytest.approx(saved)
    expected = math.ceil(found.loc["seconds", "tuning"] / saved)
    assert found.loc["seconds", "targets"] == expected != 100


@pytest.mark.parametrize("steps", [0, -40])
def test_what_saves_nothing_never_pays_off(shipped, steps):
    found = break_even.table(JOB, sooner(shipped, steps))
    assert found["targets"].isna().all() and (found["saved"] <= 0).all()
