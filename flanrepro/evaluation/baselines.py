"""What answers score that need no model: the floor under every table."""

from collections import Counter
from collections.abc import Sequence

from flanrepro.collection import rng
from flanrepro.errors import InputError

BASELINES = ("random", "majority")

Item = tuple[str, int, Sequence[str], int | None, str]
"""Task, record, the options (none: an empty sequence), the right one's index or None, and the
reference answer."""


def predict(name: str, items: Sequence[Item]) -> list[str]:
    """The answers of a baseline, in the items' order.

    Args:
        name: `random`, an option drawn by task and record alone, so the same in any order and any
            selection of items, and the empty text without options; or `majority`, per task the
            most frequent answer of the references that are evaluated here: the option at the most
            frequent position where the options differ from item to item.
        items: of any tasks.

    Raises:
        InputError: there is no such baseline.
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
    """Positions if the options differ, else answers; the most frequent first, then the smallest."""
    differ = len({frozenset(choices) for _, _, choices, _, _ in items}) > 1
    counts: Counter = Counter()
    for _, _, choices, right, reference in items:
        if right is None:
            counts.update([] if differ else [reference])
        else:
            # An option and not the reference, which may reason before it comes to its answer.
            counts[right if differ else choices[right]] += 1
    return sorted(counts, key=lambda answer: (-counts[answer], answer))


def _most_frequent(ranking: Sequence[int] | Sequence[str], choices: Sequence[str]) -> str:
    """The first that an item has: a question with few options has no place for some positions."""
    for answer in ranking:
        if isinstance(answer, str):
            return answer
        if answer < len(choices):
            return choices[answer]
    return ""
