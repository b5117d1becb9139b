"""Coreference: who or what is meant?"""

from flanrepro.collection.task import Record
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.flan2021.twin import Twin, in_order
from flanrepro.sources.pocket.world import KINDS, NAMES, OBJECTS, PLACES

# Names, parted so that a pronoun tells two persons apart.
SHE = "ann cara eva hana jan kim".split()
HE = [name for name in NAMES if name not in SHE]
FELT = ("glad", "tired", "hungry", "late")


def pronoun(dice: Dice) -> Record:
    """Asks which of two persons a pronoun means."""
    pair = dice.mixed([dice.one(SHE), dice.one(HE)])
    who = dice.one(pair)
    word, felt = "she" if who in SHE else "he", dice.one(FELT)
    return dict(
        passage=f"{pair[0]} met {pair[1]} in the {dice.one(PLACES)}. {word} was {felt}.",
        question=f"who was {felt}?",
        answer=who,
        options=in_order(pair),
    )


def given(dice: Dice) -> Record:
    """Asks who of two persons has a thing, or had it."""
    giver, taker = dice.some(NAMES, 2)
    thing, now = dice.one(OBJECTS), dice.coin()
    verb = dice.one(("gave", "sold", "sent"))
    return dict(
        passage=f"{giver} {verb} {taker} the {thing}.",
        question=f"who {'has' if now else 'had'} the {thing}?",
        answer=taker if now else giver,
        options=in_order([giver, taker]),
    )


def sleeper(dice: Dice) -> Record:
    """Asks if an animal or a tool slept or broke."""
    animal, thing = dice.one(KINDS["animal"]), dice.one(KINDS["tool"])
    slept = dice.coin()
    first, second = dice.mixed([animal, thing])
    deed = "slept" if slept else "broke"
    return dict(
        passage=f"the {first} was with the {second}. it {deed}.",
        question=f"what {deed}?",
        answer=animal if slept else thing,
        options=in_order([animal, thing]),
    )


TASKS = {
    "definite_pronoun_resolution": Twin(sleeper, splits={"train": 450, "validation": 60}),
    "winogrande": Twin(given),
    "wsc": Twin(pronoun),
}
