"""Reading comprehension with commonsense: what a passage says and what follows from it."""

from flanrepro.collection.task import Record
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.flan2021.reading_comprehension import passage_of
from flanrepro.sources.pocket.flan2021.twin import Twin
from flanrepro.sources.pocket.stories import SAY
from flanrepro.sources.pocket.world import NAMES, OBJECTS, PLACES


def where_now(dice: Dice) -> Record:
    """Asks where a thing is, or was, that somebody took along (Cosmos QA)."""
    name, thing, now = dice.one(NAMES), dice.one(OBJECTS), dice.coin()
    places = dice.some(PLACES, 4)
    before, after = places[:2]
    return dict(
        passage=f"the {thing} was in the {before}. {name} took it to the {after}.",
        question=f"where is the {thing} now?" if now else f"where was the {thing} before?",
        answer=after if now else before,
        options="\n".join(dice.mixed(places)),
    )


def blank(dice: Dice) -> Record:
    """Asks for the word that fills a blank, said in a passage of two statements (ReCoRD)."""
    passage, kind, subject, value = passage_of(dice, 2)
    say, _, values = SAY[kind]
    return dict(
        passage=passage,
        question=f"fill in: {say(subject, 'blank')}",
        answer=value,
        options=dice.options(value, values),
    )


TASKS = {"cosmos_qa": Twin(where_now), "record": Twin(blank)}
