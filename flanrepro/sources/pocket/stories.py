"""Statements that stories are made of, what is asked about them, and two languages for them."""

from collections.abc import Sequence

from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.world import (
    COLORS,
    FOODS,
    INSIDE,
    KINDS,
    NAMES,
    OBJECTS,
    PLACES,
    TRANSLATED,
    WARM,
)


def is_in(thing: str, place: str) -> str:
    return f"the {thing} is in the {place}."


def has(name: str, thing: str) -> str:
    return f"{name} has the {thing}."


def is_colored(thing: str, color: str) -> str:
    return f"the {thing} is {color}."


SAY = {
    "place": (is_in, OBJECTS, PLACES),
    "name": (has, NAMES, OBJECTS),
    "color": (is_colored, FOODS, COLORS),
}
"""Function to a sentence, its subjects and their values, by kind of statement."""

CLASSES = {
    "place": ("the {} is inside.", "is the {} inside?", INSIDE),
    "name": ("{} has food.", "does {} have food?", FOODS),
    "color": ("the {} has a warm color.", "does the {} have a warm color?", WARM),
}
"""By kind of statement: what half of its values make true of a subject, a question, these values.

One word of a story decides if it is true. To compare a word of the story with one of the
question is what models of these sizes do not learn in minutes.
"""
UNTOLD = ("likes the", "wants the", "sold the")
"""What no story tells of a name and a thing."""

DENIED = {" is ": " is not ", " has ": " does not have "}
DOES = {"animal": "fed", "food": "ate", "tool": "used", "place": "went to", "name": "met"}
"""Verb for what is done with words of a kind, by kind."""
LANGUAGES = ("english", "pocketish")


def tell(dice: Dice, kinds: Sequence[str]) -> list[tuple[str, str, str]]:
    """Draws statements (kind, subject, value), one of each kind, in random order."""
    return [(k, dice.one(SAY[k][1]), dice.one(SAY[k][2])) for k in dice.mixed(kinds)]


def in_words(rows: Sequence[tuple[str, str, str]]) -> str:
    return " ".join(SAY[kind][0](subject, value) for kind, subject, value in rows)


def other(dice: Dice, words: Sequence[str], word: str) -> str:
    return dice.one([one for one in words if one != word])


def ask(kind: str, subject: str) -> str:
    if kind == "place":
        return f"where is the {subject}?"
    if kind == "name":
        return f"what does {subject} have?"
    return f"which color is the {subject}?"


def holds(kind: str, value: str) -> bool:
    """Says if a statement of this value makes its class's statement true."""
    return value in CLASSES[kind][2]


def whether(kind: str, subject: str) -> str:
    """Asks if a subject's value is of the class; `holds` has the answer."""
    return CLASSES[kind][1].format(subject)


def claim(dice: Dice, rows: Sequence[tuple[str, str, str]], label: int) -> str:
    """Says what follows from a story (label 0), contradicts it (1), or is not told in it (2).

    As in the data sets that these are twins of, a sentence alone betrays something: denials
    contradict, and what is left open is of another sort (Gururangan et al., 2018).
    """
    if label == 2:
        kind, subject, value = dice.one(rows)
        name, thing = (subject, value) if kind == "name" else (dice.one(NAMES), subject)
        return f"{name} {dice.one(UNTOLD)} {thing}."
    fitting = [row for row in rows if holds(row[0], row[2]) == (label == 0)]
    if fitting and dice.coin(0.7):
        kind, subject, _ = dice.one(fitting)
        return CLASSES[kind][0].format(subject)
    kind, subject, value = dice.one(rows)
    said = SAY[kind][0](subject, value)
    if label == 1:
        for verb, denied in DENIED.items():
            said = said.replace(verb, denied)
    return said


def translated(word: str) -> str:
    return TRANSLATED.get(word, word)


def in_two_languages(dice: Dice, pattern: str) -> tuple[str, str]:
    """Says a sentence and its translation, in which an adjective follows its noun."""
    thing, color = dice.one(KINDS["animal"] + FOODS), dice.one(COLORS)
    place, name, t = dice.one(PLACES), dice.one(NAMES), translated
    noun, foreign = f"the {color} {thing}", f"le {t(thing)} {t(color)}"
    return {
        "in": (f"{noun} is in the {place}.", f"{foreign} esta en le {t(place)}."),
        "is": (
            f"the {thing} in the {place} is {color}.",
            f"le {t(thing)} en le {t(place)} esta {t(color)}.",
        ),
        "has": (f"{name} has {noun}.", f"{name} havas {foreign}."),
        "noun": (f"{noun} in the {place}", f"{foreign} en le {t(place)}"),
        "and": (f"{noun} and the {place}", f"{foreign} kaj le {t(place)}"),
    }[pattern]
