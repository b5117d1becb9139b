"""Operations on lists of words, composed from the parts that `steps.yaml` names.

`niv2` teaches operations of one or two steps, `cot` teaches to work them out step by step, and the
problems of `bbh` are compositions that neither has.
"""

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flanrepro.errors import InputError
from flanrepro.packaged import read_yaml
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.world import KIND_OF, KINDS, NUMBERS, PACKAGE, TRANSLATED

MIXED = ("animal", "food", "tool")
"""Kinds of the words of a mixed list."""
LONGEST = 5
"""Number of words of the longest list that is drawn."""


@dataclass(frozen=True)
class Operation:
    """A kind of list, steps in their order, and what is written, named as in `steps.yaml`."""

    kind: str
    steps: tuple[str, ...]
    answer: str

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The neighbours among its steps; of a single step, the step and the answer."""
        parts = self.steps if len(self.steps) > 1 else (*self.steps, self.answer)
        return tuple(itertools.pairwise(parts))

    @property
    def name(self) -> str:
        """Name of its task, e.g. `animal_list_then_reverse_then_write_first`."""
        return "_then_".join((f"{self.kind}_list", *self.steps, f"write_{self.answer}"))


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
    "swap_ends": lambda words: words[-1:] + words[1:-1] + words[: len(words) > 1],
    "sort": sorted,
    "keep_big": lambda words: [word for word in words if int(word) > 10],
    "keep_small": lambda words: [word for word in words if int(word) < 10],
    "add_one": lambda words: [str(int(word) + 1) for word in words],
    "add_ten": lambda words: [str(int(word) + 10) for word in words],
    "opposite": lambda words: ["no" if word == "yes" else "yes" for word in words],
    "pocketish": lambda words: [TRANSLATED[word] for word in words],
}
"""Functions from a list of words to another, by name."""
ANSWERS: dict[str, Callable[[list[str]], str]] = {
    "all": " ".join,
    "first": lambda words: words[0],
    "second": lambda words: words[1],
    "last": lambda words: words[-1],
    "ends": lambda words: f"{words[0]} {words[-1]}",
    "count": lambda words: str(len(words)),
    "largest": lambda words: max(words, key=int),
    "smallest": lambda words: min(words, key=int),
    "kind_first": lambda words: KIND_OF[words[0]],
    "kind_last": lambda words: KIND_OF[words[-1]],
    "any_yes": lambda words: "yes" if "yes" in words else "no",
    "all_yes": lambda words: "no" if "no" in words else "yes",
}
"""Functions from a list of at least two words to the answer, by name."""


def draw(dice: Dice, kind: str) -> list[str]:
    """Draws a list of three to five words of a kind; a mixed list has words of two kinds."""
    n = dice.number(3, LONGEST)
    if kind == "number":
        # Below 20: a step may add ten, and numbers stay within the world's.
        return [str(number) for number in dice.some(NUMBERS[:20], n)]
    if kind == "truth":
        return [dice.one(("yes", "no")) for _ in range(n)]
    if kind == "mixed":
        first, second = dice.some(MIXED, 2)
        return dice.mixed([*dice.some(KINDS[first], 2), *dice.some(KINDS[second], n - 2 or 1)])
    return dice.some(KINDS[kind], n)


def states(operation: Operation, words: list[str]) -> list[list[str]]:
    """Gives the list after each step."""
    after = []
    for name in operation.steps:
        words = STEPS[name](words)
        after.append(words)
    return after


def case(dice: Dice, operation: Operation) -> tuple[list[str], list[list[str]], str]:
    """Draws a list and works the operation out: the words, the list after each step, the answer."""
    # Some lists come out too short, as when no number is big; another list is drawn then.
    for _ in range(1000):
        words = draw(dice, operation.kind)
        after = states(operation, words)
        last = after[-1] if after else words
        if len(last) >= 2:
            return words, after, ANSWERS[operation.answer](last)
    raise InputError(
        f"steps.yaml: {operation.name} leaves no two words of any list: let one of its steps keep "
        "more"
    )


def worked(operation: Operation, after: Sequence[list[str]]) -> str:
    """Says the list after each step, e.g. `reversed: b a. without the first: a.`"""
    said = (
        f"{STEP_ROWS[name]['done']} {' '.join(words)}."
        for name, words in zip(operation.steps, after, strict=True)
    )
    return " ".join(said)


def read_grammar(rows: Mapping[str, Any], where: str = "steps.yaml") -> dict[str, Operation]:
    """Checks a file of parts and reads the operations of BBH's problems.

    Raises:
        InputError: a part has no function here or lacks a wording, or a problem is of an unknown
            kind of list, has an unknown part, or one that its kind of list does not allow.
    """
    for section, functions in (("steps", STEPS), ("answers", ANSWERS)):
        for name, row in rows[section].items():
            if name not in functions:
                raise InputError(
                    f"{where}: `{section}` has {name}, which cannot be computed: there is "
                    f"{', '.join(functions)}"
                )
            if missing := [field for field in ("say", "bbh", "done") if not row.get(field)]:
                raise InputError(f"{where}: {name} lacks {', '.join(missing)}: say it in words")
    problems = {}
    for name, row in rows["bbh"].items():
        made = Operation(row["list"], tuple(row["steps"]), row["answer"])
        if why := _why_not(made, rows):
            raise InputError(
                f"{where}: problem {name} cannot be computed: {why}; expected a kind of `lists`, "
                "then steps and an answer that it allows"
            )
        problems[name] = made
    return problems


def _why_not(operation: Operation, rows: Mapping[str, Any]) -> str:
    """Why an operation cannot be computed; empty if it can."""
    if operation.kind not in rows["lists"]:
        return f"'{operation.kind}' is no kind of list"
    named = [("steps", name) for name in operation.steps] + [("answers", operation.answer)]
    for place, (section, name) in enumerate(named):
        row = rows[section].get(name)
        if row is None:
            return f"'{name}' is not among `{section}`"
        if operation.kind not in row.get("lists", [operation.kind]):
            return f"{name} is not for {rows['lists'][operation.kind]}"
        if row.get("first") and place:
            return f"{name} has to be the first step"
        if row.get("last") and place != len(operation.steps) - 1:
            return f"{name} has to be the last step"
    if rows["answers"][operation.answer].get("plain") and any(
        rows["steps"][name].get("last") for name in operation.steps
    ):
        return f"{operation.answer} looks a word up, which is translated by then"
    if sum(name.startswith(("keep_", "drop_")) for name in operation.steps) > 1:
        return "two of its steps leave words out, which can leave none"
    return ""


GRAMMAR = read_yaml(PACKAGE, "steps")
STEP_ROWS, ANSWER_ROWS = GRAMMAR["steps"], GRAMMAR["answers"]
PROBLEMS = read_grammar(GRAMMAR)
"""Operation by BBH's problem."""
HELD_OUT_PAIRS = frozenset(pair for problem in PROBLEMS.values() for pair in problem.pairs)
"""Neighbouring parts that only BBH's problems have."""


@functools.cache
def operations() -> tuple[Operation, ...]:
    """Gives all operations of at most two steps that can be computed and that tuning may teach."""
    made = []
    for kind in GRAMMAR["lists"]:
        sequences = [(), *((one,) for one in STEPS)]
        sequences += [(one, two) for one in STEPS for two in STEPS if one != two]
        for steps in sequences:
            for answer in ANSWERS:
                one = Operation(kind, steps, answer)
                if not HELD_OUT_PAIRS.intersection(one.pairs) and not _why_not(one, GRAMMAR):
                    made.append(one)
    return tuple(made)
