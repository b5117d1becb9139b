"""Measures the conditions that a pocket collection has to meet before any contrast is run on it.

They are about the untuned model, the model tuned on Flan 2022, and the collection: no difference of
two mixtures is looked at. `flanrepro.report.conditions` has the bounds and judges.
"""

import dataclasses
import itertools
import math
import statistics
from collections.abc import Callable, Iterator, Sequence

from flanrepro.errors import InputError
from flanrepro.experiments import condition_scores as scores
from flanrepro.experiments.condition_cost import core_seconds, measured_pace
from flanrepro.experiments.condition_runs import (
    Measured,
    missing,
    on_suite,
    row,
    settings,
    tuned_runs,
    tuned_specs,
    untuned_runs,
)
from flanrepro.experiments.condition_scores import Score, asked, completed
from flanrepro.experiments.condition_wordings import overlaps
from flanrepro.experiments.models import score_models
from flanrepro.experiments.profiles import Job, load_profile, profile_names, workspace
from flanrepro.experiments.runner import run_sweep
from flanrepro.model import pretrained
from flanrepro.model.sizes import SIZES
from flanrepro.sources import load_collection

WORLD = "pocket"
"""The collection that the conditions are for."""


def measure(
    job: Job, conditions: Sequence[str], sizes: Sequence[str] = ()
) -> Iterator[list[Measured]]:
    """Measures conditions; runs that are not finished are trained, and scores are kept.

    Args:
        job: collection, size of the model, profile and number of seeds.
        conditions: names of `CONDITIONS`.
        sizes: sizes of the model that are compared with each other, from the smallest; empty: those
            whose checkpoints ship.

    Yields:
        the measured quantities of each condition, in the conditions' order.

    Raises:
        InputError: the collection is no world, a condition is unknown, or no checkpoint ships for
            a size.
    """
    if job.collection != WORLD:
        raise InputError(
            f"the conditions are for a world whose facts are known, and collection "
            f"'{job.collection}' is none: choose {WORLD}"
        )
    job = dataclasses.replace(job, model=job.model or job.settings.model)
    sizes = sizes or [name for name in SIZES if pretrained.full_name(job.collection, name)]
    for name in conditions:
        if name not in CONDITIONS:
            raise InputError(
                f"unknown condition '{name}': choose among {', '.join(CONDITIONS)}, with commas "
                "between them"
            )
    # Those that train, together and first: they can use every core.
    needed = [job] if {*conditions} & TUNED_RUNS else []
    needed += [dataclasses.replace(job, model=size) for size in sizes if "C8" in conditions]
    specs = [spec for one in needed for spec in tuned_specs(one)]
    if specs:
        run_sweep(job.store.get, specs, done=job.store.find, label="tuned models")
    for name in conditions:
        yield list(CONDITIONS[name](job, sizes))


def latent_knowledge(job: Job, sizes: Sequence[str]) -> Iterator[Measured]:
    """C1: the untuned model knows the exam's facts, and cannot answer the exam."""
    runs = untuned_runs(job)
    known = completed(runs, load_collection(job.collection).suites["completion"])
    yield row("C1", "completion", known, known.value, "statements completed, untuned")
    for shots in (0, job.shots("mmlu")):
        for method in ("decode", "rank"):
            score = on_suite(job, runs, "mmlu", shots, method)
            yield row("C1", "exam", score, score.value - score.chance, f"{score.named}, untuned")


def kept_knowledge(job: Job, sizes: Sequence[str]) -> Iterator[Measured]:
    """C2: the tuned model still knows the facts."""
    suite = load_collection(job.collection).suites["completion"]
    before, after = completed(untuned_runs(job), suite), completed(tuned_runs(job), suite)
    what = f"statements completed, tuned ({after.value:.1f} %) over untuned"
    yield row("C2", "kept", after, _over(after.value, before.value), what)


def _over(part: float, whole: float) -> float:
    # What was not there before cannot be kept, nor passed on.
    return part / whole if whole else 0.0


def room(job: Job, sizes: Sequence[str]) -> Iterator[Measured]:
    """C3: the tuned model's scores are above what needs no skill, and below what leaves no room."""
    for suite, shots in settings(job):
        score = on_suite(job, tuned_runs(job), suite, shots)
        yield row("C3", "above_chance", score, score.value - score.chance)
        yield row("C3", "above_majority", score, score.value - _majority(job, suite, shots))
        yield row("C3", "score", score, score.value)


def _majority(job: Job, suite: str, shots: int) -> float:
    """The score of saying the most frequent answer, or the most frequent position of it.

    All items are counted: of a few, the most frequent answer is so by chance.
    """
    folder = workspace(job.out) / "evaluations"
    table = score_models(["majority"], job.collection, [suite], folder, shots=[shots])
    return float(table[table["level"] == "suite"]["value"].iloc[0])


def own_wordings(job: Job, sizes: Sequence[str]) -> Iterator[Measured]:
    """C4: nothing asks as the held-out suites do."""
    for quantity, what, value, n in overlaps(load_collection(job.collection)):
        yield Measured("C4", quantity, what, value, n)


def transfer(job: Job, sizes: Sequence[str]) -> Iterator[Measured]:
    """C5: operations that are new are done, as a share of those trained on."""
    for shots in (0, job.shots("operations")):
        old, new = (
            on_suite(job, tuned_runs(job), name, shots) for name in ("operations", "new_operations")
        )
        what = f"{new.named} ({new.value:.1f} %) over {old.named} ({old.value:.1f} %)"
        yield row("C5", "new_operations", new, _over(new.value, old.value), what)


def exemplars(job: Job, sizes: Sequence[str]) -> Iterator[Measured]:
    """C6: some operations are told by exemplars alone, and the tuned model uses them."""
    collection = load_collection(job.collection)
    untold, every = scores.told_by_example(collection)
    what = f"{untold} of {every} tasks of niv2"
    yield Measured("C6", "by_example", what, untold / every, every)
    none, some = (
        on_suite(job, tuned_runs(job), "by_example", k) for k in (0, job.shots("by_example"))
    )
    what = f"{some.named} ({some.value:.1f} %) minus zero-shot ({none.value:.1f} %)"
    yield row("C6", "gain", some, some.value - none.value, what)


def resolution(job: Job, sizes: Sequence[str]) -> Iterator[Measured]:
    """C7: what two scores have to differ by, over items and over seeds."""
    every = profile_names(job.collection)
    seeds = load_profile("full", job.collection).seeds if "full" in every else len(tuned_runs(job))
    for suite, shots in settings(job):
        score = on_suite(job, tuned_runs(job), suite, shots)
        yield row("C7", "item_noise", score, statistics.fmean(score.errors))
        if len(score.values) < 2:
            continue
        yield row("C7", "seed_spread", score, statistics.stdev(score.values))
        # The spread of a difference of two independent runs. Two mixtures are not compared here,
        # so what their runs at one seed share, and what it takes off the spread, is not known.
        spread = math.sqrt(2) * statistics.stdev(score.values)
        what = f"{score.named}, {seeds} seeds"
        yield dataclasses.replace(
            row("C7", "smallest_difference", score, spread, what), seeds=seeds
        )
    if len(tuned_runs(job)) < 2:
        yield missing("C7", "seed_spread", "two seeds or more (--seeds)")
        yield missing("C7", "smallest_difference", "two seeds or more (--seeds)")


def size(job: Job, sizes: Sequence[str]) -> Iterator[Measured]:
    """C8: a larger model does the training tasks' validation records better."""
    suite = scores.validation_of_training(load_collection(job.collection))
    found: dict[int, list[tuple[str, Score]]] = {0: [], suite.protocol.shots: []}
    for shots, of_size in found.items():
        for name in sizes:
            runs = tuned_runs(dataclasses.replace(job, model=name))
            score = asked(runs, suite, shots, scores.SAMPLE_ITEMS)
            of_size.append((name, score))
            yield row("C8", "validation", score, score.value, f"{name}, {score.named}")
    if len(sizes) < SIZES_COMPARED:
        yield missing("C8", "sizes", "a checkpoint of each of three sizes (--sizes)")
    else:
        yield Measured("C8", "sizes", ", ".join(sizes), len(sizes), len(sizes))
    for of_size in found.values():
        for (smaller, less), (larger, more) in itertools.pairwise(of_size):
            what = f"{larger} minus {smaller}, {more.named}"
            yield row("C8", "gain_by_size", more, more.value - less.value, what)
    if len(sizes) < 2:
        yield missing("C8", "gain_by_size", "two sizes or more that have a checkpoint (--sizes)")


SIZES_COMPARED = 3
"""Number of sizes that C8 asks for; fewer leave it open."""


def cost(job: Job, sizes: Sequence[str]) -> Iterator[Measured]:
    """C9: what all runs of the paper's figures and tables cost here."""
    run = tuned_runs(job)[0]
    pace = measured_pace(job, run)
    first = "smoke" if job.profile == "smoke" else "quick"
    for name, quantity, seeds in ((first, "minutes", 1), ("full", "core_hours", 0)):
        if name not in profile_names(job.collection):
            yield missing("C9", quantity, f"profile '{name}' of collection '{job.collection}'")
            continue
        if load_profile(name, job.collection).items != job.settings.items:
            yield missing("C9", quantity, f"a check at a profile with the items of '{name}'")
            continue
        seconds, runs = core_seconds(dataclasses.replace(job, profile=name, seeds=seeds), pace)
        seeds = seeds or load_profile(name, job.collection).seeds
        what = f"{name}, {job.model}, {runs} runs, seeds: {seeds}"
        value = seconds / 60 / CORES if quantity == "minutes" else seconds / 3600
        yield Measured("C9", quantity, what, value, runs, run.spec.run_id, seeds)


CORES = 2
"""Cores of the machine that C9's minutes are for; a run takes one of them."""

CONDITIONS: dict[str, Callable[[Job, Sequence[str]], Iterator[Measured]]] = {
    "C1": latent_knowledge,
    "C2": kept_knowledge,
    "C3": room,
    "C4": own_wordings,
    "C5": transfer,
    "C6": exemplars,
    "C7": resolution,
    "C8": size,
    "C9": cost,
}
"""What measures each condition, by its name."""

TUNED_RUNS = {*CONDITIONS} - {"C1", "C4"}
"""The conditions that need a tuned model."""
