"""Pocket's `dialog`: exchanges that fill slots, follow-up questions, talk."""

from flanrepro.collection.task import Record, Task
from flanrepro.sources.pocket.flan2021 import EASY, FOODS, NAMES, OBJECTS, PLACES
from flanrepro.sources.pocket.world import KNOWN, Dice, fact, task

SPLITS = {"train": 800, "validation": 100}
# Tasks that have fewer different records than `SPLITS` asks for.
FEWER = {
    "task_master_two_slots": {"train": 240, "validation": 30},
    "wiki_dialog": {"train": 600, "validation": 70},
    "qrecc_rewriting": {"train": 600, "validation": 70},
}


def order(dice: Dice, turns: int) -> Record:
    """A guest orders in `turns` turns, 2 to 4; the answer asks for a slot, or repeats them all."""
    food, place, hour, name = dice.one(FOODS), dice.one(PLACES), dice.number(1, 12), dice.one(NAMES)
    said = [
        f"user: i want {food}.",
        "bot: where do you want it?",
        f"user: in the {place}.",
        "bot: at which hour?",
        f"user: at {hour}.",
        "bot: what is your name?",
        f"user: {name}.",
    ]
    slots = [food, f"in the {place}", f"at {hour}", f"for {name}"]
    if turns < 4 and dice.coin():  # with four slots nothing is left to ask for
        return dict(
            dialogue=" ".join(said[: 2 * turns - 1]),
            answer=said[2 * turns - 1].removeprefix("bot: "),
        )
    done = " ".join(slots[:turns])
    return dict(
        dialogue=f"{' '.join(said[: 2 * turns - 1])} bot: is that all? user: yes.",
        answer=f"{done}, thanks.",
    )


def follow_up(dice: Dice) -> Record:
    """A question, its answer, and another about the same thing (WikiDialog)."""
    thing, (first, second) = dice.one(KNOWN), dice.some(EASY, 2)
    said = f"user: what is the {first} of the {thing}? bot: {fact(first, thing)}."
    return dict(dialogue=f"{said} user: and its {second}?", answer=f"{fact(second, thing)}.")


def rewritten(dice: Dice) -> Record:
    """The answer is the last question in full (QReCC)."""
    thing, (first, second) = dice.one(KNOWN), dice.some(EASY, 2)
    said = f"user: what is the {first} of the {thing}? bot: {fact(first, thing)}."
    return dict(
        dialogue=f"{said} user: and its {second}? bot: you ask",
        answer=f"what is the {second} of the {thing}?",
    )


def search(dice: Dice) -> Record:
    """Where a thing is, told and asked again; unknown for three in ten (QReCC)."""
    (thing, other), place = dice.some(OBJECTS, 2), dice.one(PLACES)
    last = dice.coin(0.7)
    asked = thing if last else other
    answer = f"in the {place}." if last else "i do not know."
    return dict(
        dialogue=f"user: the {thing} is in the {place}. bot: good. user: where is the {asked}?",
        answer=answer,
    )


def greeting(dice: Dice) -> Record:
    """Two people meet and talk about food (TREC CAsT)."""
    name, friend = dice.some(NAMES, 2)
    food = dice.one(FOODS)
    said = f"{name}: i am {name}. {friend}: i am {friend}. {name}: do you like {food}?"
    return dict(dialogue=said, answer=f"yes {name}, i like {food}.")


TASKS = (
    ("task_master_two_slots", order, 2),
    ("task_master_three_slots", order, 3),
    ("wiki_dialog", follow_up),
    ("qrecc", search),
    ("qrecc_rewriting", rewritten),
    ("trec_cast", greeting),
)


def tasks() -> tuple[Task, ...]:
    """Makes the six dialog tasks."""
    return tuple(
        task(name, "dialog", "dialog", make, *args, splits=FEWER.get(name, SPLITS))
        for name, make, *args in TASKS
    )
