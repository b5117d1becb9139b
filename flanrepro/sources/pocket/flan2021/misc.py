"""Other tasks: topics, acceptability, types of questions, sums, last words."""

from flanrepro.collection.task import Record
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.flan2021.reading_comprehension import passage_of
from flanrepro.sources.pocket.flan2021.twin import Twin, yes_or_no
from flanrepro.sources.pocket.stories import SAY, ask, in_two_languages
from flanrepro.sources.pocket.world import FOODS, KINDS, NAMES, OBJECTS


def topic(dice: Dice) -> Record:
    """Asks what a report is about, the kind of its two words."""
    kind = dice.one(("animal", "food", "tool", "place"))
    first, second = dice.some(KINDS[kind], 2)
    name, friend = dice.some(NAMES, 2)
    text = f"{name} told {friend} of the {first} and the {second}."
    return dict(text=text, answer=kind, options="animal\nfood\nplace\ntool")


def acceptable(dice: Dice) -> Record:
    """Asks if a sentence is one; if not, two neighbouring words are swapped."""
    text, _ = in_two_languages(dice, dice.one(("in", "is", "has")))
    holds = dice.coin()
    if not holds:
        parts = text.rstrip(".").split(" ")
        i = dice.below(len(parts) - 1)
        parts[i], parts[i + 1] = parts[i + 1], parts[i]
        text = f"{' '.join(parts)}."
    return dict(text=text, **yes_or_no(holds))


def question_type(dice: Dice) -> Record:
    """Asks what a question wants to know."""
    name = dice.one(NAMES)
    asked = {
        "color": ask("color", dice.one(KINDS["animal"] + FOODS)),
        "number": f"how many {dice.one(FOODS)} does {name} have?",
        "person": f"who has the {dice.one(OBJECTS)}?",
        "place": ask("place", dice.one(OBJECTS)),
        "thing": dice.one((ask("name", name), f"what is it that {name} has?")),
    }
    answer = dice.one(tuple(asked))
    asks = dice.one(("asks", "asked", "wondered", "wants to know"))
    return dict(
        text=f"{dice.one(NAMES)} {asks}: {asked[answer]}", answer=answer, options="\n".join(asked)
    )


def added(dice: Dice) -> Record:
    """Asks for a sum or a difference."""
    a, b = dice.number(1, 15), dice.number(1, 15)
    plus = dice.coin()
    text = f"{a} and {b}" if plus else f"{a + b} less {b}"
    return dict(text=text, answer=str(a + b if plus else a))


def last_word(dice: Dice) -> Record:
    """Asks for the last word of a statement that a passage has made before (LAMBADA)."""
    passage, kind, subject, value = passage_of(dice, 2)
    prefix = SAY[kind][0](subject, value).removesuffix(f" {value}.")
    return dict(text=f"{passage} so {prefix}", answer=value)


TASKS = {
    "ag_news_subset": Twin(topic, templates="topic"),
    "cola": Twin(acceptable, templates="acceptability"),
    "trec": Twin(question_type, templates="question_type"),
    "math_dataset": Twin(added, (), "math", {"train": 380, "validation": 60}),
    "lambada": Twin(last_word, templates="last_word"),
}
