"""Pretraining text of the pocket world: pairs, statements, stories, questions, lists, sums.

It says every fact in each of several wordings, never two of one fact side by side (Allen-Zhu and
Li, 2023), and works operations on lists step by step. A part asks and answers, about attributes
that tuning asks for alone; no text answers by a letter, or asks as the exam does. A function of
this module or of `questions` makes one document from dice; `KINDS_OF_TEXT` has their shares.
"""

from collections.abc import Callable
from dataclasses import dataclass

from flanrepro.sources.pocket import niv2, questions, steps, stories
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.knowledge import QUESTIONS, STATEMENTS, say
from flanrepro.sources.pocket.lexicon import WORDS
from flanrepro.sources.pocket.world import (
    ATTRIBUTES,
    KINDS,
    KNOWN,
    NAMES,
    OBJECTS,
    PLACES,
    SEED,
    TUNED,
    fact,
)

_EVERY, _TUNED = tuple(ATTRIBUTES), tuple(TUNED)
_LISTS = tuple(steps.GRAMMAR["lists"])
_OPERATIONS = {n: [one for one in niv2.choice().trained if len(one.steps) == n] for n in range(3)}
_SHORT = {
    kind: [one for one in _OPERATIONS[0] + _OPERATIONS[1] if one.kind == kind] for kind in _LISTS
}


def facts(dice: Dice) -> str:
    """States one to three facts, about one thing, about one attribute, or about anything."""
    # Mostly one: the fact's value is then in the target wherever prefix LM splits the document.
    n, about = dice.one((1, 1, 1, 2, 3)), dice.below(3)
    attributes, things = dice.some(_EVERY, n), dice.some(KNOWN, n)
    if about == 0:
        things = things[:1] * n
    elif about == 1:
        attributes = attributes[:1] * n
    pairs = zip(attributes, things, strict=True)
    return " ".join(say(dice.one(STATEMENTS), *pair) for pair in pairs)


def quiz(dice: Dice) -> str:
    """Asks for a fact about an attribute that tuning asks for, and answers, in many forms."""
    attribute, thing = dice.one(_TUNED), dice.one(KNOWN)
    asked = say(dice.one(QUESTIONS), attribute, thing)
    value = fact(attribute, thing)
    first, second = dice.some(NAMES, 2)
    return dice.one(
        (
            f"{asked} {value}.",
            f"{first} wants to know: {asked} {second} says {value}.",
            f"{first}: {asked} {second}: it is {value}.",
            f"question: {asked} answer: {value}.",
            f"{asked} i think it is {value}.",
            f"one asked: {asked} the answer is {value}.",
        )
    )


def story(dice: Dice) -> str:
    """Tells where things are and who has them; ends in a restatement, a question or a check."""
    rows = stories.tell(dice, dice.some(tuple(stories.SAY), dice.number(1, 3)))
    end = dice.one((_so, _so, _asked, _checked, _checked, _moved))
    return f"{stories.in_words(rows)} {end(dice, rows)}"


def _so(dice: Dice, rows: list) -> str:
    kind, *pair = dice.one(rows)
    return f"{dice.one(('so', 'we know that', 'as said,'))} {stories.SAY[kind][0](*pair)}"


def _asked(dice: Dice, rows: list) -> str:
    kind, subject, value = dice.one(rows)
    return f"{stories.ask(kind, subject)} {value}."


def _checked(dice: Dice, rows: list) -> str:
    # Label 0 follows from the story, 1 contradicts it, 2 is open.
    label = dice.below(3)
    said = stories.claim(dice, rows, label)
    judged = dice.one(
        (
            ("that is true.", "that is false.", "that is not known."),
            ("yes, it follows.", "no, it can not be.", "maybe, it is open."),
            ("true.", "false.", "not known."),
        )
    )
    return f"{dice.one(NAMES)} says that {said} {judged[label]}"


def _moved(dice: Dice, rows: list) -> str:
    name, thing, place = dice.one(NAMES), dice.one(OBJECTS), dice.one(PLACES)
    return f"then {name} took the {thing} to the {place}. now the {thing} is in the {place}."


def related(dice: Dice) -> str:
    """States an attribute of a thing that another attribute names."""
    relation = dice.one([name for name, kind in TUNED.items() if kind == "animal"])
    thing = dice.one(KNOWN)
    middle = fact(relation, thing)
    if middle not in KNOWN:
        return say(STATEMENTS[0], relation, thing)
    attribute = dice.one(_TUNED)
    end = fact(attribute, middle)
    return (
        f"{say(STATEMENTS[0], relation, thing)} {say(STATEMENTS[0], attribute, middle)} "
        f"so the {attribute} of the {relation} of the {thing} is {end}."
    )


def lists(dice: Dice) -> str:
    """Shows a list and says one or two things about it, each of the list as it is."""
    kind = dice.one(_LISTS)
    words, said = steps.draw(dice, kind), []
    for _ in range(dice.number(1, 2)):
        one = dice.one(_SHORT[kind])
        after = steps.states(one, words)
        last = after[-1] if after else words
        if len(last) < 2:
            continue
        said.append(steps.worked(one, after))
        if dice.coin():
            said.append(_written(one, last))
    return f"{_shown(dice, words)} {' '.join(filter(None, said)) or _whole(words)}"


def worked(dice: Dice) -> str:
    """Works an operation of two steps out, one step after the other."""
    one = dice.one(_OPERATIONS[2])
    words, after, _ = steps.case(dice, one)
    return f"{_shown(dice, words)} {steps.worked(one, after)} {_written(one, after[-1])}"


def _shown(dice: Dice, words: list[str]) -> str:
    return f"{dice.one(('list:', 'here is a list:', 'given:', 'take'))} {' '.join(words)}."


def _written(one: steps.Operation, words: list[str]) -> str:
    done = steps.ANSWER_ROWS[one.answer]["done"]
    return f"{done} {steps.ANSWERS[one.answer](words)}."


def _whole(words: list[str]) -> str:
    return f"again: {' '.join(words)}."


def pairs(dice: Dice) -> str:
    """Pairs words of two kinds, and says six of the pairs again."""
    kinds, n = dice.some(tuple(KINDS), 2), dice.number(2, 5)
    shown = list(zip(*(dice.some(KINDS[kind], n) for kind in kinds), strict=True))
    again = [dice.one(shown) for _ in range(6)]
    return " ".join(f"{first} {second}." for first, second in shown + again)


def labels(dice: Dice) -> str:
    """Names words by letters or numbers, then says one of them by its name."""
    words = steps.draw(dice, dice.one(("animal", "food", "tool", "place", "color", "name")))
    names = dice.one(("a b c d e", "A B C D E", "1 2 3 4 5", "i ii iii iv v")).split()
    mark = dice.one(("{}. ", "{}) ", "({}) ", "{} is ", "[{}] ", "{}: "))
    pairs = list(zip(names, words, strict=False))
    shown = "; ".join(f"{mark.format(name)}{word}" for name, word in pairs)
    name, word = dice.one(pairs)
    end = dice.one((f"{name} means {word}.", f"{word} has the label {name}.", f"{word}: {name}."))
    return f"{shown}. {end}"


def dictionary(dice: Dice) -> str:
    """Says any words of prompts again: a word that no text has is one that a model never says."""
    words = dice.some(WORDS, dice.number(2, 5))
    name, said = dice.one(
        (("again", words), ("again", words), ("first", words[:1]), ("last", words[-1:]))
    )
    return f"words: {' '.join(words)}. {name}: {' '.join(said)}."


def sums(dice: Dice) -> str:
    """States two to four sums, differences or comparisons of numbers up to 31."""
    parts = []
    for _ in range(dice.number(2, 4)):
        a, b = dice.number(1, 18), dice.number(1, 13)
        parts.append(
            dice.one(
                (
                    f"{a} and {b} is {a + b}.",
                    f"{a + b} less {b} is {a}.",
                    f"{a} plus {b} is {a + b}.",
                    f"{a + b} minus {b} is {a}.",
                    f"{a + b} is more than {a}.",
                )
            )
        )
    return " ".join(parts)


def kinds(dice: Dice) -> str:
    """Says of which kind words are, which of several is of a kind, and what is done with them."""
    parts = []
    for _ in range(dice.number(1, 3)):
        kind, *others = dice.some(tuple(stories.DOES), 3)
        word, name = dice.one(KINDS[kind]), dice.one(NAMES)
        article = "" if kind == "name" else "the "
        deed = f"{name} {stories.DOES[kind]} {article}{word}."
        said = f"{word} is of the kind {kind}."
        among = " ".join(dice.mixed([word, *(dice.one(KINDS[other]) for other in others)]))
        asked, answer = (kind, "yes") if dice.coin() else (others[0], "no")
        parts.append(
            dice.one(
                (
                    deed,
                    said,
                    f"{said} {deed}",
                    f"of {among} the {kind} is {word}.",
                    f"{among}: {name} {stories.DOES[kind]} {article}{word}.",
                    f"is {word} of the kind {asked}? {answer}.",
                )
            )
        )
    return " ".join(parts)


KINDS_OF_TEXT: dict[Callable[[Dice], str], int] = {
    facts: 29,  # every one of 1,152 facts must be seen many times
    quiz: 3,
    questions.chosen: 8,
    questions.judged: 1,
    questions.alike: 2,
    related: 2,
    questions.twin: 13,
    questions.checks: 8,
    story: 1,
    lists: 3,
    worked: 5,
    questions.operated: 9,
    pairs: 3,
    labels: 4,
    dictionary: 2,  # for words that only prompts have
    sums: 5,
    kinds: 2,
}
"""Number of documents of each kind in a hundred."""

# One entry per document in a hundred, so that one draw picks a kind at its share.
_EACH = tuple(make for make, share in KINDS_OF_TEXT.items() for _ in range(share))

BEGINNING = 40_000
"""Number of documents at the beginning of the text that are all `pairs`.

What stands behind a word must be found again for nearly everything else that the text says. `nano`
learns that in 2,000 steps on pairs alone. 6,000 steps later chains of two facts are right in 75 %,
where 6,000 steps without pairs gave 12 to 24 % (data_cards/pocket.md, single runs).
"""


@dataclass(frozen=True)
class Documents:
    """An endless sequence of documents; each is a pure function of (seed, its number).

    Attributes:
        seed: number that decides what documents say.
        first: number of the first document; below `BEGINNING` all are `pairs`.
    """

    seed: int = 0
    first: int = BEGINNING

    def __getitem__(self, i: int) -> str:
        number = self.first + i
        dice = Dice(f"{SEED}/text/{self.seed}/{number}")
        return pairs(dice) if number < BEGINNING else dice.one(_EACH)(dice)
