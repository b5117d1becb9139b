import math

import numpy as np
import pandas as pd
import pytest

from flanrepro.evaluation.uncertainty import paired_difference
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.scores import read_items, scores_of
from flanrepro.report import contrasts
from flanrepro.report.item_noise import answers_in, noise, sign
from flanrepro.sources import load_collection

CLAIM = {"of": {"mixture": "flan2022"}, "to": {"mixture": ["equal", "niv2"]}}


def cell(column="mixture", **rows: tuple[float, float]) -> pd.DataFrame:
    """Scores of one seed: value and standard error by what the column says."""
    return pd.DataFrame(
        {"run": f"r{i}", "seed": 0, "model": "nano", column: key, "value": value}
        | {"standard_error": error, "n": 400, "subset": np.nan, "tasks": 1800}
        for i, (key, (value, error)) in enumerate(rows.items())
    )


@pytest.mark.parametrize(
    ("ours", "direction", "error", "said"),
    [
        (4.0, 1, 2.0, "agrees in sign"),
        (3.9, 1, 2.0, "within item noise"),
        (-4.0, 1, 2.0, "disagrees in sign"),
        (-4.0, -1, 2.0, "agrees in sign"),
        (0.0, 1, 0.0, "within item noise"),
        (4.0, 1, math.nan, "item noise unknown"),
        # An equivalence with a smallest effect of 1.
        (0.2, 0, 0.4, "agrees in sign"),
        (0.3, 0, 0.4, "within item noise"),
        (-5.0, 0, 2.0, "disagrees in sign"),
    ],
)
def test_a_sign_counts_where_it_lies_beyond_1_96_standard_errors(ours, direction, error, said):
    assert sign(ours, direction, 1.0, error) == said


def test_a_difference_of_two_runs_has_the_root_of_both_errors_squared():
    table = cell(flan2022=(60.0, 3.0), equal=(50.0, 4.0), niv2=(40.0, 9.0))
    # The rival is the best one; the error of the other does not matter.
    assert noise(contrasts.difference, CLAIM, table) == pytest.approx(5.0)


def test_a_slope_has_the_error_of_least_squares():
    tasks = [8, 64, 512, 4096]  # 3, 6, 9, 12 in log2
    table = cell(**{str(n): (40.0, 2.0) for n in tasks}).assign(tasks=tasks)
    deviations = np.array([-4.5, -1.5, 1.5, 4.5])
    assert noise(contrasts.slope, {}, table) == pytest.approx(2 / np.sqrt(deviations @ deviations))


def test_a_place_of_a_peak_has_an_error_though_it_has_no_derivative():
    def error(lead: float) -> float:
        table = cell(**{f"{size}{n}": (50.0, 1.0) for size in "ab" for n in range(3)})
        table["model"] = ["nano"] * 3 + ["micro"] * 3
        table["tasks"] = [8, 64, 512] * 2
        table.loc[[0, 5], "value"] += lead  # nano peaks at 8 tasks, micro at 512
        return noise(contrasts.later_peak, {}, table)

    assert error(lead=50.0) == 0  # six doublings apart, whatever the items are
    assert 0.5 < error(lead=1.0) < 4


def test_a_score_without_an_error_has_that_of_its_number_of_items():
    table = cell(flan2022=(50.0, math.nan), equal=(50.0, math.nan))
    expected = math.sqrt(2) * 100 * 0.5 / math.sqrt(400)
    assert noise(contrasts.difference, CLAIM, table) == pytest.approx(expected)
    whole = cell(flan2022=(100.0, 0.0), equal=(100.0, 0.0))  # all right, so all deviations are 0
    assert 0.1 < noise(contrasts.difference, CLAIM, whole) < 1
    assert math.isnan(noise(contrasts.difference, CLAIM, table.drop(columns="n")))


def test_a_finetuning_has_the_error_of_its_test_items_where_right_answers_are_counted():
    def error(items: float) -> float:
        rows = [
            {"run": state, "seed": 0, "state": state, "step": step, "items": items}
            | {"validation": 40.0 + step, "test": 50.0}
            for state in ("untuned", "tuned")
            for step in (0, 40)  # the second is the best by far
        ]
        return noise(contrasts.finetuned, {}, pd.DataFrame(rows))

    assert error(100) == pytest.approx(math.sqrt(2) * 5, rel=1e-3)
    assert error(400) == pytest.approx(math.sqrt(2) * 2.5, rel=1e-3)
    assert math.isnan(error(math.nan))  # a rank correlation is no mean of right answers


def test_other_seeds_of_some_runs_do_not_matter():
    table = cell(flan2022=(60.0, 3.0), equal=(50.0, 4.0))
    further = table[table["mixture"] == "equal"].assign(seed=1, run="r9")
    both = pd.concat([further, table], ignore_index=True)
    assert noise(contrasts.difference, CLAIM, both) == pytest.approx(5.0)


def test_errors_are_those_of_simulated_exams():
    rng, n = np.random.default_rng(0), 400
    right = rng.binomial(n, [[0.6], [0.5]], (2, 2000)) / n * 100
    table = cell(flan2022=(60.0, 100 * math.sqrt(0.24 / n)), equal=(50.0, math.nan))
    found = noise(contrasts.difference, CLAIM, table)
    assert found == pytest.approx((right[0] - right[1]).std(), rel=0.05)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory) -> tuple[Job, pd.DataFrame]:
    """A store with the real answers of two baselines to MMLU's twin, and their scores."""
    job = Job(profile="smoke", out=str(tmp_path_factory.mktemp("out")))
    pocket, rows = load_collection("pocket"), []
    for mixture, baseline in (("flan2022", "majority"), ("equal", "random")):
        folder = job.store.root / mixture
        (*_, row) = scores_of(folder, lambda b=baseline: b, pocket, "mmlu", 0, items=3)
        kept = {k: row[k] for k in ("suite", "shots", "metric", "value", "n", "standard_error")}
        rows.append({"run": mixture, "mixture": mixture, "seed": 0, "model": "nano"} | kept)
    return job, pd.DataFrame(rows).assign(items=3)


def test_answers_to_the_same_items_are_compared_item_by_item(evaluated):
    job, table = evaluated
    found = noise(contrasts.difference, CLAIM, table, answers_in(job))
    rows = [read_items(job.store.root / run, "mmlu_0shot_3.jsonl") for run in table["run"]]
    units = [row["unit"] for row in rows[0]]
    assert found == pytest.approx(paired_difference(*rows, units)["standard_error"])
    assert found != pytest.approx(noise(contrasts.difference, CLAIM, table), rel=1e-3)


def test_the_same_answers_have_no_noise(evaluated):
    job, table = evaluated
    one = table[table["run"] == "equal"]
    same = pd.concat([one.assign(mixture="flan2022"), one], ignore_index=True)
    found = noise(contrasts.difference, CLAIM, same, answers_in(job))
    assert found == pytest.approx(0, abs=1e-9)
    assert noise(contrasts.difference, CLAIM, same) > 1


@pytest.mark.parametrize(
    "other", [{"items": 4}, {"value": 12.5}, {"metric": "rouge_l"}, {"run": "none"}]
)
def test_answers_of_another_score_are_not_taken_for_its_own(evaluated, other):
    job, table = evaluated
    changed = table.assign(**other)
    found = noise(contrasts.difference, CLAIM, changed, answers_in(job))
    assert found == pytest.approx(noise(contrasts.difference, CLAIM, changed))


def test_shipped_scores_have_no_answers():
    assert answers_in(Job(engine="shipped")) is None
