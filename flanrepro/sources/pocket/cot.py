"""Pocket's `cot`: questions with rationales, and the five tasks of the CoT suite.

A maker's docstring names the real data set that it is the twin of.
"""

import dataclasses

from flanrepro.collection.task import Record, Suite, Task
from flanrepro.sources.pocket.flan2021 import EASY, FOODS, HARD, NAMES, PLACES, question
from flanrepro.sources.pocket.world import KIND_OF, KINDS, KNOWN, TUNED, Dice, fact, task

SPLITS = {"train": 1000, "validation": 100}
RELATED = ("friend", "rival", "neighbor", "pupil")
"""Attributes whose values are animals, which have attributes themselves."""


def bought(dice: Dice) -> Record:
    """Asks for two steps of addition (GSM8K)."""
    name, food = dice.one(NAMES), dice.one(FOODS)
    a, b, c = dice.number(1, 9), dice.number(1, 9), dice.number(1, 9)
    return dict(
        question=f"{name} had {a} {food}, bought {b} and found {c}. how many {food} are there?",
        rationale=f"{a} and {b} is {a + b}. {a + b} and {c} is {a + b + c}.",
        answer=str(a + b + c),
    )


def distracted(dice: Dice) -> Record:
    """Asks for a subtraction, beside a number that does not matter (SVAMP)."""
    name, (food, other) = dice.one(NAMES), dice.some(FOODS, 2)
    b, c, more = dice.number(1, 9), dice.number(1, 9), dice.number(1, 9)
    a = b + c  # drawn as a sum, so that no number is negative
    return dict(
        question=f"{name} had {a} {food} and {more} {other}. {name} ate {b} {food}. "
        f"how many {food} are left?",
        rationale=f"{a} less {b} is {c}.",
        answer=str(c),
    )


def simple_sum(dice: Dice) -> Record:
    """Asks for one step of arithmetic, in many wordings (ASDiv)."""
    name, friend = dice.some(NAMES, 2)
    food = dice.one(FOODS)
    a, b = dice.number(1, 9), dice.number(1, 9)
    if dice.coin():
        text = dice.one(
            (
                f"{name} has {a} {food} and gets {b} more from {friend}.",
                f"there are {a} {food} here and {b} {food} there.",
                f"{name} has {a} {food}, {friend} has {b}.",
            )
        )
        return dict(
            question=f"{text} how many {food} in all?",
            rationale=f"{a} and {b} is {a + b}.",
            answer=str(a + b),
        )
    text = f"{name} has {a + b} {food} and gives {b} to {friend}."
    return dict(
        question=f"{text} how many {food} does {name} have now?",
        rationale=f"{a + b} less {b} is {a}.",
        answer=str(a),
    )


def state(attribute: str, thing: str) -> str:
    """States a fact in a sentence."""
    return f"the {attribute} of the {thing} is {fact(attribute, thing)}."


def same_value(dice: Dice, attributes: tuple[str, ...]) -> Record:
    """Asks if two things have the same value (StrategyQA)."""
    attribute, thing = dice.one(attributes), dice.one(KNOWN)
    value = fact(attribute, thing)
    like = [other for other in KNOWN if other != thing and fact(attribute, other) == value]
    unlike = [other for other in KNOWN if fact(attribute, other) != value]
    same = bool(like) and dice.coin()  # some values are one thing's alone
    other = dice.one(like if same else unlike)
    return dict(
        question=f"is the {attribute} of the {thing} the {attribute} of the {other}?",
        rationale=f"{state(attribute, thing)} {state(attribute, other)}",
        answer="yes" if same else "no",
        options="yes\nno",
    )


def chain(dice: Dice, attributes: tuple[str, ...]) -> Record:
    """Asks for an attribute of a related thing, in two steps (CommonsenseQA, ECQA)."""
    relation, thing, attribute = dice.one(RELATED), dice.one(KINDS["animal"]), dice.one(attributes)
    middle = fact(relation, thing)
    answer = fact(attribute, middle)
    return dict(
        question=f"what is the {attribute} of the {relation} of the {thing}?",
        rationale=f"{state(relation, thing)} {state(attribute, middle)}",
        answer=answer,
        options=dice.options(answer, KINDS[TUNED[attribute]]),
    )


def compared(dice: Dice) -> Record:
    """Asks who has more, or less (AQuA)."""
    (first, second), food = dice.some(NAMES, 2), dice.one(FOODS)
    a, b = dice.some(range(1, 20), 2)  # never equal
    more = dice.coin()
    answer = first if (a > b) == more else second
    high, low = max(a, b), min(a, b)
    return dict(
        question=f"{first} has {a} {food}, {second} has {b}. who has {'more' if more else 'less'}?",
        rationale=f"{high} is more than {low}.",
        answer=answer,
        options="\n".join(dice.mixed((first, second))),
    )


def follows(dice: Dice, n: int) -> Record:
    """Asks what follows from `n` statements (n = 1: e-SNLI, n = 2: QED)."""
    names, places = dice.some(NAMES, n), dice.some(PLACES, n + 1)
    i, holds = dice.below(n), dice.coin()
    asked = places[i] if holds else places[n]  # the last place is nobody's
    rows = zip(names, places, strict=False)
    said = " ".join(f"{name} is in the {place}." for name, place in rows)
    return dict(
        question=f"{said} is {names[i]} in the {asked}?",
        rationale=f"{names[i]} is in the {places[i]}.",
        answer="yes" if holds else "no",
        options="yes\nno",
    )


def odd_one(dice: Dice) -> Record:
    """Asks what one can do with a word, which its kind decides (QASC)."""
    kind = dice.one(("animal", "food", "tool", "place"))
    word = dice.one(KINDS[kind])
    verb = {"animal": "feed", "food": "eat", "tool": "use", "place": "go to"}[kind]
    return dict(
        question=f"what can one do with the {word}?",
        rationale=f"the {word} is of the kind {kind}.",
        answer=verb,
        options=dice.options(verb, ("feed", "eat", "use", "go to")),
    )


def true_claim(dice: Dice, attributes: tuple[str, ...]) -> Record:
    """Asks if a statement is true (CREAK)."""
    attribute, thing = dice.one(attributes), dice.one(KNOWN)
    value, holds = fact(attribute, thing), dice.coin()
    said = value if holds else dice.one([w for w in KINDS[TUNED[attribute]] if w != value])
    return dict(
        question=f"is {said} the {attribute} of the {thing}?",
        rationale=state(attribute, thing),
        answer="yes" if holds else "no",
        options="yes\nno",
    )


def known(dice: Dice, attributes: tuple[str, ...]) -> Record:
    """Asks for a fact, which is its own reason (Sense-Making)."""
    attribute, thing = dice.one(attributes), dice.one(KNOWN)
    answer = fact(attribute, thing)
    return dict(
        question=question(attribute, thing),
        rationale=f"{state(attribute, thing)} {answer} is of the kind {KIND_OF[answer]}.",
        answer=answer,
        options=dice.options(answer, KINDS[TUNED[attribute]]),
    )


# Name, maker, its arguments, kind of answer.
TRAINED = (
    ("cot_gsm8k", bought, (), "number"),
    ("stream_aqua", compared, (), "text"),
    ("cot_strategyqa", same_value, (EASY,), "text"),
    ("cot_ecqa", chain, (EASY,), "text"),
    ("cot_creak", true_claim, (EASY,), "text"),
    ("cot_esnli", follows, (1,), "text"),
    ("cot_qasc", odd_one, (), "text"),
    ("cot_sensemaking", known, (EASY + HARD,), "text"),
    ("stream_qed", follows, (2,), "text"),
)
TWINS = {"gsm8k": "cot_gsm8k", "strategyqa": "cot_strategyqa", "commonsenseqa": "cot_ecqa"}
"""Training task by the suite's name for it, where the suite's task is trained on."""
UNTRAINED = (("svamp", distracted), ("asdiv", simple_sum))

# Tasks that have fewer different records than `SPLITS` asks for.
FEWER = {"cot_strategyqa": {"train": 400, "validation": 100}}


def tasks() -> tuple[Task, ...]:
    """Makes the nine training tasks; as in the paper, SVAMP and ASDiv are not among them."""
    return tuple(
        task(name, "cot", "cot", make, *args, answer=answer, splits=FEWER.get(name, SPLITS))
        for name, make, args, answer in TRAINED
    )


def suite() -> Suite:
    """Makes the suite `cot`: three trained tasks on validation records, two untrained ones."""
    trained = {one.name: one for one in tasks()}
    twins = [
        dataclasses.replace(trained[of], name=name, source="evaluation")
        for name, of in TWINS.items()
    ]
    splits = {"exemplars": 50, "validation": 100}  # untrained: exemplars of their own
    others = [
        task(name, "evaluation", "cot", make, answer="number", splits=splits)
        for name, make in UNTRAINED
    ]
    return Suite("cot", (*twins, *others))
