"""Contrasts on scores with a planted effect, with none, and with its reverse."""

import numpy as np
import pandas as pd
import pytest

from flanrepro.report import contrasts
from flanrepro.report.claim_parts import claims

TASKS = (8, 25, 100, 400, 1800)


def sizes(curves: dict[str, tuple[float, ...]], seeds: int = 4, noise: float = 0.05):
    """Scores of sizes over `TASKS`, the last of which is all tasks; a seed shifts all its runs."""
    rng = np.random.default_rng(1)
    shared = rng.normal(0, 5, seeds)
    return pd.DataFrame(
        {"run": f"{model}-{tasks}-{seed}", "seed": seed, "model": model, "tasks": tasks}
        | {"subset": np.nan if tasks == TASKS[-1] else tasks}
        | {"value": value + shared[seed] + rng.normal(0, noise)}
        for model, curve in curves.items()
        for tasks, value in zip(TASKS, curve, strict=True)
        for seed in range(seeds)
    )


def mean_of(name: str, table: pd.DataFrame) -> float:
    """The mean over seeds of a claim's contrast, of which every seed has to have a value."""
    claim = claims()[name]
    values, runs = getattr(contrasts, claim["contrast"])(claim, table)
    assert len(values) == table["seed"].nunique() and set(runs) <= set(table["run"])
    return float(np.mean(values))


FALLS_BY_6 = (40.0, 50.0, 56.0, 52.0, 50.0)
FALLS_BY_2 = (44.0, 52.0, 57.0, 59.0, 57.0)
RISES_BY_5 = (40.0, 45.0, 50.0, 55.0, 60.0)
FLAT = (50.0,) * 5


@pytest.mark.parametrize(
    ("curves", "less"),
    [
        ({"nano": FALLS_BY_6, "micro": FALLS_BY_2}, 4.0),
        ({"nano": FALLS_BY_2, "micro": FALLS_BY_6}, -4.0),
        ({"nano": FALLS_BY_6, "micro": FALLS_BY_6}, 0.0),
        ({"nano": FALLS_BY_6, "micro": FLAT, "mini": FALLS_BY_2}, 2.0),  # per step of size
    ],
)
def test_a_larger_size_falls_less_by_the_difference_of_the_falls(curves, less):
    assert mean_of("F25", sizes(curves)) == pytest.approx(less, abs=0.2)


def test_sizes_are_compared_on_the_numbers_of_tasks_that_all_of_them_have():
    table = sizes({"nano": FALLS_BY_6, "micro": FALLS_BY_2})
    # Without 400 tasks, micro peaks where it ends: both sizes are compared without them.
    lacking = table[(table["model"] != "micro") | (table["tasks"] != 400)]
    assert mean_of("F25", lacking) == pytest.approx(6.0, abs=0.2)


@pytest.mark.parametrize(
    ("curves", "smallest", "larger"),
    [
        ({"nano": FALLS_BY_2, "micro": RISES_BY_5}, 2.0, 5.0),  # as in the paper
        ({"nano": RISES_BY_5, "micro": FALLS_BY_2}, -5.0, -2.0),
        ({"nano": FALLS_BY_2, "micro": FALLS_BY_6}, 2.0, -6.0),
        ({"nano": FLAT, "micro": FLAT}, 0.0, 0.0),
        ({"nano": FALLS_BY_6, "micro": RISES_BY_5, "mini": FLAT}, 6.0, 2.5),
    ],
)
def test_only_the_smallest_size_passes_its_best_before_all_tasks(curves, smallest, larger):
    table = sizes(curves)
    assert mean_of("F27", table) == pytest.approx(smallest, abs=0.2)
    assert mean_of("F27l", table) == pytest.approx(larger, abs=0.2)


@pytest.mark.parametrize("name", ["F25", "F27", "F27l"])
def test_one_size_cannot_say_what_size_does(name):
    claim = claims()[name]
    table = sizes({"nano": FALLS_BY_6})
    assert getattr(contrasts, claim["contrast"])(claim, table) == ([], [])


def test_the_smallest_sizes_fall_needs_no_seed_of_the_larger_ones():
    table = sizes({"nano": FALLS_BY_6, "micro": RISES_BY_5})
    few = table[(table["model"] == "nano") | (table["seed"] < 2)]
    counts = {
        name: len(getattr(contrasts, claims()[name]["contrast"])(claims()[name], few)[0])
        for name in ("F25", "F27", "F27l")
    }
    assert counts == {"F25": 2, "F27": 4, "F27l": 2}


@pytest.mark.parametrize(("curve", "gain"), [(RISES_BY_5, 15.0), (FALLS_BY_2, 15.0), (FLAT, 0.0)])
def test_hundreds_of_tasks_are_compared_with_the_eight(curve, gain):
    assert mean_of("F26", sizes({"nano": curve})) == pytest.approx(gain, abs=0.2)
    assert mean_of("F26", sizes({"nano": curve[::-1]})) == pytest.approx(
        max(curve[2], curve[1]) - curve[4], abs=0.2
    )


SOURCES = ("flan2021", "t0_sf", "niv2", "cot", "dialog", "program_synthesis")


def without(drops: tuple[float, ...], seeds: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        {"run": f"{source}-{seed}", "seed": seed, "model": "nano"}
        | {"mixture": f"equal_without_{source}", "value": 50 - drop + rng.normal(0, 0.05)}
        for source, drop in zip(SOURCES, drops, strict=True)
        for seed in range(seeds)
    )


@pytest.mark.parametrize(
    ("drops", "lead"),
    [
        ((1.6, 2.6, 0.5, 0.5, 0.2, 0.5), 1.75),  # Table 2's
        ((0.2, 0.5, 0.5, 0.5, 1.6, 2.6), -1.75),
        ((3.0, -3.0, 9.0, 9.0, 0.0, 0.0), 0.0),
    ],
)
def test_the_first_two_sources_drops_are_compared_with_the_last_twos(drops, lead):
    assert mean_of("F28", without(drops)) == pytest.approx(lead, abs=0.1)


def test_a_mean_over_part_of_the_sources_is_no_contrast():
    table = without((1.0,) * 6)
    lacking = table[table["mixture"] != "equal_without_dialog"]
    assert contrasts.mean_difference(claims()["F28"], lacking)[0] == []


def finetuned(peaks: dict[str, float], sooner: dict[str, int], seeds: int = 3) -> pd.DataFrame:
    """Curves per target from 20 up to 80 in 100 steps; tuned ones reach `peaks`, `sooner`."""
    return pd.DataFrame(
        {"run": f"{target}-{state}-{seed}", "target": target, "group": "held_out"}
        | {"state": state, "seed": seed, "step": step, "test": 0.0}
        | {"validation": min(peak, 20 + 0.6 * (step + earlier))}
        for target in peaks
        for state, peak, earlier in (
            ("untuned", 80.0, 0),
            ("tuned", peaks[target], sooner[target]),
        )
        for seed in range(seeds)
        for step in range(0, 201, 20)
    )


@pytest.mark.parametrize("peak", [85.0, 80.0, 71.0])
def test_a_peak_is_the_best_validation_score(peak):
    table = finetuned({"wanli": peak}, {"wanli": 40})
    assert mean_of("F31", table) == pytest.approx(peak - 80.0)


@pytest.mark.parametrize(
    ("sooner", "saved"),
    [
        ({"wanli": 40, "cxc": 20}, 30.0),
        ({"wanli": 40, "cxc": -40}, 0.0),
        ({"wanli": -20, "cxc": -20}, -20.0),
    ],
)
def test_the_saving_of_one_tuning_is_a_mean_over_all_targets(sooner, saved):
    table = finetuned(dict.fromkeys(sooner, 80.0), sooner)
    assert mean_of("F32", table) == pytest.approx(saved)
    # A seed without one of the targets does not count: its mean would be of others.
    lacking = table[(table["target"] != "cxc") | (table["seed"] > 0)]
    values, _ = contrasts.mean_saving(claims()["F32"], lacking)
    assert len(values) == table["seed"].nunique() - 1
