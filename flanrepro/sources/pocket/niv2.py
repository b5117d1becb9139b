"""Pocket's `niv2`: tasks that a definition explains, 1,560 of three families.

Knowledge asks for each attribute of tuning in five forms. Operations are said in words, all of at
most one step and some of two. By example, a definition that says nothing stands before the list:
only exemplars tell what to do. What a task is, and its wording, follow from its name, so that more
tasks leave those there are as they were. `niv2.yaml` has the wordings.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

from flanrepro.collection import rng
from flanrepro.collection.task import Record, Suite, Task
from flanrepro.errors import InputError
from flanrepro.packaged import read_yaml
from flanrepro.sources.pocket.choices import by_name, case, untrue
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.knowledge import QUESTIONS, say
from flanrepro.sources.pocket.steps import (
    ANSWER_ROWS,
    GRAMMAR,
    STEP_ROWS,
    Operation,
    operations,
)
from flanrepro.sources.pocket.world import KINDS, KNOWN, PACKAGE, SEED, TUNED, fact, task

WORDINGS = read_yaml(PACKAGE, "niv2")
SPLITS = {"train": 64, "validation": 6}
FORMS = {
    "ask": {"train": 6, "validation": 2},  # as many as there are things
    "complete": {"train": 6, "validation": 2},
    "is_so": {"train": 12, "validation": 4},
    "which": {"train": 26, "validation": 6},
    "letters": {"train": 26, "validation": 6},
}
"""Number of records by split, by form of a question about knowledge."""
BY_EXAMPLE, ASKED = 156, 100
"""Number of operations by example, and of the operations of a suite."""


# --- knowledge ---


def know(dice: Dice, form: str, attribute: str, definition: str, said: str, labels: str) -> Record:
    """Makes a record about a fact: definition, a positive example, an input and its answer.

    Args:
        dice: the record's dice.
        form: one of `FORMS`.
        attribute: attribute that is asked about.
        definition, said: wordings of the definition, filled, and of the input.
        labels: names of the options, if the answer is one of them.
    """
    thing = dice.one(KNOWN)
    shown = KNOWN[(KNOWN.index(thing) + 1) % len(KNOWN)]
    # A thing always has the same example, or the same input would be two records.
    example = _shown(form, attribute, said, labels, shown)
    words, answer = _known(dice, form, attribute, said, labels, thing)
    return dict(definition=definition, example=example, input=words, answer=answer)


@functools.lru_cache(maxsize=32)
def _shown(form: str, attribute: str, said: str, labels: str, thing: str) -> str:
    own = Dice(f"{form}/{attribute}/{thing}")
    return _example(*_known(own, form, attribute, said, labels, thing))


def _known(
    dice: Dice, form: str, attribute: str, said: str, labels: str, thing: str
) -> tuple[str, str]:
    """Gives an input about a thing, and its answer."""
    value = fact(attribute, thing)
    if form == "is_so":
        holds = dice.coin()
        words = _fill(said, attribute, thing, value if holds else untrue(attribute, thing))
        return words, "yes" if holds else "no"
    if form == "which":
        others = [one for one in KNOWN if fact(attribute, one) != value]
        options = dice.mixed([thing, *dice.some(others, 3)])
        return _fill(said, attribute, thing, value, *options), thing
    if form == "letters":
        options = dice.options(value, KINDS[TUNED[attribute]]).split("\n")
        return _fill(said, attribute, thing, value, *options), labels.split()[options.index(value)]
    return _fill(said, attribute, thing, value), value


def _fill(said: str, attribute: str, thing: str, value: str, *options: str) -> str:
    relation, _, kind = attribute.partition(" ")
    return said.format(*options, a=attribute, r=relation, k=kind, t=thing, v=value)


def _example(words: str, answer: str) -> str:
    return f"{words} -> {answer}"


def _knowledge(attribute: str, form: str) -> Task:
    name = f"{attribute.replace(' ', '_')}_{form}"
    row = by_name(name, WORDINGS["knowledge"][form])
    relation, _, kind = attribute.partition(" ")
    asked = say(by_name(f"question of {name}", QUESTIONS), attribute, "thing")
    definition = row["definition"].format(a=attribute, r=relation, k=kind, q=asked)
    args = (form, attribute, definition, row["input"], row.get("labels", ""))
    return task(name, "niv2", form, know, *args, templates="niv2", splits=FORMS[form])


# --- operations ---


class Choice(NamedTuple):
    """The operations of each family, each in an order that stays when there are more tasks."""

    new: tuple[Operation, ...]
    by_example: tuple[Operation, ...]
    trained: tuple[Operation, ...]


@functools.cache
def choice() -> Choice:
    """Chooses operations by the hash of their names.

    New ones, which no task of tuning may have, are of two steps. Half of those by example are of
    one step or none, which are trained by definition too, the other half of two.
    """
    every = sorted(operations(), key=lambda one: rng.mix(SEED, rng.key_of(one.name)))
    short = [one for one in every if len(one.steps) < 2]
    two = [one for one in every if len(one.steps) == 2]
    half = BY_EXAMPLE // 2
    return Choice(
        new=tuple(two[:ASKED]),
        by_example=(*short[:half], *two[ASKED : ASKED + half]),
        trained=(*short, *two[ASKED + half :]),
    )


def two_steps(kinds: Sequence[str]) -> tuple[Operation, ...]:
    """Gives the operations of two steps that tuning may have, on lists of these kinds."""
    new = set(choice().new)
    return tuple(
        one for one in operations() if len(one.steps) == 2 and one.kind in kinds and one not in new
    )


def define(operation: Operation) -> str:
    """Says an operation in words, which its name chooses among several."""
    frame = by_name(operation.name, WORDINGS["operations"])
    return frame.format(list=GRAMMAR["lists"][operation.kind], do=told(operation, operation.name))


def told(operation: Operation, name: str) -> str:
    """Says what is done, in wordings that a name chooses."""
    rows = [(one, STEP_ROWS[one]) for one in operation.steps]
    rows.append((operation.answer, ANSWER_ROWS[operation.answer]))
    return " ".join(by_name(f"{name}/{part}", row["say"]) for part, row in rows)


def operate(dice: Dice, operation: Operation, definition: str) -> Record:
    """Makes a record of an operation: definition, a positive example, an input and its answer."""
    words, _, answer = case(dice, operation)
    given = " ".join(words)
    # A list always has the same example, as in `know`, and never itself.
    shown = [one for one in _examples(operation) if one[0] != given]
    example = _example(*shown[rng.key_of(given) % len(shown)])
    return dict(definition=definition, example=example, input=given, answer=answer)


@functools.lru_cache(maxsize=32)
def _examples(operation: Operation) -> tuple[tuple[str, str], ...]:
    """Makes four different positive examples: Super-Natural Instructions has few for a task."""
    dice, made = Dice(f"{SEED}/examples/{operation.name}"), {}
    while len(made) < 4:
        words, _, answer = case(dice, operation)
        made[" ".join(words)] = answer
    return tuple(made.items())


def _operation(
    one: Operation, source: str = "niv2", prefix: str = "", definition: str = "", first: str = ""
) -> Task:
    splits = dict(SPLITS) if source == "niv2" else {"exemplars": 10, "validation": 6}
    if source == "niv2" and one.kind == "truth":
        splits["train"] = 40  # there are 56 lists of three to five times yes or no
    return task(
        f"{prefix}{one.name}",
        source,
        one.kind,
        operate,
        one,
        definition or define(one),
        templates="niv2",
        splits=splits,
    )


def _by_example() -> tuple[Task, ...]:
    said = WORDINGS["by_example"]
    return tuple(
        _operation(one, prefix="by_example_", definition=by_name(one.name, said))
        for one in choice().by_example
    )


def tasks(number: int = WORDINGS["tasks"]) -> tuple[Task, ...]:
    """Makes the tasks: knowledge, operations by example, then operations up to this number.

    Raises:
        InputError: there are not that many operations, or the other families are more.
    """
    known = [_knowledge(attribute, form) for attribute in TUNED for form in FORMS]
    shown, trained = _by_example(), choice().trained
    rest = number - len(known) - len(shown)
    if not 0 <= rest <= len(trained):
        least = len(known) + len(shown)
        raise InputError(
            f"niv2.yaml: `tasks` is {number}: expected {least} to {least + len(trained)}, which is "
            "all that steps.yaml allows"
        )
    return (*known, *shown, *(_operation(one) for one in trained[:rest]))


def suites() -> tuple[Suite, ...]:
    """Makes `operations`, `new_operations` and `by_example`, which measure conditions C5 and C6.

    The first has trained operations, of two steps as the new ones are, on unseen lists.
    """
    every = {one.name: one for one in tasks()}
    two = [one.name for one in choice().trained if len(one.steps) == 2 and one.name in every]
    new = (_operation(one, "evaluation", "new_") for one in choice().new)
    shown = [one for name, one in every.items() if name.startswith("by_example_")]
    # Every third, so that one step and two are there alike.
    return (
        Suite("operations", tuple(every[name] for name in two[:ASKED])),
        Suite("new_operations", tuple(new)),
        Suite("by_example", tuple(shown[::3][:50])),
    )
