"""Runs at equal prompts of Held-In's tasks see as many of them, in fewer steps."""

import dataclasses

import pytest

from flanrepro.experiments.equal_prompts import LEAST_STEPS, at_equal_prompts, held_in_share
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.sweep import ABLATIONS, SWEEPS, task_scaling
from flanrepro.sources import load_collection

JOB = Job(profile="quick")
HELD_IN = set(load_collection("pocket").held_in)


def specs(name: str, job: Job = JOB) -> list:
    return SWEEPS[name].specs(job)


def drawn_held_in(spec) -> int:
    """Number of Held-In's prompts among the first 300 per step of a run, by the mixture's count."""
    mixture = spec.load_mixture()
    every = mixture.drawn(300 * spec.steps)
    return sum(int(n) for task, n in zip(mixture.tasks, every, strict=True) if task.name in HELD_IN)


@pytest.mark.parametrize("mixture", ["flan2022", "flan2021", "equal"])
def test_the_share_is_that_of_the_mixtures_prompts(mixture):
    spec = next(JOB.specs(mixture=mixture))
    prompts = spec.load_mixture()
    found = sum(prompts[i].task in HELD_IN for i in range(4000)) / 4000
    assert held_in_share(spec) == pytest.approx(found, abs=0.01)
    assert held_in_share(dataclasses.replace(spec, seed=7, steps=12_000)) == held_in_share(spec)


def test_a_subset_of_the_held_in_tasks_has_no_other_prompts():
    alone, some = (next(JOB.specs(mixture="flan2022", subset=n)) for n in (8, 50))
    assert held_in_share(alone) == 1
    assert 0 < held_in_share(some) < 1


@pytest.mark.parametrize(
    "name", ["collections_equal_prompts", "balancing_equal_prompts", "scaling_equal_prompts"]
)
def test_all_runs_of_a_comparison_see_as_many_prompts_of_held_in_tasks(name):
    counts = [drawn_held_in(spec) for spec in specs(name)]
    # A step is up to 2 % of a run.
    assert min(counts) > 0.98 * max(counts) > 5000
    steps = [spec.steps for spec in specs(name)]
    assert max(steps) == JOB.settings.run["steps"] and min(steps) < max(steps) / 2


def test_the_run_with_the_smallest_share_is_that_of_equal_steps():
    equal_steps = {spec.run_id for spec in SWEEPS["ablations"].specs(JOB)}
    by_name = {spec.mixture: spec for spec in specs("balancing_equal_prompts")}
    assert by_name["equal"].run_id in equal_steps
    assert by_name["flan2022"].run_id not in equal_steps
    by_name = {spec.mixture: spec for spec in specs("collections_equal_prompts")}
    assert by_name["flan2022"].run_id in equal_steps
    # Pocket's P3++ and Super-Natural Instructions have none of Held-In's tasks.
    assert set(by_name) == {"flan2022", "flan2021"} and "p3++" in {s.mixture for s in ablations()}
    every = {spec.subset: spec for spec in specs("scaling_equal_prompts")}
    assert every[None] in task_scaling(JOB)


def ablations() -> list:
    found = SWEEPS["ablations"].specs(JOB)
    assert set(ABLATIONS) < {spec.mixture for spec in found}
    return found


def test_warm_up_and_decay_are_shortened_in_proportion():
    for name in ("collections_equal_prompts", "scaling_equal_prompts"):
        for spec in specs(name):
            assert spec.warmup_steps + spec.decay_steps == spec.steps  # as at quick: 300 and 5,700
            assert spec.warmup_steps == pytest.approx(0.05 * spec.steps, abs=1)
    (_, shortened) = at_equal_prompts(
        [
            dataclasses.replace(spec, steps=1000, warmup_steps=100, decay_steps=0)
            for spec in (next(JOB.specs(mixture=m)) for m in ("equal", "flan2022"))
        ]
    )
    assert (shortened.warmup_steps, shortened.decay_steps) == (round(shortened.steps / 10), 0)


def test_every_seed_and_size_has_its_own_steps():
    job = dataclasses.replace(JOB, seeds=2)
    both = [dataclasses.replace(job, model=size) for size in ("nano", "micro")]
    together = at_equal_prompts([spec for one in both for spec in task_scaling(one)])
    assert together == [spec for one in both for spec in specs("scaling_equal_prompts", one)]
    # Subsets are drawn per seed, so that their shares differ.
    of_50 = {spec.seed: spec.steps for spec in together if spec.subset == 50}
    assert len(set(of_50.values())) == 2


def test_no_run_is_shortened_below_the_least_number_of_steps():
    short = [
        dataclasses.replace(s, steps=100, warmup_steps=5, decay_steps=95) for s in task_scaling(JOB)
    ]
    assert min(spec.steps for spec in at_equal_prompts(short)) == LEAST_STEPS
    # The runs of smoke are as short as that: nothing is left to shorten.
    smoke = Job(profile="smoke")
    assert specs("scaling_equal_prompts", smoke) == task_scaling(smoke)
    ten = [
        dataclasses.replace(s, steps=10, warmup_steps=0, decay_steps=0) for s in task_scaling(JOB)
    ]
    assert at_equal_prompts(ten) == ten


def test_the_shares_of_runs_that_ship_are_those_of_the_same_mixtures():
    shipped = Job(profile="quick", engine="shipped", seeds=1)
    for name in ("balancing_equal_prompts", "scaling_equal_prompts"):
        assert [s.steps for s in specs(name, shipped)] == [s.steps for s in specs(name)]
