"""Paraphrase: do two sentences, questions or words say the same?"""

from collections.abc import Sequence

from flanrepro.collection.task import Record
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.flan2021.twin import Twin, yes_or_no
from flanrepro.sources.pocket.knowledge import QUESTIONS, say
from flanrepro.sources.pocket.stories import has, is_colored, is_in, other, translated
from flanrepro.sources.pocket.world import (
    COLORS,
    FOODS,
    KINDS,
    KNOWN,
    NAMES,
    OBJECTS,
    PLACES,
    TUNED,
)


def _pair(sentence1: str, sentence2: str, same: bool) -> Record:
    return dict(sentence1=sentence1, sentence2=sentence2, **yes_or_no(same))


_AGAIN = (
    (
        *(OBJECTS, PLACES, is_in),
        ("in the {1} there is the {0}.", "look in the {1} for the {0}.", "the {1} has the {0}."),
    ),
    (
        *(NAMES, OBJECTS, has),
        ("the {1} is with {0}.", "it is {0} who has the {1}.", "{0} got the {1}."),
    ),
    (
        *(KINDS["animal"] + FOODS, COLORS, is_colored),
        ("{1} is the {0}.", "the {0}, it is {1}.", "there is a {1} {0}."),
    ),
)
"""Subjects, values, a function to a sentence and other ways to say the same."""


def turned(dice: Dice, swapped: bool) -> Record:
    """Asks if two sentences say the same.

    If not, the second one names another subject or value; `swapped`: it has the persons the other
    way around (PAWS).
    """
    same = dice.coin()
    if swapped:
        (name, friend), place = dice.some(NAMES, 2), dice.one(PLACES)
        who, whose = (name, friend) if same else (friend, name)
        said = f"{name} fed the animals of {friend} in the {place}."
        return _pair(said, f"in the {place} the animals of {whose} were fed by {who}.", same)
    subjects, values, one, others = dice.one(_AGAIN)
    subject, value = dice.one(subjects), dice.one(values)
    said = one(subject, value)
    if not same and dice.coin():
        subject = other(dice, subjects, subject)
    elif not same:
        value = other(dice, values, value)
    return _pair(said, dice.one(others).format(subject, value), same)


def asked_twice(dice: Dice, attributes: Sequence[str] = tuple(TUNED)) -> Record:
    """Asks if two questions ask the same; if not, one is about another thing or attribute (QQP)."""
    same = dice.coin()
    attribute, thing = dice.one(attributes), dice.one(KNOWN)
    first, second = dice.some(QUESTIONS, 2)
    asked = say(first, attribute, thing)
    if not same and dice.coin():
        thing = other(dice, KNOWN, thing)
    elif not same:
        attribute = other(dice, attributes, attribute)
    return _pair(asked, say(second, attribute, thing), same)


def same_meaning(dice: Dice) -> Record:
    """Asks if three words are the translation of three others (the twin of word senses)."""
    kinds = dice.some(("animal", "food", "place", "color"), 3)
    words = [dice.one(KINDS[kind]) for kind in kinds]
    same, again = dice.coin(), list(words)
    if not same:
        i = dice.below(3)
        again[i] = other(dice, KINDS[kinds[i]], again[i])
    return _pair(" ".join(words), " ".join(map(translated, again)), same)


def overlap(dice: Dice) -> Record:
    """Asks how many words two lists of three share (the twin of a graded similarity)."""
    words = dice.some(OBJECTS, 6)
    shared = dice.below(4)
    again = dice.mixed([*words[:shared], *words[3 : 6 - shared]])
    return dict(
        sentence1=" ".join(words[:3]),
        sentence2=" ".join(again),
        answer=str(shared),
        options="0\n1\n2\n3",
    )


TASKS = {
    "glue_mrpc": Twin(turned, (False,)),
    "paws_wiki": Twin(turned, (True,)),
    "glue_qqp": Twin(asked_twice, templates="asked_twice"),
    "wic": Twin(same_meaning, templates="meaning"),
    "stsb": Twin(overlap, templates="similarity"),
}
