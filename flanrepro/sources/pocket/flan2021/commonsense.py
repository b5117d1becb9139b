"""Commonsense: the word that fits what somebody does."""

from flanrepro.collection.task import Record
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.flan2021.twin import Twin, in_order
from flanrepro.sources.pocket.stories import DOES
from flanrepro.sources.pocket.world import KINDS, NAMES, OBJECTS, PLACES

BEFORE = {"": "", "story": "{name} has the {thing}. ", "wanted": "{name} was in the {place}. then "}
"""What comes before the deed, by name."""


def deed(dice: Dice, n: int, before: str = "") -> Record:
    """Asks what somebody fed, ate, used, went to or met; one of n words is of the verb's kind."""
    kind, *others = dice.some(tuple(DOES), n)
    words = [dice.one(KINDS[kind]), *(dice.one(KINDS[one]) for one in others)]
    name, place, thing = dice.one(NAMES), dice.one(PLACES), dice.one(OBJECTS)
    start = BEFORE[before].format(name=name, place=place, thing=thing)
    article = "" if kind == "name" else " the"
    return dict(
        passage=f"{start}{name} {DOES[kind]}{article}", answer=words[0], options=in_order(words)
    )


TASKS = {
    "copa": Twin(deed, (2,)),
    "hellaswag": Twin(deed, (4,)),
    "piqa": Twin(deed, (2, "story")),
    "story_cloze": Twin(deed, (2, "wanted")),
}
