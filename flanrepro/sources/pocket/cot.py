"""Pocket's `cot`: questions with rationales, and the five tasks of the CoT suite.

A maker's docstring names the real data set that it is the twin of. Three tasks work operations on
lists out step by step: QASC's, QED's and AQuA's.
"""

import dataclasses
import functools
from collections.abc import Sequence

from flanrepro.collection import rng
from flanrepro.collection.task import Record, Suite, Task
from flanrepro.packaged import read_yaml
from flanrepro.sources.pocket import stories
from flanrepro.sources.pocket.choices import YES_NO, by_name, case, case_with_options, untrue
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.knowledge import QUESTIONS, say, state
from flanrepro.sources.pocket.niv2 import told, two_steps
from flanrepro.sources.pocket.steps import ANSWER_ROWS, GRAMMAR, Operation, worked
from flanrepro.sources.pocket.world import (
    FOODS,
    KIND_OF,
    KINDS,
    KNOWN,
    NAMES,
    OBJECTS,
    PACKAGE,
    SEED,
    TUNED,
    fact,
    task,
)

WORDINGS = read_yaml(PACKAGE, "cot")
SPLITS = {"train": 1000, "validation": 100}
FEWER = {"train": 560, "validation": 100}
"""Splits of tasks for which the world has fewer facts."""
# Of those that the suite asks: five tasks of 500 items have a standard error of one point together.
MANY, FEWER_MANY = {"train": 1000, "validation": 500}, {"train": 480, "validation": 300}
ASKED = tuple(TUNED)
RELATED = tuple(
    (relation, thing)
    for relation, kind in TUNED.items()
    for thing in KNOWN
    if kind == "animal" and fact(relation, thing) in KNOWN
)
"""Attributes and things whose value is a thing of which every attribute is known."""


def _options(question: str, answer: str, words: Sequence[str]) -> str:
    """Gives four options that follow from the question, so that a question is one record."""
    return Dice(f"{SEED}/{question}").options(answer, words)


def bought(dice: Dice) -> Record:
    """Asks for two steps of addition (GSM8K)."""
    a, b, c = dice.number(1, 9), dice.number(1, 9), dice.number(1, 9)
    said = dice.one(WORDINGS["bought"])
    return dict(
        question=said.format(n=dice.one(NAMES), f=dice.one(FOODS), a=a, b=b, c=c),
        rationale=f"{a} and {b} is {a + b}. {a + b} and {c} is {a + b + c}.",
        answer=str(a + b + c),
    )


def distracted(dice: Dice) -> Record:
    """Asks for a subtraction, beside a number that does not matter (SVAMP)."""
    name, (food, other) = dice.one(NAMES), dice.some(FOODS, 2)
    b, c, more = dice.number(1, 9), dice.number(1, 9), dice.number(1, 9)
    a = b + c  # drawn as a sum, so that no number is negative
    said = dice.one(WORDINGS["distracted"])
    return dict(
        question=said.format(n=name, f=food, g=other, a=a, b=b, d=more),
        rationale=f"{a} less {b} is {c}.",
        answer=str(c),
    )


def simple_sum(dice: Dice) -> Record:
    """Asks for one step of arithmetic, in many wordings (ASDiv)."""
    (name, friend), food = dice.some(NAMES, 2), dice.one(FOODS)
    a, b = dice.number(1, 9), dice.number(1, 9)
    if dice.coin():
        said = dice.one(WORDINGS["added"])
        return dict(
            question=said.format(n=name, o=friend, f=food, a=a, b=b),
            rationale=f"{a} and {b} is {a + b}.",
            answer=str(a + b),
        )
    said = dice.one(WORDINGS["given"])
    return dict(
        question=said.format(n=name, o=friend, f=food, a=a + b, b=b),
        rationale=f"{a + b} less {b} is {a}.",
        answer=str(a),
    )


@functools.cache
def _pairs() -> dict[bool, list[tuple[str, str, str]]]:
    """Gives each attribute with two things that share its value, and as many that do not."""
    made: dict[bool, list[tuple[str, str, str]]] = {True: [], False: []}
    for attribute in ASKED:
        for one in KNOWN:
            others = [other for other in KNOWN if other != one]
            alike = [other for other in others if fact(attribute, other) == fact(attribute, one)]
            unlike = [other for other in others if other not in alike]
            made[True] += [(attribute, one, other) for other in alike]
            by_hash = sorted(unlike, key=lambda other: rng.key_of(f"{attribute} {one} {other}"))
            made[False] += [(attribute, one, other) for other in by_hash[: len(alike)]]
    return made


def same_value(dice: Dice) -> Record:
    """Asks if two things have the same value (StrategyQA)."""
    same = dice.coin()
    attribute, thing, other = dice.one(_pairs()[same])
    return dict(
        question=f"do the {thing} and the {other} have the same {attribute}?",
        rationale=f"{state(attribute, thing)} {state(attribute, other)}",
        answer="yes" if same else "no",
        options=YES_NO,
    )


def chain(dice: Dice, questions: tuple[str, ...]) -> Record:
    """Asks for an attribute of a related thing, in two steps (CommonsenseQA, ECQA)."""
    (relation, thing), attribute = dice.one(RELATED), dice.one(ASKED)
    middle = fact(relation, thing)
    answer = fact(attribute, middle)
    question = say(dice.one(questions), attribute, f"{relation} of the {thing}")
    return dict(
        question=question,
        rationale=f"{state(relation, thing)} {state(attribute, middle)}",
        answer=answer,
        options=_options(question, answer, KINDS[TUNED[attribute]]),
    )


def true_claim(dice: Dice) -> Record:
    """Asks if a statement is true (CREAK)."""
    attribute, thing, holds = dice.one(ASKED), dice.one(KNOWN), dice.coin()
    said = fact(attribute, thing) if holds else untrue(attribute, thing)
    return dict(
        question=f"is {said} the {attribute} of the {thing}?",
        rationale=state(attribute, thing),
        answer="yes" if holds else "no",
        options=YES_NO,
    )


def follows(dice: Dice) -> Record:
    """Asks what follows from two statements, or stays open (e-SNLI)."""
    rows = stories.tell(dice, dice.some(tuple(stories.SAY), 2))
    kind, subject, value = dice.one(rows)
    label = 2 if dice.below(3) == 2 else int(not stories.holds(kind, value))
    asked, rationale = stories.whether(kind, subject), stories.SAY[kind][0](subject, value)
    if label == 2:
        name, thing = dice.one(NAMES), dice.one(OBJECTS)
        asked, rationale = f"does {name} want the {thing}?", "nothing is said of that."
    options = "yes\nno\nmaybe"
    return dict(
        question=f"{stories.in_words(rows)} {asked}",
        rationale=rationale,
        answer=options.split("\n")[label],
        options=options,
    )


def known(dice: Dice, questions: tuple[str, ...]) -> Record:
    """Asks for a fact, which is its own reason (Sense-Making)."""
    attribute, thing = dice.one(ASKED), dice.one(KNOWN)
    answer = fact(attribute, thing)
    asked = say(by_name(f"{attribute} of {thing}", questions), attribute, thing)
    return dict(
        question=asked,
        rationale=f"{state(attribute, thing)} {answer} is of the kind {KIND_OF[answer]}.",
        answer=answer,
        options=_options(asked, answer, KINDS[TUNED[attribute]]),
    )


@functools.cache
def _operations(kinds: tuple[str, ...]) -> tuple[Operation, ...]:
    return two_steps(kinds)


def work_out(dice: Dice, name: str, kinds: tuple[str, ...], options: int) -> Record:
    """Asks for an operation of two steps on a list (QASC, QED, AQuA)."""
    one = dice.one(_operations(kinds))
    if options and one.answer in OPEN:
        words, after, answer, listed = case_with_options(dice, one, options)
        more = {"options": "\n".join(listed)}
    else:
        words, after, answer = case(dice, one)
        more = {}
    asked = dice.one(WORDINGS["operations"][name]).format(
        list=GRAMMAR["lists"][one.kind], words=" ".join(words), do=told(one, " ".join(words))
    )
    done = ANSWER_ROWS[one.answer]["done"]
    rationale = f"{worked(one, after)} {done} {answer}."
    return dict(question=asked, rationale=rationale, answer=answer, **more)


OPEN = ("first", "second", "last", "ends", "largest", "smallest")
"""What is written with many possible values: a list of options is shown with it."""


def _questions(name: str, n: int = 4) -> tuple[str, ...]:
    """Gives a task's wordings of questions about a fact, chosen by its name."""
    return tuple(Dice(f"{SEED}/questions/{name}").some(QUESTIONS, n))


ALIKE = ("animal", "food", "tool", "place", "color", "name")
TRAINED = (
    ("cot_gsm8k", bought, (), "number", MANY),
    ("stream_aqua", work_out, ("stream_aqua", ("number",), 3), "text", SPLITS),
    ("cot_strategyqa", same_value, (), "text", FEWER_MANY),
    ("cot_ecqa", chain, (_questions("cot_ecqa"),), "text", MANY),
    ("cot_creak", true_claim, (), "text", SPLITS),
    ("cot_esnli", follows, (), "text", SPLITS),
    ("cot_qasc", work_out, ("cot_qasc", ALIKE, 3), "text", SPLITS),
    ("cot_sensemaking", known, (_questions("cot_sensemaking"),), "text", FEWER),
    ("stream_qed", work_out, ("stream_qed", ("mixed", "truth"), 0), "text", SPLITS),
)
"""Name, maker, its arguments, kind of answer, and splits."""
TWINS = {"gsm8k": "cot_gsm8k", "strategyqa": "cot_strategyqa", "commonsenseqa": "cot_ecqa"}
"""Training task by the suite's name for it, where the suite's task is trained on."""
UNTRAINED = (("svamp", distracted), ("asdiv", simple_sum))


def tasks() -> tuple[Task, ...]:
    """Makes the nine training tasks; as in the paper, SVAMP and ASDiv are not among them."""
    return tuple(
        task(name, "cot", "cot", make, *args, answer=answer, splits=splits)
        for name, make, args, answer, splits in TRAINED
    )


def suite() -> Suite:
    """Makes the suite `cot`: three trained tasks on validation records, two untrained ones."""
    trained = {one.name: one for one in tasks()}
    twins = [
        dataclasses.replace(trained[of], name=name, source="evaluation")
        for name, of in TWINS.items()
    ]
    splits = {"exemplars": 50, "validation": 500}  # untrained: exemplars of their own
    others = [
        task(name, "evaluation", "cot", make, answer="number", splits=splits)
        for name, make in UNTRAINED
    ]
    return Suite("cot", (*twins, *others))
