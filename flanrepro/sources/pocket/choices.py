"""Lists for questions, and wrong answers among which the right one is hidden."""

import functools
from collections.abc import Sequence

from flanrepro.collection import rng
from flanrepro.errors import InputError
from flanrepro.sources.pocket import steps
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.steps import ANSWERS, MIXED, Operation, operations, states
from flanrepro.sources.pocket.world import ATTRIBUTES, KINDS, SEED, fact

YES_NO = "yes\nno"
CLOSED = {
    "count": ("2", "3", "4", "5"),
    "kind_first": MIXED,
    "kind_last": MIXED,
    "any_yes": ("yes", "no"),
    "all_yes": ("yes", "no"),
}
"""All answers by what is written, where they are few."""


def by_name(name: str, items: Sequence):
    """Chooses an item by a name, the same one whatever else there is."""
    return items[rng.mix(SEED, rng.key_of(name)) % len(items)]


def untrue(attribute: str, thing: str) -> str:
    """Gives a wrong value of a thing's attribute, always the same one."""
    value = fact(attribute, thing)
    # One wrong value per fact, so that true and false statements are equally many.
    others = [word for word in KINDS[ATTRIBUTES[attribute]] if word not in (value, thing)]
    return by_name(f"not the {attribute} of the {thing}", others)


def case(dice: Dice, operation: Operation) -> tuple[list[str], list[list[str]], str]:
    """Draws a list and works the operation out, as `steps.case`, on two words or more throughout.

    Raises:
        InputError: no list of its kind is long enough.
    """
    # Ends that change places must be two: one word alone would come out twice.
    for _ in range(1000):
        words, after, answer = steps.case(dice, operation)
        if all(len(one) >= 2 for one in after):
            return words, after, answer
    raise InputError(
        f"steps.yaml: {operation.name} leaves less than two words between its steps: let one of "
        "them keep more"
    )


@functools.cache
def _others(operation: Operation) -> tuple[Operation, ...]:
    """Gives operations on the same kind of list whose answers look like this one's."""
    foreign = "pocketish" in operation.steps
    return tuple(
        one
        for one in operations()
        if one.kind == operation.kind
        and one.answer == operation.answer
        and one.steps != operation.steps
        and ("pocketish" in one.steps) == foreign
    )


def wrong_answers(dice: Dice, operation: Operation, words: list[str], right: str, n: int) -> list:
    """Works other steps out on the list, for up to n answers that differ from it and each other."""
    if operation.kind == "truth":
        return [one for one in ("yes", "no") if one != right][:n]
    if closed := CLOSED.get(operation.answer):
        return dice.some([one for one in closed if one != right], n)
    found: list[str] = []
    others = _others(operation)
    for _ in range(40):
        if len(found) == n:
            break
        one = dice.one(others)
        after = states(one, words)
        if all(len(left) >= 2 for left in after):
            answer = ANSWERS[one.answer](after[-1] if after else words)
            if answer != right and answer not in found:
                found.append(answer)
    return found


def case_with_options(
    dice: Dice, operation: Operation, n: int
) -> tuple[list[str], list[list[str]], str, list[str]]:
    """Draws a list and works the operation out, with n options for the answer in random order.

    Returns:
        the words, the list after each step, the answer, and the options.

    Raises:
        InputError: no list has that many different answers.
    """
    # A short list has few different answers; another one is drawn then.
    for _ in range(200):
        words, after, answer = case(dice, operation)
        wrong = wrong_answers(dice, operation, words, answer, n - 1)
        if len(wrong) == n - 1:
            return words, after, answer, dice.mixed([answer, *wrong])
    raise InputError(
        f"steps.yaml: {operation.name} has no {n} different options on any list: show fewer"
    )
