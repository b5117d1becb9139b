"""Comparisons at equal prompts of Held-In's tasks: the larger their share, the fewer the steps.

At equal steps, a mixture of fewer tasks or sources sees more prompts of the tasks that Held-In
evaluates. Equal prompts take this exposure out of a comparison; the steps differ instead.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from flanrepro.collection.mixture import PROMPTS
from flanrepro.training.spec import RunSpec

LEAST_STEPS = 20
"""Fewest steps of a shortened run; one with fewer would have no warm-up to speak of."""


def held_in_share(spec: RunSpec) -> float:
    """Share of the collection's Held-In tasks among a run's prompts, exactly as they are dealt.

    Tasks count by name: P3's own prompts of the same data sets are other tasks, and exemplars do
    not count.
    """
    # Runs that ship have prompts of an earlier version, and shares do not depend on it.
    mixture = dataclasses.replace(spec, prompts=PROMPTS, data="").load_mixture()
    held_in = set(spec.load_collection().held_in)
    counted = np.array([task.name in held_in for task in mixture.tasks])
    return float(mixture.counts[counted].sum() / mixture.counts.sum())


def at_equal_prompts(specs: Sequence[RunSpec]) -> list[RunSpec]:
    """The runs of a comparison with the steps at which all see as many prompts of Held-In's tasks.

    Per size and seed, the run with the smallest share keeps its steps, and the others' are in
    proportion. It is the run on all of Flan 2022, or that on equal weights where there is one. A
    run without Held-In tasks cannot be matched and is left out. Prompts per step are taken as
    equal. On pocket at `quick` they differ by 3 % between collections, 7 % between numbers of
    tasks, and 20 % between weighted and equal sources, whose chains of thought are longer.
    """
    found: dict[tuple, float] = {}
    for spec in specs:
        if (mixture := _mixture_of(spec)) not in found:
            found[mixture] = held_in_share(spec)
    shares = {spec: found[_mixture_of(spec)] for spec in specs}
    return [_shortened(spec, _least(shares, spec) / shares[spec]) for spec in specs if shares[spec]]


def _mixture_of(spec: RunSpec) -> tuple:
    """What shares in a comparison depend on: a seed draws the subset, if there is one."""
    return spec.mixture, spec.subset, spec.seed if spec.subset else 0


def _least(shares: dict[RunSpec, float], spec: RunSpec) -> float:
    like = (spec.model, spec.seed)
    return min(share for of, share in shares.items() if share and (of.model, of.seed) == like)


def _shortened(spec: RunSpec, ratio: float) -> RunSpec:
    """The run with `ratio` of its steps, warm-up and decay in proportion."""
    steps = min(spec.steps, max(LEAST_STEPS, round(ratio * spec.steps)))
    ratio = steps / max(spec.steps, 1)
    warmup = round(ratio * spec.warmup_steps)
    # Rounded apart, the two could be a step longer than the run.
    decay = min(round(ratio * spec.decay_steps), steps - warmup)
    return dataclasses.replace(spec, steps=steps, warmup_steps=warmup, decay_steps=decay)
