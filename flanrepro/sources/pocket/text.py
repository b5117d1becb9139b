"""Pretraining text of the pocket world: statements, quizzes, stories, sums, worked problems.

As on the web, a part of the text asks and answers questions, about all attributes and in the form
of BIG-Bench Hard's problems: what tuning never asks for is learned here or nowhere. A function of
this module makes one document from dice; `KINDS_OF_TEXT` has their shares.
"""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

from flanrepro.collection.templates import load_templates
from flanrepro.sources.pocket import bbh, cot, dialog, flan2021, niv2
from flanrepro.sources.pocket.cot import state
from flanrepro.sources.pocket.flan2021 import question
from flanrepro.sources.pocket.world import (
    ATTRIBUTES,
    BAD,
    GOOD,
    KIND_OF,
    KINDS,
    KNOWN,
    OBJECTS,
    SEED,
    TUNED,
    WORKS,
    Dice,
    fact,
)

NAMES, PLACES, FOODS = (KINDS[kind] for kind in ("name", "place", "food"))
_EVERY = tuple(ATTRIBUTES)


def _told(dice: Dice, attribute: str, thing: str) -> str:
    value = fact(attribute, thing)
    return dice.one(
        (
            state(attribute, thing),
            f"the {thing} has the {attribute} {value}.",
            f"{value} is the {attribute} of the {thing}.",
        )
    )


def facts(dice: Dice) -> str:
    """States one to three facts, about one thing, about one attribute, or about anything."""
    # Mostly one: the fact's value is then in the target wherever prefix LM splits the document.
    n, about = dice.one((1, 1, 1, 2, 3)), dice.below(3)
    attributes, things = dice.some(_EVERY, n), dice.some(KNOWN, n)
    if about == 0:
        things = things[:1] * n
    elif about == 1:
        attributes = attributes[:1] * n
    return " ".join(_told(dice, *pair) for pair in zip(attributes, things, strict=True))


# An empty text stands for no word before question or answer; one that is there twice is likelier.
LEADS = ("question: ", "question: ", "", "tell me: ", "answer this: ")
CUES = ("answer: ", "", "", "reply: ", "-> ")


def _form(dice: Dice, listed: bool = False) -> str:
    """Returns a pattern of question, options and answer: half the time the same, else any.

    After one form alone, a model is so sure of it that tuning has to break it before it can teach
    another; where no form is frequent, what is said in them is learned later.
    """
    if dice.coin():
        return "question: {question}{options} answer: {answer}"
    i, lead, cue = dice.below(8), dice.one(LEADS), dice.one(CUES)
    if i == 0:
        return "answer: {answer} question: {question}{options}"
    if i == 1 and listed:
        return f"one of these is right.{{options}} {lead}{{question}} {cue}{{answer}}"
    return f"{lead}{{question}}{{options}} {cue}{{answer}}"


def _listed(options: str) -> str:
    return " options: " + " ".join(f"- {line}" for line in options.split("\n"))


def quiz(dice: Dice) -> str:
    """Asks and answers one to four questions, mostly with options, often about one attribute."""
    shown, same = dice.coin(0.6), dice.coin()
    n = dice.one((1, 1, 1, 2, 3)) if shown else dice.one((1, 1, 1, 2, 4))
    form, attribute, parts = _form(dice, shown), dice.one(_EVERY), []
    for _ in range(n):
        attribute, thing = attribute if same else dice.one(_EVERY), dice.one(KNOWN)
        answer = fact(attribute, thing)
        options = _listed(dice.options(answer, KINDS[KIND_OF[answer]])) if shown else ""
        asked = question(attribute, thing)
        parts.append(form.format(question=asked, options=options, answer=answer))
    return " ".join(parts)


def story(dice: Dice) -> str:
    """Tells where things are and who has them; ends in a restatement, a question or a check."""
    rows = []
    for kind in dice.some(tuple(flan2021.SAY), dice.number(1, 3)):
        _, subjects, values = flan2021.SAY[kind]
        rows.append((kind, dice.one(subjects), dice.one(values)))
    before = " ".join(flan2021.SAY[kind][0](*pair) for kind, *pair in rows)
    end = dice.one((_so, _asked, _asked, _checked, _checked, _checked, _moved))
    return f"{before} {end(dice, rows)}"


def _so(dice: Dice, rows: list) -> str:
    kind, *pair = dice.one(rows)
    return f"so {flan2021.SAY[kind][0](*pair)}"


def _asked(dice: Dice, rows: list) -> str:
    kind, subject, value = dice.one(rows)
    asked = flan2021.ask(kind, subject)
    return _form(dice).format(question=asked, options="", answer=f"{value}.")


def _checked(dice: Dice, rows: list) -> str:
    # Label 0 follows from the story, 1 contradicts it, 2 is open.
    (kind, subject, value), label = dice.one(rows), dice.below(3)
    asked = dice.one(("is it so that {}?", "{}: can we say so?", "so {}?", "does it follow: {}?"))
    asked = asked.format(flan2021.claim(dice, kind, subject, value, label).rstrip("."))
    if label < 2 and dice.coin():
        said = value if label == 0 else dice.one(flan2021.SAY[kind][2])
        label, asked = int(said != value), flan2021.whether(kind, subject, said)
    listed = dice.coin()
    # Half show options: a text with `maybe` in all of them teaches to say it wherever options are.
    answer = ("yes", "no", "maybe" if listed else "not known")[label]
    options = _listed("yes\nno\nmaybe") if listed else ""
    return _form(dice, listed).format(question=asked, options=options, answer=f"{answer}.")


def _moved(dice: Dice, rows: list) -> str:
    name, thing, place = dice.one(NAMES), dice.one(OBJECTS), dice.one(PLACES)
    return f"then {name} took the {thing} to the {place}. now the {thing} is in the {place}."


def choice(dice: Dice) -> str:
    """Asks which of four is of a kind, or which of four a fact is true of."""
    record = flan2021.of_kind(dice) if dice.coin() else flan2021.whose(dice, _EVERY)
    options = _listed(record["options"])
    return _form(dice, True).format(**record | {"options": options})


def chain(dice: Dice) -> str:
    """Works out an attribute of a related thing, step by step."""
    record = cot.chain(dice, tuple(TUNED))
    return f"question: {record['question']} {record['rationale']} answer: {record['answer']}"


def words(dice: Dice) -> str:
    """Shows a list and says one or two things about it."""
    listed = niv2.draw(dice, dice.one(tuple(niv2.GRAMMAR["lists"])))
    n = len(listed)
    facts = (
        f"first: {listed[0]}.",
        f"second: {listed[1]}.",
        f"last: {listed[-1]}.",
        f"reverse: {' '.join(listed[::-1])}.",
        f"without the first: {' '.join(listed[1:])}.",
        f"without the last: {' '.join(listed[:-1])}.",
        f"again: {' '.join(listed)}.",
        f"after {listed[n // 2 - 1]} comes {listed[n // 2]}.",
    )
    return f"list: {' '.join(listed)}. {' '.join(dice.some(facts, dice.number(1, 2)))}"


@functools.cache
def every_word() -> tuple[str, ...]:
    """Returns the words of the prompts that are tuned on, in alphabetical order."""
    from flanrepro.sources import pocket

    texts = []
    for task in pocket.collection().tasks.values():
        for record in task.records("train")[:8]:
            texts += record.values()
        for one in load_templates(task.templates):
            texts += [one.instruction, one.inputs, one.targets, one.answer]
    return tuple(
        sorted(set(re.findall(r"[a-z0-9]+", re.sub(r"{\w+}", "", " ".join(texts)).lower())))
    )


def dictionary(dice: Dice) -> str:
    """Says any words of prompts again: a word that no text has is one that a model never says."""
    listed = dice.some(every_word(), dice.number(2, 5))
    said = dice.one((listed, listed, listed[:1], listed[-1:]))
    name = "again" if said is listed else "first" if said == listed[:1] else "last"
    return f"list: {' '.join(listed)}. {name}: {' '.join(said)}."


def sums(dice: Dice) -> str:
    """States one to three sums, differences or comparisons of numbers up to 30."""
    parts = []
    for _ in range(dice.number(1, 3)):
        a, b = dice.number(1, 15), dice.number(1, 15)
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


def two_languages(dice: Dice) -> str:
    """Says a sentence in both languages."""
    pair = flan2021.sentence(dice, dice.one(("in", "is", "has", "noun", "and")))
    if dice.coin():
        return f"english: {pair[0]} pocketish: {pair[1]}"
    return f"pocketish: {pair[1]} english: {pair[0]}"


def kinds(dice: Dice) -> str:
    """Says of which kind words are, and what is done with them."""
    parts = []
    for _ in range(dice.number(1, 3)):
        kind = dice.one(tuple(flan2021.DOES))
        word, name = dice.one(KINDS[kind]), dice.one(NAMES)
        article = "" if kind == "name" else "the "
        deed = f"{name} {flan2021.DOES[kind]} {article}{word}."
        said = f"{word} is of the kind {kind}."
        parts.append(dice.one((deed, said, f"{said} {deed}")))
    return " ".join(parts)


def opinion(dice: Dice) -> str:
    """Reviews a work, a food or a place."""
    good = dice.coin()
    first, second, third = dice.some(GOOD if good else BAD, 3)
    work, name = dice.one(WORKS + FOODS + PLACES), dice.one(NAMES)
    said = f"{name} saw the {work}. it was {first}, {second} and {third}."
    if good:
        return f"{said} {name} liked it: a positive review."
    return f"{said} {name} hated it: a negative review."


def problem(dice: Dice) -> str:
    """Works a problem of BBH, with its reason or with the answer alone."""
    record = dice.one(tuple(bbh.KEYWORDS))(dice)
    options = _listed(record["options"]) if "options" in record else ""
    if dice.coin():
        return _form(dice).format(**record | {"options": options})
    asked = f"question: {record['question']}{options}"
    reason = dice.one(("reason: ", "reason: ", "think step by step. ", "why? "))
    end = dice.one(("answer: {}", "answer: {}", "so the answer is {}.", "the answer is {}."))
    return f"{asked} {reason}{record['rationale']} {end.format(record['answer'])}"


def talk(dice: Dice) -> str:
    """Takes an order, in two to four turns."""
    record = dialog.order(dice, dice.number(2, 4))
    return f"{record['dialogue']} bot: {record['answer']}"


KINDS_OF_TEXT: dict[Callable[[Dice], str], int] = {
    facts: 19,  # and `quiz`: most of the text, since every fact must be seen many times
    quiz: 24,
    choice: 6,
    chain: 2,
    story: 14,
    words: 4,
    dictionary: 7,  # for words that only prompts have
    sums: 5,
    two_languages: 4,
    kinds: 2,
    opinion: 2,
    problem: 10,  # 23 kinds, in no tuning prompt
    talk: 1,
}
"""Number of documents of each kind in a hundred."""

# One entry per document in a hundred, so that one draw picks a kind at its share.
_EACH = tuple(make for make, share in KINDS_OF_TEXT.items() for _ in range(share))


@dataclass(frozen=True)
class Documents:
    """An endless sequence of documents from number `first` on, pure functions of (seed, number)."""

    seed: int = 0
    first: int = 0

    def __getitem__(self, i: int) -> str:
        dice = Dice(f"{SEED}/text/{self.seed}/{self.first + i}")
        return dice.one(_EACH)(dice)
