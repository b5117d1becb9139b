"""Summarization: short texts in fewer words."""

from flanrepro.collection.task import Record
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.flan2021.twin import Twin
from flanrepro.sources.pocket.stories import DOES
from flanrepro.sources.pocket.world import BAD, GOOD, KINDS, NAMES, OBJECTS, PLACES, WORKS


def news(dice: Dice, n: int) -> Record:
    """Asks for a report's summary, the sentence that says who did what, of n sentences more."""
    name, kind = dice.one(NAMES), dice.one(("animal", "food", "tool"))
    done = f"{name} {DOES[kind]} the {dice.one(KINDS[kind])}."
    rest = (
        f"{name} was in the {dice.one(PLACES)}.",
        f"it was {dice.one(GOOD)}.",
        f"{dice.one(NAMES)} was there.",
    )
    text = dice.mixed([done, *dice.some(rest, n)])
    return dict(text=" ".join(text), answer=done)


def mail(dice: Dice) -> Record:
    """Asks for a mail's subject line."""
    name, friend = dice.some(NAMES, 2)
    thing, place = dice.one(OBJECTS), dice.one(PLACES)
    text = f"dear {name}, the {thing} is in the {place}. please get it. from {friend}."
    return dict(text=text, answer=f"the {thing}")


def chat(dice: Dice) -> Record:
    """Asks what two persons talk about."""
    name, friend = dice.some(NAMES, 2)
    thing, place = dice.one(OBJECTS), dice.one(PLACES)
    text = f"{name}: where is the {thing}? {friend}: in the {place}. {name}: thanks."
    return dict(text=text, answer=f"{friend} told {name} where the {thing} is.")


def opinions(dice: Dice) -> Record:
    """Asks for what three opinions on a work have in common."""
    work, good = dice.one(WORKS), dice.coin()
    words = dice.some(GOOD if good else BAD, 3)
    text = " ".join(f"the {work} was {word}." for word in words)
    return dict(text=text, answer=f"the {work} was {'good' if good else 'bad'}.")


TASKS = {
    "gigaword": Twin(news, (1,)),
    "xsum": Twin(news, (2,)),
    "cnn_dailymail": Twin(news, (3,)),
    "aeslc": Twin(mail),
    "samsum": Twin(chat),
    "opinion_abstracts_rotten_tomatoes": Twin(opinions),
}
