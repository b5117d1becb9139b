"""Reading comprehension: questions whose answer is in a short passage."""

from flanrepro.collection.task import Record
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.flan2021.twin import HELD_IN, Twin, yes_or_no
from flanrepro.sources.pocket.stories import SAY, ask, holds, in_words, other, tell, whether
from flanrepro.sources.pocket.world import FOODS, KINDS, NAMES

UNKNOWN = "not known"


def passage_of(dice: Dice, n: int) -> tuple[str, str, str, str]:
    """Returns a passage of n statements of different kinds, and one's kind, subject and value."""
    # With two of a kind, a question is answered by binding a subject to its value, which models of
    # these sizes do not learn in minutes.
    rows = tell(dice, dice.some(tuple(SAY), n))
    return in_words(rows), *dice.one(rows)


def yes_no_reading(dice: Dice, n: int) -> Record:
    """Asks if something is so by a passage of n statements."""
    passage, kind, subject, value = passage_of(dice, n)
    return dict(passage=passage, question=whether(kind, subject), **yes_or_no(holds(kind, value)))


def reading(dice: Dice, n: int, unanswerable: float = 0.0) -> Record:
    """Asks for a word of a passage; a share of the questions is about something else."""
    passage, kind, subject, value = passage_of(dice, n)
    if dice.coin(unanswerable):
        there = passage.replace(".", "").split()
        subject, value = dice.one([word for word in SAY[kind][1] if word not in there]), UNKNOWN
    return dict(passage=passage, question=ask(kind, subject), answer=value)


def checked(dice: Dice, n: int) -> Record:
    """Asks if a candidate answer is right (MultiRC)."""
    passage, kind, subject, value = passage_of(dice, n)
    right = dice.coin()
    said = value if right else other(dice, SAY[kind][2], value)
    question = f"{ask(kind, subject)} is it {said}?"
    return dict(passage=passage, question=question, **yes_or_no(right))


def amounts(dice: Dice, n: int) -> Record:
    """Asks how many of a food one of n persons has (DROP)."""
    names, foods = dice.some(NAMES, n), dice.some(FOODS, n)
    numbers = dice.some(range(1, 20), n)
    i = dice.below(n)
    rows = zip(names, numbers, foods, strict=True)
    return dict(
        passage=" ".join(f"{name} has {number} {food}." for name, number, food in rows),
        question=f"how many {foods[i]} does {names[i]} have?",
        answer=str(numbers[i]),
    )


def open_book(dice: Dice) -> Record:
    """Asks what somebody likes who likes all words of a kind (OpenBookQA)."""
    kind, *others = dice.some(tuple(KINDS), 4)
    words = [dice.one(KINDS[one]) for one in (kind, *others)]
    name = dice.one([one for one in NAMES if one not in words])
    return dict(
        passage=f"{name} likes every {kind}.",
        question=f"what does {name} like?",
        answer=words[0],
        options="\n".join(dice.mixed(words)),
    )


TASKS = {
    "bool_q": Twin(yes_no_reading, (2,), "yes_no_question", splits=HELD_IN),
    "squad_v1": Twin(reading, (3,)),
    "squad_v2": Twin(reading, (2, 0.3)),
    "drop": Twin(amounts, (2,)),
    "multirc": Twin(checked, (2,)),
    "openbookqa": Twin(open_book),
}
