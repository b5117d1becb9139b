"""The little world of the pocket collection: words, attributes, facts, and tasks made of them.

Facts follow from `world.yaml`: one name changed there changes the facts of that name alone.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flanrepro.collection import rng
from flanrepro.collection.task import Task
from flanrepro.errors import InputError
from flanrepro.packaged import read_yaml
from flanrepro.sources.pocket.records import Maker, load

PACKAGE = __package__

NUMBERS = range(31)
"""Every number of the world, 0 to 30; sums do not leave it."""

KIND_NAMES = ("animal", "food", "tool", "place", "color", "name")
"""Kinds that the makers of records are written for."""

CLASSED = {"inside": "place", "warm": "color"}
"""Kind of the words by class of `world.yaml`."""


@dataclass(frozen=True)
class World:
    """The words of `world.yaml`.

    Attributes:
        kinds: words by kind.
        known: things of which every attribute is known.
        attributes: kind of the values by attribute that tuning asks for.
        subjects: attribute by the exam's subject.
        held_out: kind of the values by attribute that only statements and the exam name.
    """

    kinds: Mapping[str, tuple[str, ...]]
    known: tuple[str, ...]
    attributes: Mapping[str, str]
    subjects: Mapping[str, str]
    held_out: Mapping[str, str]


def make_world(rows: Mapping[str, Any], where: str = "world.yaml") -> World:
    """Reads a world.

    Raises:
        InputError: a kind is unknown or missing, a word is of two kinds, a known thing is of no
            kind, a class has a word of another kind, or a subject's attribute is not a relation
            and a kind, or is another's too.
    """
    kinds = {kind: tuple(words.split()) for kind, words in rows["kinds"].items()}
    _same("kinds", kinds, KIND_NAMES, where)
    words = [word for kind in kinds.values() for word in kind]
    if twice := sorted({word for word in words if words.count(word) > 1}):
        raise InputError(
            f"{where}: {', '.join(twice)} under `kinds` more than once: give each word one kind"
        )
    known = tuple(rows["known"].split())
    if strange := [word for word in known if word not in words]:
        raise InputError(
            f"{where}: `known` has {', '.join(strange)}, which is of no kind: name words of `kinds`"
        )
    for name, kind in CLASSED.items():
        if strange := [word for word in rows["classes"][name].split() if word not in kinds[kind]]:
            raise InputError(
                f"{where}: class {name} has {', '.join(strange)}, which is no {kind}: name words "
                f"of the kind {kind}"
            )
    relations, subjects = rows["relations"].split(), rows["subjects"]
    for subject, attribute in subjects.items():
        relation, _, kind = attribute.partition(" ")
        if relation not in relations or kind not in kinds:
            raise InputError(
                f"{where}: subject {subject} asks for '{attribute}': expected one of `relations` "
                f"and one of the kinds {', '.join(kinds)}, such as '{relations[0]} color'"
            )
    asked = list(subjects.values())
    if twice := sorted({attribute for attribute in asked if asked.count(attribute) > 1}):
        raise InputError(
            f"{where}: more than one subject asks for {', '.join(twice)}: give each its own"
        )
    every = {f"{relation} {kind}": kind for relation in relations for kind in kinds}
    return World(
        kinds=kinds,
        known=known,
        attributes={name: kind for name, kind in every.items() if name not in asked},
        subjects=subjects,
        held_out={name: every[name] for name in asked},
    )


def _same(what: str, found: Mapping, expected: tuple[str, ...], where: str) -> None:
    if strange := [name for name in found if name not in expected]:
        raise InputError(
            f"{where}: `{what}` has {', '.join(strange)}, which is unknown: the world is made for "
            f"{', '.join(expected)}"
        )
    if missing := [name for name in expected if name not in found]:
        raise InputError(f"{where}: `{what}` lacks {', '.join(missing)}: give it words")


_ROWS = read_yaml(PACKAGE, "world")
SEED: int = _ROWS["seed"]
WORLD = make_world(_ROWS)
KINDS, KNOWN, TUNED, HELD_OUT = WORLD.kinds, WORLD.known, WORLD.attributes, WORLD.held_out
MOST = max(map(len, KINDS.values()))
"""Number of words of the largest kind."""
KIND_OF = {word: kind for kind, words in KINDS.items() for word in words}
ATTRIBUTES = {**TUNED, **HELD_OUT}
OBJECTS = KINDS["tool"] + KINDS["food"]
"""Words for what can be carried and put somewhere."""
NAMES, PLACES, FOODS, COLORS = (KINDS[kind] for kind in ("name", "place", "food", "color"))
GOOD, BAD, WORKS = (tuple(_ROWS[name].split()) for name in ("good", "bad", "works"))
INSIDE, WARM = (tuple(_ROWS["classes"][name].split()) for name in CLASSED)

TRANSLATED: dict[str, str] = _ROWS["language"]["words"] | {
    word: other
    for kind, words in KINDS.items()
    if kind in _ROWS["language"]
    for word, other in zip(words, _ROWS["language"][kind].split(), strict=True)
}
"""Word of the second language, by English word; names stay as they are."""


@functools.cache
def fact(attribute: str, thing: str) -> str:
    """Returns the value of a thing's attribute, fixed by the world's seed; never the thing.

    A relation gives a thing a number, and the value is the word of that number among its kind's:
    192 numbers and six lists of words make all 1,152 facts.
    """
    # The key's name alone decides, so that a fact stays when relations or things are added.
    relation = attribute.partition(" ")[0]
    words = KINDS[ATTRIBUTES[attribute]]
    number = rng.mix(SEED, rng.key_of(f"{relation} of {thing}")) % MOST
    value = words[number % len(words)]
    return words[(number + 1) % len(words)] if value == thing else value


def task(
    name: str,
    source: str,
    cluster: str,
    make: Maker,
    *args: Any,
    templates: str = "",
    answer: str = "text",
    splits: Mapping[str, int],
) -> Task:
    """Makes a task whose records are `make(dice, *args)`.

    Args:
        name: name of the task, and of its real twin where it has one.
        source, cluster, answer, splits: see `Task`.
        make: function of a module, so that a task can be sent to another process.
        args: arguments of `make`, hashable.
        templates: template file below `pocket/` (empty: the cluster's).
    """
    return Task(
        name=name,
        source=source,
        cluster=cluster,
        load=functools.partial(load, make, args, name, tuple(splits.items())),
        splits=dict(splits),
        templates=f"pocket/{templates or cluster}",
        answer=answer,
        licence="Apache-2.0",
        citation="generated by flanrepro",
    )
