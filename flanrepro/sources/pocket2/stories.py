"""Statements that stories are made of, what is asked about them, and two languages for them."""

from collections.abc import Sequence

from flanrepro.sources.pocket.world import Dice
from flanrepro.sources.pocket2.world import COLORS, FOODS, KINDS, NAMES, OBJECTS, PLACES, TRANSLATED


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


def whether(kind: str, subject: str, value: str) -> str:
    if kind == "place":
        return f"is the {subject} in the {value}?"
    if kind == "name":
        return f"does {subject} have the {value}?"
    return f"is the {subject} {value}?"


def claim(dice: Dice, kind: str, subject: str, value: str, label: int) -> str:
    """Says what follows from a statement (label 0), contradicts it (1), or leaves it open (2).

    As in the data sets that these are twins of, a denial is mostly a contradiction (Gururangan et
    al., 2018): half of the contradictions deny, and one in ten of what follows.
    """
    say, subjects, values = SAY[kind]
    if label == 2:
        return say(other(dice, subjects, subject), value)
    denies = dice.coin((0.1, 0.5)[label])
    text = say(subject, value if (label == 0) != denies else other(dice, values, value))
    if denies:
        for verb, denied in DENIED.items():
            text = text.replace(verb, denied)
    return text


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
