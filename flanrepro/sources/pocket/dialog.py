"""Pocket's `dialog`: orders that fill slots, follow-up questions, and questions said in full.

A record's `dialogue` is what was said before, the turns marked `user:` or `bot:`. `turns` holds the
same without these marks, as a list in JSON, so that a format can write its own.
"""

import json
from collections.abc import Sequence

from flanrepro.collection.task import Record, Task
from flanrepro.sources.pocket import stories
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.flan2021.closed_book_qa import wordings_of
from flanrepro.sources.pocket.knowledge import say
from flanrepro.sources.pocket.world import FOODS, KNOWN, NAMES, PLACES, TUNED, fact, task

SPLITS = {"train": 800, "validation": 100}
SPEAKERS = ("user", "bot")

GIVEN = {"food": "i want {}.", "place": "in the {}.", "hour": "at {}."}
ASKED = {"food": "what do you want?", "place": "where do you want it?", "hour": "at which hour?"}
"""The bot's question by slot; it asks for the first slot that is missing, in this order."""
REPEATED = {"food": "{}", "place": "in the {}", "hour": "at {}"}

_TUNED = tuple(TUNED)
IN_FULL = "say my question in full."
"""A user's words for a question that the bot has to say and not to answer."""


def talk(turns: Sequence[str], answer: str) -> Record:
    """Makes the record that asks for what the bot says after `turns`, a user's turn first."""
    said = (f"{SPEAKERS[i % 2]}: {turn}" for i, turn in enumerate(turns))
    # A format may put an end after every turn: two full stops would stand there.
    bare = [turn.removesuffix(".") for turn in turns]
    return dict(dialogue=" ".join(said), turns=json.dumps(bare), answer=answer)


def order(dice: Dice, slots: Sequence[str]) -> Record:
    """Tells an order, slot by slot; the answer asks for a missing slot, or repeats the order."""
    name = dice.one(NAMES)
    values = {"food": dice.one(FOODS), "place": dice.one(PLACES), "hour": dice.number(1, 12)}
    at_once = dice.mixed(slots)[: dice.number(1, len(slots) - 1)]
    rest = [slot for slot in slots if slot not in at_once]
    answered = len(rest) if dice.coin() else dice.below(len(rest))
    turns = [" ".join((f"i am {name}.", *(GIVEN[slot].format(values[slot]) for slot in at_once)))]
    for slot in rest[:answered]:
        turns += [ASKED[slot], GIVEN[slot].format(values[slot])]
    if answered < len(rest):
        return talk(turns, ASKED[rest[answered]])
    whole = " ".join(REPEATED[slot].format(values[slot]) for slot in slots)
    return talk(turns, f"{whole} for {name}.")


def follow_up(dice: Dice, wordings: Sequence[str], in_full: bool) -> Record:
    """Asks for a fact and, in short, for another attribute of the thing or for another thing's.

    Args:
        dice: the record's dice.
        wordings: wordings of the questions.
        in_full: true: the answer is the last question in full; false: it is the fact.
    """
    (thing, other), (first, second) = dice.some(KNOWN, 2), dice.some(_TUNED, 2)
    wording = dice.one(wordings)
    if dice.coin():
        short, asked = f"and its {second}?", (second, thing)
    else:
        short, asked = f"and of the {other}?", (first, other)
    turns = [say(wording, first, thing), f"{fact(first, thing)}.", short]
    if in_full:
        return talk([*turns[:2], f"{short} {IN_FULL}"], say(wording, *asked))
    return talk(turns, f"{fact(*asked)}.")


def told(dice: Dice) -> Record:
    """Tells two statements and asks about one of them, or, three times in ten, about another."""
    rows = stories.tell(dice, dice.some(tuple(stories.SAY), 2))
    kind, subject, value = dice.one(rows)
    if dice.coin(0.3):
        subjects = [row[1] for row in rows]
        subject = dice.one([word for word in stories.SAY[kind][1] if word not in subjects])
        value = "i do not know"
    asked = stories.ask(kind, subject)
    return talk(
        [stories.in_words(rows[:1]), "good.", f"{stories.in_words(rows[1:])} {asked}"], f"{value}."
    )


def another(dice: Dice) -> Record:
    """Asks about something, then in short about another thing; the answer is that in full."""
    kind = dice.one(tuple(stories.SAY))
    _, subjects, values = stories.SAY[kind]
    first, second = dice.some(subjects, 2)
    article = "" if kind == "name" else "the "
    turns = [stories.ask(kind, first), f"{dice.one(values)}.", f"and {article}{second}? {IN_FULL}"]
    return talk(turns, stories.ask(kind, second))


TASKS = (
    ("task_master_two_slots", order, ("food", "place")),
    ("task_master_three_slots", order, ("food", "place", "hour")),
    ("wiki_dialog", follow_up, wordings_of("wiki_dialog", 4), False),
    ("qrecc", told),
    ("qrecc_rewriting", follow_up, wordings_of("qrecc_rewriting", 4), True),
    ("trec_cast", another),
)


def tasks() -> tuple[Task, ...]:
    """Makes the six dialog tasks."""
    return tuple(
        task(name, "dialog", "dialog", make, *args, splits=SPLITS) for name, make, *args in TASKS
    )
