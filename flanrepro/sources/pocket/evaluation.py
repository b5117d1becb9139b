"""Pocket's single-task targets: the five held-out ones of Figures 5 and 6, by Table 3's metrics.

Each has a large training set and, as `NAME_small`, the first records of it. Their wordings are
their own: no tuning task shares a template file with them.
"""

import dataclasses
import functools

from flanrepro.collection.task import Record, Suite, Task, protocol
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.stories import other
from flanrepro.sources.pocket.world import (
    ATTRIBUTES,
    COLORS,
    HELD_OUT,
    KINDS,
    KNOWN,
    NAMES,
    OBJECTS,
    PLACES,
    fact,
    task,
)

LARGE = {"train": 2000, "validation": 200, "test": 200}
SMALL = 128
"""Number of training records of `NAME_small`."""

LABELS = ("yes", "no", "maybe")
_SECRETS = tuple(HELD_OUT)


def _labelled(label: int, **fields: str) -> Record:
    return dict(**fields, answer=LABELS[label], options="\n".join(LABELS))


def wanli(dice: Dice) -> Record:
    """Asks for entailment about movement: two statements, three labels."""
    names, places = dice.some(NAMES, 3), dice.some(PLACES, 2)
    label, i = dice.below(3), dice.below(2)
    pairs = zip(names[:2], places, strict=True)
    # What follows, what contradicts, and what a third person did, which stays open.
    hypothesis = (
        f"{names[i]} was in the {places[i]}.",
        f"{names[i]} was never in the {places[i]}.",
        f"{names[2]} was in the {places[i]}.",
    )[label]
    premise = " ".join(f"{name} ran from the {place}." for name, place in pairs)
    return _labelled(label, premise=premise, hypothesis=hypothesis)


def mednli(dice: Dice) -> Record:
    """Asks for entailment that needs a fact which only pretraining text tells.

    In MedNLI the knowledge is medicine's; here it is what the exam's subjects ask for.
    """
    attribute, thing = dice.one(_SECRETS), dice.one(KNOWN)
    told, else_ = dice.some(NAMES, 2)
    label = dice.below(3)
    value = fact(attribute, thing)
    if label == 1:
        value = other(dice, KINDS[ATTRIBUTES[attribute]], value)
    return _labelled(
        label,
        premise=f"{told} was told the {attribute} of the {thing}.",
        hypothesis=f"{else_ if label == 2 else told} heard that it is {value}.",
    )


def condaqa(dice: Dice) -> Record:
    """Asks who has a thing that one of two has not (negation); of a third nothing is said."""
    has, lacks, third = dice.some(NAMES, 3)
    thing, label = dice.one(OBJECTS), dice.below(3)
    said = dice.one((f"not {lacks} but {has}", f"{has}, not {lacks},", f"{has} but not {lacks}"))
    return _labelled(
        label,
        passage=f"{said} has the {thing}.",
        question=f"does {(has, lacks, third)[label]} have the {thing}?",
    )


def pubmedqa(dice: Dice) -> Record:
    """Asks for the conclusion of a study."""
    # As in PubMedQA, labels are not equally frequent; Table 3's metric is F1.
    label = dice.one((0, 0, 0, 1, 1, 2))
    tool, animal = dice.one(KINDS["tool"]), dice.one(KINDS["animal"])
    low, high = sorted(dice.some(range(1, 20), 2))
    before, after = ((low, high), (high, low), (low, low))[label]
    return _labelled(
        label,
        passage=f"without the {tool} the {animal} was well on {before} days, with it on {after}.",
        question=f"does the {tool} help the {animal}?",
    )


def cxc(dice: Dice) -> Record:
    """Asks how alike two captions are: the number of parts that they share, 0 to 3."""
    kinds = (COLORS, KINDS["animal"], PLACES)
    first = [dice.one(words) for words in kinds]
    second, shared = list(first), dice.below(4)
    for i in dice.some(range(3), 3 - shared):
        second[i] = other(dice, kinds[i], first[i])
    caption = "a {} {} in the {}."
    return dict(
        sentence1=caption.format(*first),
        sentence2=caption.format(*second),
        answer=str(shared),
        options="0\n1\n2\n3",
    )


# Maker, cluster, template file.
TARGETS = {
    "wanli": (wanli, "nli", "wanli"),
    "mednli": (mednli, "nli", "wanli"),
    "condaqa": (condaqa, "reading_comprehension", "condaqa"),
    "pubmedqa": (pubmedqa, "reading_comprehension", "pubmedqa"),
    "cxc": (cxc, "paraphrase", "cxc"),
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
