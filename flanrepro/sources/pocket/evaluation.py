"""Pocket's single-task targets: the five held-out ones of Figures 5 and 6, by Table 3's metrics.

Each has a large training set and, as `NAME_small`, the first records of it.
"""

import dataclasses
import functools

from flanrepro.collection.task import Record, Suite, Task, protocol
from flanrepro.sources.pocket.flan2021 import KNOWN, NAMES, OBJECTS, PLACES
from flanrepro.sources.pocket.world import HELD_OUT, KINDS, Dice, fact, task

LARGE = {"train": 2000, "validation": 200, "test": 200}
SMALL = 128
"""Number of training records of `NAME_small`."""

CURES = tuple(name for name, kind in HELD_OUT.items() if kind == "food")
"""Attributes whose values only pretraining text tells; they stand for MedNLI's medicine."""


def wanli(dice: Dice) -> Record:
    """Asks for entailment about movement: two statements, three labels."""
    names, places = dice.some(NAMES, 3), dice.some(PLACES, 3)
    label, i = dice.below(3), dice.below(2)
    premise = " ".join(f"{n} ran from the {p}." for n, p in zip(names[:2], places, strict=False))
    # What follows, what contradicts, and what a third person did, which stays open.
    hypothesis = (
        f"{names[i]} was in the {places[i]}.",
        f"{names[i]} was never in the {places[i]}.",
        f"{names[2]} was in the {places[i]}.",
    )[label]
    options = "yes\nno\nmaybe"
    return dict(
        premise=premise, hypothesis=hypothesis, answer=options.split("\n")[label], options=options
    )


def mednli(dice: Dice) -> Record:
    """Asks for entailment that needs a fact which only pretraining text tells."""
    attribute, thing = dice.one(CURES), dice.one(KNOWN)
    value = fact(attribute, thing)
    holds = dice.coin()
    other = dice.one([word for word in KINDS["food"] if word != value])
    return dict(
        premise=f"{dice.one(NAMES)} got the {attribute} of the {thing}.",
        hypothesis=f"it was {value if holds else other}.",
        answer="yes" if holds else "no",
        options="yes\nno",
    )


def condaqa(dice: Dice) -> Record:
    """Asks who has a thing that one of two has not (negation)."""
    names, thing = dice.some(NAMES, 2), dice.one(OBJECTS)
    owner = dice.below(2)
    negated = dice.coin()
    said = (
        f"not {names[1 - owner]} but {names[owner]}"
        if negated
        else f"{names[owner]}, not {names[1 - owner]},"
    )
    asked, holds = dice.one(((names[owner], True), (names[1 - owner], False)))
    return dict(
        passage=f"{said} has the {thing}.",
        question=f"does {asked} have the {thing}?",
        answer="yes" if holds else "no",
        options="yes\nno",
    )


def pubmedqa(dice: Dice) -> Record:
    """Asks for the conclusion of a study."""
    # As in PubMedQA, labels are not equally frequent; Table 3's metric is F1.
    label = dice.one(("yes", "yes", "yes", "no", "no", "maybe"))
    tool, thing = dice.one(KINDS["tool"]), dice.one(KINDS["animal"])
    a, b = dice.some(range(1, 20), 2)
    low, high = min(a, b), max(a, b)
    before, after = {"yes": (low, high), "no": (high, low), "maybe": (low, low)}[label]
    return dict(
        passage=f"before the {tool} {before} {thing} were well, then {after}.",
        question=f"does the {tool} help the {thing}?",
        answer=label,
        options="yes\nno\nmaybe",
    )


def cxc(dice: Dice) -> Record:
    """Asks how alike two captions are: the number of parts that they share, 0 to 3."""
    first = [dice.one(KINDS["animal"]), dice.one(KINDS["color"]), dice.one(PLACES)]
    kinds, second = ("animal", "color", "place"), list(first)
    shared = dice.below(4)
    for i in dice.some(range(3), 3 - shared):
        second[i] = dice.one([word for word in KINDS[kinds[i]] if word != first[i]])
    caption = "a {1} {0} near the {2}."
    return dict(
        sentence1=caption.format(*first),
        sentence2=caption.format(*second),
        answer=str(shared),
        options="0\n1\n2\n3",
    )


# Maker, cluster, template file.
TARGETS = {
    "wanli": (wanli, "nli", "nli"),
    "mednli": (mednli, "nli", "nli"),
    "condaqa": (condaqa, "reading_comprehension", "reading"),
    "pubmedqa": (pubmedqa, "reading_comprehension", "reading"),
    "cxc": (cxc, "paraphrase", "similarity"),
}


def tasks() -> tuple[Task, ...]:
    """Makes the targets with their large training sets, then with the small ones."""
    return (*_large(), *map(_small, _large()))


def suite() -> Suite:
    """Makes the suite `single_task`: the targets' test records, by Table 3's metrics."""
    return Suite("single_task", _large(), "test", protocol("pocket", "single_task"))


# Cached, so that the suite and the collection share tasks, and with them the records once read.
@functools.cache
def _large() -> tuple[Task, ...]:
    return tuple(
        task(name, "evaluation", cluster, make, templates=templates, splits=LARGE)
        for name, (make, cluster, templates) in TARGETS.items()
    )


def _small(large: Task) -> Task:
    return dataclasses.replace(
        large,
        name=f"{large.name}_small",
        load=functools.partial(_first, large.load),
        splits={**large.splits, "train": SMALL},
    )


def _first(load, split: str) -> list[Record]:
    records = load(split)
    return records[:SMALL] if split == "train" else records
