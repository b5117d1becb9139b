"""Pocket's `niv2`: operations composed from parts, each with a definition and positive examples.

`niv2.yaml` is the grammar. Operations are taken from all that it allows in an order that does not
depend on their number, so that more tasks leave those there are as they were.
"""

import functools
from collections.abc import Callable, Iterator, Sequence

from flanrepro.collection import rng
from flanrepro.collection.task import Record, Task
from flanrepro.packaged import read_yaml
from flanrepro.sources.pocket.world import (
    KIND_OF,
    KINDS,
    NUMBERS,
    SEED,
    TRANSLATED,
    Dice,
    fact,
    task,
)

SPLITS = {"train": 64, "validation": 8}

Operation = tuple[str, tuple[str, ...], str]
"""Kind of list, steps, and what is written, each by its name in `niv2.yaml`."""

GRAMMAR = read_yaml("flanrepro.sources.pocket", "niv2")
MIXED = ("animal", "food", "tool", "place")


def _of_kind(kind: str, keep: bool, words: list[str]) -> list[str]:
    return [word for word in words if (KIND_OF[word] == kind) == keep]


STEPS: dict[str, Callable[[list[str]], list[str]]] = {
    **{f"keep_{kind}s": functools.partial(_of_kind, kind, True) for kind in MIXED},
    **{f"drop_{kind}s": functools.partial(_of_kind, kind, False) for kind in MIXED},
    "drop_first": lambda words: words[1:],
    "drop_last": lambda words: words[:-1],
    "drop_second": lambda words: words[:1] + words[2:],
    "reverse": lambda words: words[::-1],
    "last_to_front": lambda words: words[-1:] + words[:-1],
    "first_to_end": lambda words: words[1:] + words[:1],
    "first_again": lambda words: words + words[:1],
    "swap_ends": lambda words: words[-1:] + words[1:-1] + words[:1],
    "keep_big": lambda words: [word for word in words if int(word) > 10],
    "keep_small": lambda words: [word for word in words if int(word) < 10],
    "add_one": lambda words: [str(int(word) + 1) for word in words],
    "add_ten": lambda words: [str(int(word) + 10) for word in words],
    "pocketish": lambda words: [TRANSLATED[word] for word in words],
}
"""Functions from a list of words to another, by the grammar's name for the step."""
ANSWERS: dict[str, Callable[[list[str]], str]] = {
    "all": " ".join,
    "first": lambda words: words[0],
    "second": lambda words: words[1],
    "last": lambda words: words[-1],
    "ends": lambda words: f"{words[0]} {words[-1]}",
    "home": lambda words: fact("home", words[0]),
    "meal": lambda words: fact("meal", words[-1]),
    "friend": lambda words: fact("friend", words[0]),
    "largest": lambda words: max(words, key=int),
    "smallest": lambda words: min(words, key=int),
    "kind_first": lambda words: KIND_OF[words[0]],
    "kind_last": lambda words: KIND_OF[words[-1]],
}
"""Functions from a list of at least two words to the answer, by the grammar's name."""


def draw(dice: Dice, kind: str) -> list[str]:
    """Draws a list of four or five words of a kind."""
    n = dice.number(4, 5)
    if kind == "number":
        # Below 20: a step may add ten, and sums stay within the world's numbers.
        return [str(number) for number in dice.some(NUMBERS[:20], n)]
    if kind == "mixed":
        # At least two of one kind, so that a list is left after most steps.
        first, second = dice.some(MIXED, 2)
        words = [*dice.some(KINDS[first], 2), *dice.some(KINDS[second], n - 2)]
        return dice.mixed(words)
    return dice.some(KINDS[kind], n)


def _case(dice: Dice, operation: Operation) -> tuple[str, str]:
    kind, steps, written = operation
    # Some lists come out too short, as when no number is big; another list is drawn then.
    while True:
        words = draw(dice, kind)
        left = words
        for name in steps:
            left = STEPS[name](left)
        if len(left) >= 2:
            return " ".join(words), ANSWERS[written](left)


def definition(operation: Operation) -> str:
    """Says the operation in words."""
    kind, steps, written = operation
    says = [GRAMMAR["steps"][name]["say"] for name in steps]
    return " ".join(
        [f"given is {GRAMMAR['lists'][kind]}.", *says, GRAMMAR["answers"][written]["say"]]
    )


def operate(dice: Dice, operation: Operation) -> Record:
    """Makes a record: definition, a positive example, an input and its answer."""
    shown, written = _case(dice, operation)
    words, result = _case(dice, operation)
    return dict(
        definition=definition(operation),
        example=f"{shown} -> {written}.",
        input=words,
        answer=result,
    )


def operations() -> Iterator[Operation]:
    """Yields all operations that the grammar allows."""
    for kind in GRAMMAR["lists"]:
        fitting = [n for n, row in GRAMMAR["steps"].items() if kind in row.get("lists", [kind])]
        for steps in _sequences(fitting):
            for written, row in GRAMMAR["answers"].items():
                # A plain answer looks a word up, which a translated word does not allow.
                if kind in row.get("lists", [kind]) and not (
                    row.get("plain") and "pocketish" in steps
                ):
                    yield kind, steps, written


def _sequences(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yields sequences of no step, one, or two; only one of them keeps or drops words."""
    only = {name: GRAMMAR["steps"][name].get("only") for name in names}
    yield ()
    for first in names:
        yield (first,)
        for second in names:
            if only[first] != "last" and only[second] != "first" and _verb(first) != _verb(second):
                yield first, second


def _verb(name: str) -> str:
    # Two that keep or drop could leave too few words.
    return "keep" if name.startswith("drop") else name.split("_")[0]


def name_of(operation: Operation) -> str:
    """Returns the task's name, e.g. `animal_list_then_reverse_then_write_first`."""
    kind, steps, written = operation
    return "_then_".join((f"{kind}_list", *steps, f"write_{written}"))


def tasks() -> tuple[Task, ...]:
    """Makes as many tasks as the grammar says: all shorter operations, a choice of the others."""
    every = sorted(
        operations(), key=lambda op: (len(op[1]) > 1, rng.mix(SEED, rng.key_of(name_of(op))))
    )
    chosen = set(every[: GRAMMAR["tasks"]])
    return tuple(
        task(name_of(op), "niv2", op[0], operate, op, templates="niv2", splits=SPLITS)
        for op in operations()
        if op in chosen
    )
