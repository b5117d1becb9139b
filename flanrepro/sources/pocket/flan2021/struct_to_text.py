"""Structure to text: data said in sentences."""

from collections.abc import Sequence

from flanrepro.collection.task import Record
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.flan2021.twin import Twin
from flanrepro.sources.pocket.stories import in_words, tell
from flanrepro.sources.pocket.world import FOODS, NAMES, OBJECTS, PLACES


def triple(dice: Dice, kinds: Sequence[str]) -> Record:
    """Gives subjects, relations and values, to be said one after the other."""
    rows = tell(dice, kinds)
    said = (f"{one}, {'has' if kind == 'name' else kind}, {value}" for kind, one, value in rows)
    return dict(data="; ".join(said), answer=in_words(rows))


def words(dice: Dice) -> Record:
    """Gives three words in any order, to be said in one sentence."""
    name, thing, place = dice.one(NAMES), dice.one(OBJECTS), dice.one(PLACES)
    return dict(
        data=", ".join(dice.mixed([name, thing, place])),
        answer=f"{name} has the {thing} in the {place}.",
    )


def slots(dice: Dice) -> Record:
    """Gives a name, a food and a place by their kinds, to be said in one sentence."""
    name, food, place = dice.one(NAMES), dice.one(FOODS), dice.one(PLACES)
    rows = dice.mixed([f"name: {name}", f"food: {food}", f"place: {place}"])
    return dict(data=", ".join(rows), answer=f"{name} ate the {food} in the {place}.")


TASKS = {
    "common_gen": Twin(words),
    "dart": Twin(triple, (("name", "color"),)),
    "e2e_nlg": Twin(slots),
    "web_nlg_en": Twin(triple, (("place", "name"),)),
}
