"""Weights over tasks and settings as a pure function of (seed, index)."""

import functools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from flanrepro.collection import rng
from flanrepro.collection.prompt import FEW_SHOT, Prompt, check_exemplars, render
from flanrepro.collection.task import Task
from flanrepro.collection.templates import load_templates
from flanrepro.errors import InputError

RATE_MAXIMUM = 3000
"""Records beyond so many add nothing to a dataset's weight (FLAN 2021, section 2.1)."""


def proportional_weights(tasks: Sequence[Task], maximum: int = RATE_MAXIMUM) -> tuple[int, ...]:
    """Examples-proportional mixing with a rate maximum (Raffel et al., 2020; FLAN 2021)."""
    return tuple(min(task.size("train"), maximum) for task in tasks)


@dataclass(frozen=True)
class Mixture:
    """An endless stream of prompts; `mixture[i]` is its i-th, at random access.

    Draws come in blocks of `block` indices. In every block a task is drawn exactly `counts[k]`
    times and exactly `few_shot_fraction` of the draws (to the nearest whole one) are few-shot,
    shuffled within the block. A task's n-th draw, over all blocks, takes its n-th record in a
    shuffled order that changes with each pass, so every record is seen once before any is seen
    twice, and the whole state of the stream is the next index.

    Attributes:
        tasks: what is mixed; their training splits are drawn from.
        weights: one per task, not negative, any scale; None: `proportional_weights`.
        seed: of every choice.
        few_shot_fraction: share of few-shot prompts, with 2, 3 or 5 exemplars (A.1).
        options_fraction: share of prompts with answer options, for records that have any.
        max_examples: use at most so many records of each task, drawn once.

    Raises:
        InputError: no task or one task twice, a weight that is negative or not a number, weights
            that are all zero, a fraction outside [0, 1], `max_examples` below 1, or a task that has
            no training records or too few to give exemplars.
    """

    tasks: tuple[Task, ...]
    weights: tuple[float, ...] | None = None
    seed: int = 0
    few_shot_fraction: float = 0.5
    options_fraction: float = 0.5
    max_examples: int | None = None
    counts: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        self._check()
        weights = self.weights
        if weights is None:
            weights = proportional_weights(self.tasks)
        counts = block_counts(weights, [task.name for task in self.tasks])
        # A block must be long enough to hold the few-shot fraction exactly.
        parts = Fraction(self.few_shot_fraction).limit_denominator(1000).denominator
        factor = parts // math.gcd(parts, int(counts.sum()))
        if counts.sum() * factor <= MAX_BLOCK:
            counts *= factor
        object.__setattr__(self, "counts", counts)
        for task, count in zip(self.tasks, counts, strict=True):
            if not task.size("train") and count:
                raise InputError(f"task '{task.name}' has no training records: leave it out")
            if count and self.few_shot_fraction > 0:
                check_exemplars(task, max(FEW_SHOT))
        object.__setattr__(self, "_table", functools.lru_cache(maxsize=4)(self._make_table))

    def _check(self) -> None:
        if not self.tasks:
            raise InputError("a mixture of no tasks: name at least one task")
        for name in ("few_shot_fraction", "options_fraction"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} is {getattr(self, name)}: expected 0 to 1")
        if self.max_examples is not None and self.max_examples < 1:
            raise InputError(
                f"max_examples is {self.max_examples}: expected at least 1, or None for all"
            )
        (name, times), *_ = Counter(task.name for task in self.tasks).most_common(1)
        if times > 1:
            raise InputError(
                f"task '{name}' is in the mixture {times} times: name it once, with a larger weight"
            )

    def __reduce__(self):
        # The cache of tables stays behind when a mixture goes to another process.
        fields = (self.tasks, self.weights, self.seed, self.few_shot_fraction)
        return Mixture, (*fields, self.options_fraction, self.max_examples)

    @property
    def block(self) -> int:
        """Length of a block, in prompts."""
        return int(self.counts.sum())

    def __getitem__(self, i: int) -> Prompt:
        """The i-th prompt, i >= 0."""
        if i < 0:
            raise IndexError(f"a mixture has no index {i}: it starts at 0 and has no end")
        block, position = divmod(i, self.block)
        which, rank, few_shot, options = self._table(block)
        k = which[position]
        draw = block * int(self.counts[k]) + int(rank[position])
        return self._prompt(self.tasks[k], draw, bool(few_shot[position]), bool(options[position]))

    def _prompt(self, task: Task, draw: int, few_shot: bool, options: bool) -> Prompt:
        total = task.size("train")
        size = total if self.max_examples is None else min(total, self.max_examples)
        key = rng.mix(self.seed, rng.key_of(task.name))
        epoch, n = divmod(draw, size)
        record = rng.permute(n, size, rng.mix(key, 1, epoch))
        if size < total:
            record = rng.permute(record, total, rng.mix(key, 5))
        templates = load_templates(task.templates)
        template = templates[rng.mix(key, 2, draw) % len(templates)]
        exemplars: tuple[int, ...] = ()
        if few_shot:
            shots = FEW_SHOT[rng.mix(key, 3, draw) % len(FEW_SHOT)]
            # Exemplars come from all of the training split, so that a cap leaves enough of them.
            exemplars = rng.sample(total, shots, rng.mix(key, 4, draw), record)
        return render(task, record, template=template, options=options, exemplars=exemplars)

    def _make_table(self, block: int) -> tuple[np.ndarray, ...]:
        """Per position of the block: task, rank among the task's draws, few-shot?, options?"""
        key = rng.mix(self.seed, 0, block)
        order = rng.shuffled(self.block, key)
        which = np.repeat(np.arange(len(self.counts), dtype=np.uint16), self.counts)[order]
        starts = np.cumsum(self.counts) - self.counts
        by_task = np.argsort(which, kind="stable")
        rank = np.empty(self.block, np.int64)
        rank[by_task] = np.arange(self.block) - starts[which[by_task]]
        # Slots are sorted by task before the shuffle, so an even spread over slots gives every task
        # its share; the phase moves with the block, so that rounding does not favour any task.
        few_shot = _spread(self.block, self.few_shot_fraction, rng.mix(key, 1))[order]
        options = rng.shuffled(self.block, rng.mix(key, 2)) < self.options_fraction * self.block
        return which, rank, few_shot, options


def _spread(length: int, fraction: float, phase: int) -> np.ndarray:
    """bool [length], exactly round(fraction * length) of them True and evenly spaced."""
    total = round(fraction * length)
    slots = (np.arange(length + 1) + phase % length) * total // length
    return np.diff(slots) > 0


MAX_BLOCK = 1 << 15


def block_counts(weights: Sequence[float], names: Sequence[str]) -> np.ndarray:
    """Draws per task in a block, int64 [tasks].

    Whole-number weights (after division by their common divisor) that fit a block are the counts
    themselves. Others are rounded by largest remainder to a block of about 16 draws per task, at
    least one for every positive weight: no task is lost to rounding.
    """
    array = np.asarray(weights, dtype=np.float64)
    if array.shape != (len(names),):
        raise InputError(f"{array.size} weights for {len(names)} tasks: give one per task")
    for name, weight in zip(names, array, strict=True):
        if not (np.isfinite(weight) and weight >= 0):
            raise InputError(f"the weight of task '{name}' is {weight}: expected a number >= 0")
    if not array.any():
        raise InputError(f"all {len(names)} weights are zero: give at least one task a weight")
    if (array == np.floor(array)).all() and array.max() < 2**53:
        whole = array.astype(np.int64)
        whole //= np.gcd.reduce(whole)
        if whole.sum() <= MAX_BLOCK:
            return whole
    block = min(MAX_BLOCK, 1 << (16 * len(names) - 1).bit_length())
    exact = array / array.sum() * block
    counts = np.floor(exact).astype(np.int64)
    short = block - int(counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:short]] += 1
    return np.maximum(counts, array > 0)
