"""Baselines without a model: the floor under every table's scores."""

from collections import Counter
from collections.abc import Sequence

from flanrepro.collection import rng
from flanrepro.errors import InputError

BASELINES = ("random", "majority")

Item = tuple[str, int, Sequence[str], int | None, str]
"""An item's task, record, options (empty: none), index of the right option or None, and reference
answer."""


def predict(name: str, items: Sequence[Item]) -> list[str]:
    """Gives the answers of a baseline, in the items' order.

    Args:
        name: `random`: an option drawn by task and record alone, so that the order and the
            selection of items change nothing; the empty text without options. `majority`: per task
            the most frequent answer of these items' references, or the option at the most frequent
            position where the options differ from item to item.
        items: items of any tasks.

    Raises:
        InputError: the name is unknown.
    """
    if name not in BASELINES:
        raise InputError(f"unknown baseline '{name}': choose one of {', '.join(BASELINES)}")
    if name == "random":
        return [_drawn(task, record, choices) for task, record, choices, _, _ in items]
    own: dict[str, list[Item]] = {}
    for item in items:
        own.setdefault(item[0], []).append(item)
    rankings = {task: _ranked(members) for task, members in own.items()}
    return [_most_frequent(rankings[task], choices) for task, _, choices, _, _ in items]


def _drawn(task: str, record: int, choices: Sequence[str]) -> str:
    key = rng.mix(rng.key_of(f"baseline/random/{task}"), record)
    return choices[key % len(choices)] if choices else ""


def _ranked(items: Sequence[Item]) -> list[int] | list[str]:
    """Ranks positions if the options differ, else answers: the most frequent first."""
    differ = len({frozenset(choices) for _, _, choices, _, _ in items}) > 1
    counts: Counter = Counter()
    for _, _, choices, right, reference in items:
        if right is None:
            counts.update([] if differ else [reference])
        else:
            # An option and not the reference, which may reason before it comes to its answer.
            counts[right if differ else choices[right]] += 1
    # Equally frequent ones in the order of the answers, not of the items.
    return sorted(counts, key=lambda answer: (-counts[answer], answer))


def _most_frequent(ranking: Sequence[int] | Sequence[str], choices: Sequence[str]) -> str:
    """Gives the first of a ranking that an item has; it may have fewer options than positions."""
    for answer in ranking:
        if isinstance(answer, str):
            return answer
        if answer < len(choices):
            return choices[answer]
    return ""
