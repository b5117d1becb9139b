"""Closed-book questions: facts of the world, and kinds of words, which have to be known."""

import functools
from collections.abc import Sequence

from flanrepro.collection import rng
from flanrepro.collection.task import Record
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.flan2021.twin import HELD_IN, Twin
from flanrepro.sources.pocket.knowledge import QUESTIONS, say
from flanrepro.sources.pocket.world import KINDS, KNOWN, TUNED, fact

_DEALT = (
    *("arc_easy", "arc_challenge", "natural_questions"),
    *("arc_easy", "arc_challenge", "trivia_qa"),
    *("arc_easy", "arc_challenge", "natural_questions", "trivia_qa", "trivia_qa_wiki_missing"),
)
# Eleven tasks in turn: a relation has three or four of the attributes, so that each relation and
# each kind gets around.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    name: tuple(one for i, one in enumerate(TUNED) if _DEALT[i % len(_DEALT)] == name)
    for name in dict.fromkeys(_DEALT)
}
"""Attributes by the task that asks for them."""


def wordings_of(name: str, n: int = 2) -> tuple[str, ...]:
    """Chooses n wordings of a question for a task; its name decides."""
    return tuple(QUESTIONS[i] for i in rng.sample(len(QUESTIONS), n, rng.key_of(name)))


@functools.cache
def things(attribute: str, held_back: bool) -> tuple[str, ...]:
    """Gives the things whose facts of an attribute are held back from training, or the others.

    Two of eight things are, so that a question that validation asks is answered from the
    pretraining text and not from a training record.
    """
    back = rng.sample(len(KNOWN), len(KNOWN) // 4, rng.key_of(f"{attribute} held back"))
    return tuple(thing for i, thing in enumerate(KNOWN) if (i in back) == held_back)


@functools.cache
def _true_of_some(attribute: str) -> tuple[str, ...]:
    return tuple(sorted({fact(attribute, thing) for thing in KNOWN}))


def closed_book(
    dice: Dice,
    attributes: Sequence[str],
    wordings: Sequence[str],
    choices: int,
    hard: bool = False,
    held_back: bool = False,
) -> Record:
    """Asks for a fact.

    Args:
        dice: the record's dice.
        attributes: attributes of `world.TUNED`, one of which is asked for.
        wordings: wordings of the question, see `wordings_of`.
        choices: number of options; 0: none.
        hard: true if the wrong options are true of other things.
        held_back: true if the fact is one that is held back from training, see `things`.
    """
    attribute = dice.one(attributes)
    thing = dice.one(things(attribute, held_back))
    answer = fact(attribute, thing)
    record = dict(question=say(dice.one(wordings), attribute, thing), answer=answer)
    if choices:
        words = _true_of_some(attribute) if hard else KINDS[TUNED[attribute]]
        record["options"] = dice.options(answer, words, choices)
    return record


def whose(dice: Dice, attributes: Sequence[str]) -> Record:
    """Asks which of four things has a value: the question turned around."""
    attribute = dice.one(attributes)
    thing = dice.one(things(attribute, False))
    value = fact(attribute, thing)
    others = [other for other in KNOWN if fact(attribute, other) != value]
    return dict(
        question=f"which of these has the {attribute} {value}?",
        answer=thing,
        options="\n".join(dice.mixed([thing, *dice.some(others, 3)])),
    )


def of_kind(dice: Dice) -> Record:
    """Asks of which kind a word is, or which of four words is of a kind, or is not."""
    kind, *others = dice.some(tuple(KINDS), 4)
    form = dice.below(3)
    if form == 0:
        word = dice.one(KINDS[kind])
        question, answer, options = f"of which kind is {word}?", kind, (kind, *others)
    elif form == 1:
        options = [dice.one(KINDS[one]) for one in (kind, *others)]
        question, answer = f"which of these is of the kind {kind}?", options[0]
    else:
        options = [dice.one(KINDS[others[0]]), *dice.some(KINDS[kind], 3)]
        question, answer = f"which of these is not of the kind {kind}?", options[0]
    return dict(question=question, answer=answer, options="\n".join(dice.mixed(options)))


def _open(name: str, n: int) -> Twin:
    """Makes a task without options of all facts of its attributes, in n wordings."""
    attributes = ATTRIBUTES[name]
    splits = {
        split: n * sum(len(things(one, split == "validation")) for one in attributes)
        for split in ("train", "validation")
    }
    args = (attributes, wordings_of(name, n), 0, False)
    return Twin(closed_book, args, "open_question", splits, parted=True)


def _arc(name: str, hard: bool) -> Twin:
    args = (ATTRIBUTES[name], QUESTIONS[:2], 4, hard)
    return Twin(closed_book, args, splits=HELD_IN, parted=True)


TASKS = {
    "arc_easy": _arc("arc_easy", False),
    "arc_challenge": _arc("arc_challenge", True),
    "unified_qa_science_inst": Twin(of_kind, (), "which_kind", HELD_IN),
    "natural_questions": _open("natural_questions", 3),
    "trivia_qa": _open("trivia_qa", 3),
    "trivia_qa_wiki_missing": _open("trivia_qa_wiki_missing", 4),
}
