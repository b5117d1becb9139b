"""Shares of a mixture: how often each task is drawn in a block, and which draws are few-shot."""

from collections.abc import Sequence

import numpy as np

from flanrepro.collection.task import Task
from flanrepro.errors import InputError

RATE_MAXIMUM = 3000
"""Largest number of records that count in a dataset's weight (FLAN 2021, section 2.4)."""


def proportional_weights(tasks: Sequence[Task], maximum: int = RATE_MAXIMUM) -> tuple[int, ...]:
    """Each task's number of training records, at most `maximum` (Raffel et al., 2020)."""
    return tuple(min(task.size("train"), maximum) for task in tasks)


MAX_BLOCK = 1 << 18
"""Largest number of draws in a block, whose table takes about 30 ms to make."""

MAX_PERIOD = 1 << 15
"""Largest number of blocks in a period."""

RAREST = 100
"""Number of draws per period that the rarest task should have, so that rounding changes no task's
share by more than half a per cent."""


def period_counts(
    weights: Sequence[float], names: Sequence[str], groups: Sequence[str] | None = None
) -> tuple[np.ndarray, int]:
    """Gives int64 [tasks], draws per task in a period, and the period's number of blocks.

    Whole-number weights, divided by their common divisor, are the counts themselves if they fit
    into a block, which then is the period. Others are rounded by largest remainder in a period of
    blocks of about 16 draws per task, long enough for rare tasks to keep their share; every
    positive weight gets at least one draw. Groups (sources) are rounded first, then the tasks
    within each, or a thousand tasks' errors would add up in a source.
    """
    array = np.asarray(weights, dtype=np.float64)
    if array.shape != (len(names),):
        raise InputError(f"{array.size} weights for {len(names)} tasks: give one per task")
    for name, weight in zip(names, array, strict=True):
        if not (np.isfinite(weight) and weight >= 0):
            raise InputError(f"the weight of task '{name}' is {weight}: expected a number >= 0")
    if not array.any():
        raise InputError(f"all {len(names)} weights are zero: give at least one task a weight")
    # Beyond 2^53 every float is a whole number.
    if (array == np.floor(array)).all() and array.max() < 2**53:
        whole = array.astype(np.int64)
        whole //= np.gcd.reduce(whole)
        if whole.sum() <= MAX_BLOCK:
            return whole, 1
    block = min(1 << (16 * len(names) - 1).bit_length(), MAX_BLOCK)
    rarest = array[array > 0].min() / array.sum()
    period = 1
    while period < MAX_PERIOD and rarest * block * period < RAREST:
        period *= 2
    _, group = np.unique(np.asarray(groups or [""] * len(names)), return_inverse=True)
    per_group = _rounded(np.bincount(group, weights=array), block * period)
    counts = np.zeros(len(names), np.int64)
    for g, total in enumerate(per_group):
        counts[group == g] = _rounded(array[group == g], int(total))
    # A draw that a task got though its share is less than one is taken from the most frequent.
    counts[np.argmax(counts)] -= counts.sum() - block * period
    return counts, period


def _rounded(weights: np.ndarray, total: int) -> np.ndarray:
    """int64 counts: `total` split by weight (largest remainder), at least 1 per positive weight."""
    if not weights.any():
        return np.zeros(len(weights), np.int64)
    exact = weights / weights.sum() * total
    counts = np.floor(exact).astype(np.int64)
    short = total - int(counts.sum())
    # A stable sort: equal remainders go to the first task on every platform.
    counts[np.argsort(counts - exact, kind="stable")[:short]] += 1
    return np.maximum(counts, weights > 0)


def dealt(ends: np.ndarray, period: int, blocks: np.ndarray) -> np.ndarray:
    """Counts the draws of each task and those before it in the first blocks of periods.

    A period's draws, numbered in the tasks' order, are dealt out to its blocks: draw j goes to
    the block whose number has the bits of j, modulo the period, in reverse order (van der
    Corput's sequence). So each block has its part of every task, and the few draws of a rare
    task are spread evenly over the period.

    Args:
        ends: int64 [tasks], where each task's draws end among those of a period.
        period: number of blocks, a power of two.
        blocks: int64 [n], numbers of first blocks.

    Returns:
        int64 [n, tasks].
    """
    periods, rest = np.divmod(blocks[:, None], period)
    whole, part = np.divmod(ends, period)
    count, low = periods * ends + whole * rest, np.zeros_like(rest)
    # The numbers j below `part` whose reversed bits are below `rest`: for every bit of `rest`,
    # from the highest, those that begin like `rest` and have 0 where it has 1.
    for i in range(1, period.bit_length()):
        one = (rest & period >> i) > 0
        count += one * np.maximum((part - low - 1 >> i) + 1, 0)
        low |= one << (i - 1)
    return count


def spread(length: int, fraction: float, phase: int | np.ndarray) -> np.ndarray:
    """bool [length]: round(fraction * length) of them True, evenly spaced, shifted by `phase`.

    Phases [n, 1] give [n, length].
    """
    total = round(fraction * length)
    slots = (np.arange(length + 1) + phase % length) * total // length
    return np.diff(slots) > 0
