"""The paper's mixtures by name, from `mixtures.yaml`, with a report of what is not available."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flanrepro.collection import decontaminated, rng
from flanrepro.collection.clusters import left_out as left_out_with
from flanrepro.collection.instructions import Instructions
from flanrepro.collection.mixture import Mixture
from flanrepro.collection.prompt import FEW_SHOT, check_exemplars
from flanrepro.collection.task import Collection, NoTask, Task, data_digest
from flanrepro.errors import InputError
from flanrepro.packaged import read_yaml

SUBSETS = (8, 25, 50, 100, 200, 400, 800)
"""Numbers of tasks in the scaling experiment (section 3.3), which also runs with all tasks."""


def _data() -> dict[str, Any]:
    return read_yaml("flanrepro.collection", "mixtures")


def mixture_names() -> tuple[str, ...]:
    """Names of all mixtures, as in `mixtures.yaml`."""
    return tuple(_data()["mixtures"])


def own_few_shot_fraction(name: str) -> float | None:
    """The share of few-shot prompts that defines the mixture; None if it may be chosen."""
    return _recipe(name).get("few_shot")


def own_inversion_rate(source: str) -> float:
    """Number of inverted prompts per regular one in a source with its own rate (Appendix B)."""
    return _data()["sources"][source]["inversion"]


def _recipe(name: str) -> dict[str, Any]:
    if name not in _data()["mixtures"]:
        raise InputError(f"unknown mixture '{name}': choose one of {', '.join(mixture_names())}")
    return _data()["mixtures"][name]


@dataclass(frozen=True)
class NamedMixture:
    """A mixture of the available tasks, with its stated and its actual shares.

    Attributes:
        name: one of `mixture_names`.
        mixture: mixture of the available tasks.
        stated: share per source (sum 1) if every task were available.
        shares: share per source (sum 1) in `mixture`.
        missing: per unavailable task its source and the reason, in one sentence.
        at_hand: number of available tasks per source, from which a subset is chosen.
        replaced: names of unavailable Held-In tasks, in whose place a subset has others.
        left_out: per task of a decontaminated mixture the number of records that are left out,
            since they share text with evaluation items, and of all; only tasks with such records.
        uncompared: per suite which tasks have no data here, so that nothing was compared with them.
        held_out: per cluster that is left out the names of its tasks, available or not.
    """

    name: str
    mixture: Mixture
    stated: Mapping[str, float]
    shares: Mapping[str, float]
    missing: Mapping[str, tuple[str, str]]
    at_hand: Mapping[str, int]
    replaced: Sequence[str]
    left_out: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    uncompared: Sequence[str] = ()
    held_out: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """12 hexadecimal digits that change with the available tasks or their records."""
        return data_digest(self.mixture.tasks)

    def report(self) -> str:
        """Lines that say what is missing, how the rest is renormalised, and what is left out.

        Empty if nothing is.
        """
        lines = self._missing() + self._left_out()
        return "\n".join([f"mixture {self.name}: {lines[0]}", *lines[1:]] if lines else [])

    def _missing(self) -> list[str]:
        if not self.missing and set(self.shares) == set(self.stated):
            return []
        chosen = Counter(task.source for task in self.mixture.tasks)
        here, every = sum(self.at_hand.values()), sum(self.at_hand.values()) + len(self.missing)
        part = chosen.total() < here
        said = f"{len(self.missing)} tasks are not available and are left out"
        if part:
            said = f"{chosen.total()} tasks chosen of {here} available ({every} in all)"
        lines = [f"{said}."]
        if self.replaced:
            names = ", ".join(self.replaced)
            lines.append(f"  Held-In tasks not available, with others in their place: {names}")
        for source in self.stated:
            lines += self._of_source(source, chosen[source] if part else None)
        return lines

    def _left_out(self) -> list[str]:
        lines, rows = [], sorted(self.left_out.items(), key=lambda row: -row[1][0])
        if rows:
            total = sum(gone for _, (gone, _) in rows)
            lines.append(
                f"{total:,} records of {len(rows)} tasks share text with evaluation items and are "
                "left out."
            )
            lines += [f"  {name}: {gone:,} of {every:,}" for name, (gone, every) in rows[:20]]
        if len(rows) > 20:
            lines.append(f"  and {len(rows) - 20} more tasks")
        if self.uncompared:
            lines.append("evaluation items that training records could not be compared with:")
        return lines + [f"  {said}" for said in self.uncompared]

    def _of_source(self, source: str, chosen: int | None) -> list[str]:
        """A source's lines of the report; `chosen`: its tasks in the subset, None: no subset."""
        here = self.at_hand.get(source, 0)
        gone = [reason for of, reason in self.missing.values() if of == source]
        number = f"{here} of {here + len(gone)} tasks"
        if chosen is not None:
            number = f"{chosen} chosen of {here} available tasks ({here + len(gone)} in all)"
        share = self.shares.get(source, 0.0)
        line = f"  {source}: {number}; share {self.stated[source]:.1%} stated, "
        lines = [f"{line}{share:.1%} of what is here"]
        if not gone and not here:
            lines.append("    the collection has no task of this source")
        if gone:
            lines.append(f"    e.g. {gone[0]}")
        return lines

    def table(self, draws: int = 1_000_000):
        """A DataFrame with a row per task.

        Columns: source, task, rate in per cent, cap and examples in records, and share of the first
        `draws` prompts in per cent.
        """
        import pandas as pd

        mixture, drawn = self.mixture, self.mixture.drawn(draws)
        weights = np.asarray(mixture.weights)
        return pd.DataFrame(
            {
                "source": [task.source for task in mixture.tasks],
                "task": [task.name for task in mixture.tasks],
                "rate": 100 * weights / weights.sum(),
                "cap": list(mixture.max_examples),
                "examples": [_records(task) for task in mixture.tasks],
                "share": 100 * drawn / draws,
            }
        )


def named_mixture(
    name: str,
    collection: Collection,
    *,
    seed: int = 0,
    few_shot_fraction: float | None = None,
    inversion_rate: float | None = None,
    max_examples: int | None = None,
    rate_maximum: int | None = None,
    rates: Mapping[str, float] | None = None,
    subset: int | None = None,
    way: str = "",
    without_clusters: Sequence[str] = (),
    templates: int | None = None,
    instructions: Instructions = "",
) -> NamedMixture:
    """Makes a mixture of the paper from the available tasks.

    Args:
        name: one of `mixture_names`.
        collection: collection whose tasks are mixed.
        seed: seed of the stream and of the subset.
        few_shot_fraction: share of few-shot prompts, 0 to 1; None: the mixture's own.
        inversion_rate: number of inverted prompts per regular one, in the sources with their own
            rate (Appendix B); None: the mixture's or the source's.
        max_examples: largest number of records per task; the source's cap holds as well.
        rate_maximum: largest number of records that count in a weight; the source's holds as well.
        rates: relative rate per source instead of the mixture's sources and rates.
        subset: number of tasks (section 3.3): the Held-In ones, then others in a random order that
            is the same for all sizes, so that a smaller subset is part of a larger one; None: all.
        way: how prompts are written, see `flanrepro.collection.mixture.Mixture`; empty: the
            mixture's way or, if it has none, the collection's.
        without_clusters: names of clusters that are held out, see `flanrepro.collection.clusters`.
        templates, instructions: see `flanrepro.collection.mixture.Mixture`.

    Raises:
        InputError: an unknown name, source or cluster, a parameter out of range, clusters held out
            of a mixture with tasks of none, or no task is available.
    """
    recipe = _recipe(name)
    every = {source: row | _own(recipe) for source, row in _data()["sources"].items()}
    _check_positive(max_examples=max_examples, rate_maximum=rate_maximum)
    # Where tasks are pooled a source's share follows from their sizes, unless it is given.
    pooled = recipe.get("pooled", False) and rates is None
    few_shot = recipe.get("few_shot", 0.5) if few_shot_fraction is None else few_shot_fraction
    wanted = _sources(recipe, rates)
    tasks, held_out = _tasks(recipe, collection, wanted, without_clusters)
    missing = {t.name: (t.source, why) for t in tasks if (why := _unusable(t))}
    here = [task for task in tasks if task.name not in missing]
    left_out: dict[str, tuple[int, int]] = {}
    uncompared: list[str] = []
    if recipe.get("decontaminated"):
        here, left_out = _decontaminated(here, collection, missing)
        uncompared = decontaminated.uncompared(collection.suites.values())
    at_hand = Counter(task.source for task in here)
    if subset is not None:
        here = _subset(here, subset, seed, collection.held_in)
    if not here:
        reason = f"collection '{collection.name}' has no such source"
        _, reason = next(iter(missing.values()), ("", reason))
        raise NoTask(f"mixture '{name}': none of its {len(tasks)} tasks is available; {reason}")
    maximum = {s: _least(every[s]["rate_maximum"], rate_maximum) for s in wanted}
    caps = {s: _least(every[s]["max_examples"], max_examples) for s in wanted}
    # A capped task must not be weighted by records that it never uses.
    sizes = [min(_records(t), maximum[t.source], caps[t.source]) for t in here]
    weights, shares = _weights(here, sizes, wanted, pooled)
    if pooled and recipe.get("exact"):
        weights = tuple(map(float, sizes))
    inversion = {s: _inversion(every[s]["inversion"], recipe, inversion_rate) for s in wanted}
    mixture = Mixture(
        tasks=tuple(here),
        weights=weights,
        seed=seed,
        few_shot_fraction=few_shot,
        options_fraction=tuple(every[task.source]["options"] for task in here),
        inversion_rate=tuple(inversion[task.source] for task in here),
        max_examples=tuple(caps[task.source] for task in here),
        way=way or recipe.get("way") or collection.way,
        templates=templates,
        instructions=instructions,
    )
    total = sum(wanted.values())
    stated = shares if pooled else {s: rate / total for s, rate in wanted.items()}
    replaced = [task for task in collection.held_in if task in missing] if subset else []
    left_out = {task.name: left_out[task.name] for task in here if task.name in left_out}
    return NamedMixture(
        name, mixture, stated, shares, missing, at_hand, replaced, left_out, uncompared, held_out
    )


def _own(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What a mixture has in the place of its sources' values."""
    return {k: recipe[k] for k in ("rate_maximum", "max_examples", "options") if k in recipe}


def _check_positive(**parameters: int | None) -> None:
    for name, value in parameters.items():
        if value is not None and not value >= 1:
            raise InputError(f"{name} is {value}: expected at least 1, or None for the mixture's")


def _sources(recipe: Mapping[str, Any], rates: Mapping[str, float] | None) -> dict[str, float]:
    """Relative rate per source; `rates` replaces the sources as well as their rates."""
    every = _data()["sources"]
    # P3's own prompts of FLAN 2021's data sets are in no mixture but P3++, which names them.
    names = recipe.get("sources", [source for source in every if source != "p3"])
    named = {s: every[s]["rate"] for s in names if s not in recipe.get("without", ())}
    if not recipe.get("balanced", True):
        named = dict.fromkeys(named, 1)
    if rates is None:
        return named
    for source, rate in rates.items():
        if source not in every:
            raise InputError(f"unknown source '{source}': choose of {', '.join(every)}")
        if not 0 <= rate < float("inf"):
            raise InputError(f"the rate of source '{source}' is {rate}: expected a number >= 0")
    return {source: rate for source, rate in rates.items() if rate}


def _tasks(
    recipe: Mapping[str, Any],
    collection: Collection,
    sources: Iterable[str],
    without_clusters: Sequence[str],
) -> tuple[list[Task], dict[str, tuple[str, ...]]]:
    """The mixture's tasks, available or not, and the names of those that are held out."""
    without = recipe.get("without_tasks", ())
    tasks = [t for t in collection.every_task.values() if t.source in sources]
    tasks = [task for task in tasks if task.name not in without]
    held_out = left_out_with(tasks, without_clusters)
    gone = {name for names in held_out.values() for name in names}
    return [task for task in tasks if task.name not in gone], held_out


def _unusable(task: Task) -> str:
    """The reason why a task cannot be mixed; empty if it can."""
    reasons = list(map(task.missing, task.splits if task.rendered else ("train",)))
    if all(reasons):
        return reasons[0]
    try:
        if not _records(task):
            return f"task '{task.name}' has no record in the data that is available"
        # Also for zero-shot mixtures: mixtures that differ in the share of few-shot prompts alone
        # must have the same tasks (Table 1, Figure 3).
        if not task.rendered:
            check_exemplars(task, max(FEW_SHOT))
    except InputError as error:
        return str(error)
    return ""


def _decontaminated(
    tasks: Iterable[Task], collection: Collection, missing: dict[str, tuple[str, str]]
) -> tuple[list[Task], dict[str, tuple[int, int]]]:
    """The tasks with clean records alone, and the numbers of others; adds to `missing`."""
    find, clean, left_out = decontaminated.finder(collection), [], {}
    for task in tasks:
        try:
            gone = find(task)
        except InputError as error:
            missing[task.name] = task.source, str(error)
            continue
        if gone:
            number = sum(map(len, gone.values()))
            left_out[task.name] = number, sum(map(task.size, decontaminated.compared_splits(task)))
            task = decontaminated.without(task, gone)
            if why := _unusable(task):
                missing[task.name] = task.source, f"after decontamination, {why}"
                continue
        clean.append(task)
    return clean, left_out


def _records(task: Task) -> int:
    if not task.rendered:
        return task.size("train")
    return sum(task.size(split) for split in task.splits if not task.missing(split))


def _subset(tasks: list[Task], number: int, seed: int, held_in: Iterable[str]) -> list[Task]:
    if number < 1:
        raise InputError(f"subset is {number}: expected at least 1 task, or None for all")
    first = set(held_in)
    # Each task's place depends on its name alone, so a task that is not available moves no other.
    order = sorted(
        tasks, key=lambda t: (t.name not in first, rng.mix(seed, rng.SUBSET, rng.key_of(t.name)))
    )
    # In the collection's order again, which the mixture's draws depend on.
    chosen = {task.name for task in order[:number]}
    return [task for task in tasks if task.name in chosen]


def _least(*values: int | None) -> int:
    return min(value for value in values if value is not None)


def _inversion(own: float | str, recipe: Mapping[str, Any], given: float | None) -> float | None:
    # Inverted templates that are among a data set's ten stay (FLAN 2021), unless the mixture's rate
    # is for every source.
    if own == "in turn" and not recipe.get("every_source"):
        return None
    return recipe.get("inversion", own) if given is None else given


def _weights(
    tasks: Sequence[Task], sizes: Sequence[int], rates: Mapping[str, float], pooled: bool
) -> tuple[tuple[float, ...], dict[str, float]]:
    """Share of the mixture per task, and per source (both sum to 1)."""
    if pooled:
        weights = [size / sum(sizes) for size in sizes]
    else:
        of_source: Counter[str] = Counter()
        for task, size in zip(tasks, sizes, strict=True):
            of_source[task.source] += size
        # Only sources with tasks: the others' rates are spread over these in proportion.
        total = sum(rates[source] for source in of_source)
        weights = [
            rates[task.source] / total * size / of_source[task.source]
            for task, size in zip(tasks, sizes, strict=True)
        ]
    shares: Counter[str] = Counter()
    for task, weight in zip(tasks, weights, strict=True):
        shares[task.source] += weight
    return tuple(weights), dict(shares)
