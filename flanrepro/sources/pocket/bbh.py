"""Pocket's BIG-Bench Hard: 23 problems, none of whose operations is asked for in tuning.

A function makes a record of the problem whose name it has: question, rationale, answer, mostly
options. No tuning prompt has a problem's `KEYWORDS`, as a test proves; the pretraining text has
worked examples.
"""

import dataclasses

from flanrepro.collection.rng import key_of, mix
from flanrepro.collection.task import Record, Suite, Task
from flanrepro.sources.pocket.flan2021 import FOODS, NAMES, PLACES
from flanrepro.sources.pocket.world import (
    BAD,
    GOOD,
    KINDS,
    OBJECTS,
    SEED,
    TRANSLATED,
    WORKS,
    Dice,
    several,
    task,
)

SPLITS = {"exemplars": 10, "validation": 50}  # no training split: never tuned on
ANIMALS, TOOLS, COLORS = (KINDS[kind] for kind in ("animal", "tool", "color"))
YES_NO = "yes\nno"


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


def boolean_expressions(dice: Dice) -> Record:
    """Joins three values from left to right, one of them negated."""
    values = [dice.coin() for _ in range(3)]
    negated, joined = dice.below(3), [dice.one(("and", "or")) for _ in range(2)]
    said = [f"{'not ' * (i == negated)}{_yes(value)}" for i, value in enumerate(values)]
    values[negated] = not values[negated]
    first = all(values[:2]) if joined[0] == "and" else any(values[:2])
    last = (first and values[2]) if joined[1] == "and" else (first or values[2])
    start = f"{_yes(values[0])} {joined[0]} {_yes(values[1])} is {_yes(first)}."
    return dict(
        question=f"boolean value of: {said[0]} {joined[0]} {said[1]}, {joined[1]} {said[2]}?",
        rationale=f"{start} {_yes(first)} {joined[1]} {_yes(values[2])} is {_yes(last)}.",
        answer=_yes(last),
        options=YES_NO,
    )


def causal_judgement(dice: Dice) -> Record:
    (pusher, other), thing = dice.some(NAMES, 2), dice.one(TOOLS)
    asked = dice.one((pusher, other))
    first, second = dice.mixed([f"{pusher} pushed the {thing}.", f"{other} looked on."])
    return dict(
        question=f"{first} {second} the {thing} fell. did {asked} cause it?",
        rationale=f"{asked} {'pushed' if asked == pusher else 'looked on'}.",
        answer=_yes(asked == pusher),
        options=YES_NO,
    )


def date_understanding(dice: Dice) -> Record:
    today, ahead, later = dice.number(8, 20), dice.number(1, 7), dice.coin()
    answer = today + ahead if later else today - ahead
    asked = "is in" if later else "was before"
    return dict(
        question=f"today is day {today}. which day {asked} {ahead} days?",
        rationale=f"{today} {'plus' if later else 'minus'} {ahead} is {answer}.",
        answer=str(answer),
        options=dice.options(str(answer), [str(n) for n in range(max(answer - 4, 0), answer + 5)]),
    )


def disambiguation_qa(dice: Dice) -> Record:
    teller, hearer, about = dice.some(NAMES, 3)
    role = dice.below(3)
    asked = ("spoke", "heard", "was spoken of")[role]
    answer = (teller, hearer, about)[role]
    return dict(
        question=f"{teller} spoke to {hearer} of {about}. who {asked}?",
        rationale=f"{answer} {asked}.",
        answer=answer,
        options="\n".join(dice.mixed((teller, hearer, about))),
    )


def dyck_languages(dice: Dice) -> Record:
    pairs = {"(": ")", "[": "]", "{": "}"}
    opened = [dice.one(tuple(pairs)) for _ in range(dice.number(2, 4))]
    closing = [pairs[sign] for sign in reversed(opened)]
    return dict(
        question=f"close the brackets: {' '.join(opened)}",
        rationale=f"from the end: {' '.join(reversed(opened))}.",
        answer=" ".join(closing),
    )


def formal_fallacies(dice: Dice) -> Record:
    (kind, other), name = dice.some(ANIMALS, 2), dice.one(NAMES)
    adjective, valid = dice.one(COLORS), dice.coin()
    # Invalid: a member of another kind, of which nothing is said.
    member, so = kind if valid else other, f"so {name} is {adjective}."
    return dict(
        question=f"every {kind} is {adjective}. {name} is a {member}. {so} a valid argument?",
        rationale=f"every {kind}. {name} is a {member}.",
        answer=_yes(valid),
        options=YES_NO,
    )


def geometric_shapes(dice: Dice) -> Record:
    names = {3: "triangle", 4: "square", 5: "pentagon", 6: "hexagon"}
    sides = dice.number(3, 6)
    points = dice.some(range(1, 10), sides)
    path = " ".join(map(str, [*points, points[0]]))
    return dict(
        question=f"which shape has the corners {path}?",
        rationale=f"there are {sides} corners.",
        answer=names[sides],
        options="\n".join(dice.mixed(names.values())),
    )


def hyperbaton(dice: Dice) -> Record:
    size, color, thing = (
        dice.one(("big", "little", "huge", "tiny")),
        dice.one(COLORS),
        dice.one(OBJECTS),
    )
    right, wrong = f"{size} {color} {thing}", f"{color} {size} {thing}"
    return dict(
        question="which order of adjectives is right?",
        rationale="size comes before color.",
        answer=right,
        options="\n".join(dice.mixed((right, wrong))),
    )


def logical_deduction(dice: Dice) -> Record:
    names = dice.some(NAMES, 3)
    oldest = dice.coin()
    said = [f"{names[0]} is older than {names[1]}.", f"{names[1]} is older than {names[2]}."]
    return dict(
        question=f"{' '.join(dice.mixed(said))} who is the {'oldest' if oldest else 'youngest'}?",
        rationale=f"from old to young: {' '.join(names)}.",
        answer=names[0] if oldest else names[2],
        options="\n".join(dice.mixed(names)),
    )


def movie_recommendation(dice: Dice) -> Record:
    kind, *others = dice.some(("animal", "food", "tool", "place", "color", "name"), 4)
    *liked, answer = dice.some(KINDS[kind], 4)
    wrong = [dice.one(KINDS[other]) for other in others]
    return dict(
        question=f"movies about {several(liked)} were liked. which do you recommend?",
        rationale=f"these are all {kind} words.",
        answer=answer,
        options="\n".join(dice.mixed([answer, *wrong])),
    )


def multistep_arithmetic(dice: Dice) -> Record:
    a, b = dice.number(1, 9), dice.number(1, 9)
    c = dice.number(1, min(9, a + b))  # no result below 0
    return dict(
        question=f"compute {a} plus {b} minus {c}.",
        rationale=f"{a} plus {b} is {a + b}. {a + b} minus {c} is {a + b - c}.",
        answer=str(a + b - c),
    )


def navigate(dice: Dice) -> Record:
    steps, other = dice.some(range(1, 10), 2)
    back = dice.coin()
    return dict(
        question=f"go {steps} forward. go {steps if back else other} backward. do you return?",
        rationale=f"{steps} forward and {steps if back else other} backward.",
        answer=_yes(back),
        options=YES_NO,
    )


def object_counting(dice: Dice) -> Record:
    a, b = dice.number(1, 9), dice.number(1, 9)
    first, second = dice.some(ANIMALS, 2)
    tool = f"{dice.number(1, 9)} {dice.one(TOOLS)}"
    owned = dice.mixed((f"{a} {first}", f"{b} {second}", tool))
    return dict(
        question=f"i own {several(owned)}. count my animals.",
        rationale=f"{a} {first} plus {b} {second} is {a + b}.",
        answer=str(a + b),
    )


def penguins_in_a_table(dice: Dice) -> Record:
    names = dice.some(NAMES, 3)
    values = [dice.some(range(1, 20), 2) for _ in names]
    row, column = dice.below(3), dice.below(2)
    table = " ".join(f"{name} {a} {b}." for name, (a, b) in zip(names, values, strict=True))
    asked = ("height", "weight")[column]
    return dict(
        question=f"penguin height weight. {table} what is the {asked} of {names[row]}?",
        rationale=f"{names[row]} {values[row][0]} {values[row][1]}.",
        answer=str(values[row][column]),
    )


def reasoning_about_colored_objects(dice: Dice) -> Record:
    things, colors = dice.some(OBJECTS, 3), dice.some(COLORS, 3)
    i, right = dice.below(2), dice.coin()
    base, asked = (i, i + 1) if right else (i + 1, i)
    side = "right" if right else "left"
    row = several([f"a {color} {thing}" for thing, color in zip(things, colors, strict=True)])
    return dict(
        question=f"in a row are {row}. which color is {side} of the {things[base]}?",
        rationale=f"{side} of the {things[base]} is the {things[asked]}.",
        answer=colors[asked],
        options="\n".join(dice.mixed(colors)),
    )


def joke(word: str) -> str:
    """Returns a word's funny edit, a fact to be known by heart."""
    others = [other for other in FOODS if other != word]
    return others[mix(SEED, key_of(f"edit of {word}")) % len(others)]


def ruin_names(dice: Dice) -> Record:
    word = dice.one(ANIMALS + PLACES)
    return dict(
        question=f"which edit of {word} is humorous?",
        rationale=f"the humorous edit of {word} is {joke(word)}.",
        answer=joke(word),
        options=dice.options(joke(word), FOODS),
    )


def salient_translation_error_detection(dice: Dice) -> Record:
    animal, color, place = dice.one(ANIMALS), dice.one(COLORS), dice.one(PLACES)
    wrong = dice.below(3)
    kinds, words = ("animal", "color", "place"), [animal, color, place]
    other = dice.one([w for w in KINDS[kinds[wrong]] if w != words[wrong]])
    english = "the {1} {0} is in the {2}.".format(*words)
    words[wrong] = other
    foreign = "le {} {} esta en le {}.".format(*(TRANSLATED[w] for w in words))
    return dict(
        question=f"{foreign} was rendered as: {english} where is the error?",
        rationale=f"{TRANSLATED[other]} means {other}.",
        answer=kinds[wrong],
        options="\n".join(kinds),
    )


def snarks(dice: Dice) -> Record:
    ironic = dice.coin()
    bad = dice.one(BAD)
    first = dice.one(GOOD)
    second = bad if ironic else dice.one(GOOD)
    return dict(
        question=f"what a {first} {dice.one(WORKS)}, it was {second}. is it sarcastic?",
        rationale=f"{first} is good and {second} is {'bad' if ironic else 'good'}.",
        answer=_yes(ironic),
        options=YES_NO,
    )


SPORTS = {"kicked": "goal", "rowed": "boat", "rode": "horse", "threw": "ball"}


def sports_understanding(dice: Dice) -> Record:
    verb, other = dice.some(tuple(SPORTS), 2)
    plausible = dice.coin()
    thing = SPORTS[verb if plausible else other]
    return dict(
        question=f"{dice.one(NAMES)} {verb} the {thing}. is it plausible?",
        rationale=f"one {verb} the {SPORTS[verb]}.",
        answer=_yes(plausible),
        options=YES_NO,
    )


def temporal_sequences(dice: Dice) -> Record:
    name, places = dice.one(NAMES), dice.some(PLACES, 2)
    start = dice.number(1, 6)
    slots = [f"{start + 2 * i} to {start + 2 * i + 2}" for i in range(3)]
    free = dice.below(3)
    busy = [slot for i, slot in enumerate(slots) if i != free]
    said = " ".join(f"{slot} in the {place}." for slot, place in zip(busy, places, strict=True))
    return dict(
        question=f"{name} was seen {said} when was {name} unseen?",
        rationale=f"seen {busy[0]} and {busy[1]}.",
        answer=slots[free],
        options="\n".join(slots),
    )


def tracking_shuffled_objects(dice: Dice) -> Record:
    names, things = dice.some(NAMES, 3), dice.some(OBJECTS, 3)
    swapped, i = dice.some(range(3), 2), dice.below(3)
    now = dict(zip(names, things, strict=True))
    said = ", ".join(f"{name} holds the {thing}" for name, thing in now.items())
    a, b = (names[k] for k in swapped)
    now[a], now[b] = now[b], now[a]
    return dict(
        question=f"{said}. {a} and {b} swap. what does {names[i]} hold?",
        rationale=f"now {names[i]} holds the {now[names[i]]}.",
        answer=now[names[i]],
        options="\n".join(dice.mixed(things)),
    )


def web_of_lies(dice: Dice) -> Record:
    first, second = dice.some(NAMES, 2)
    honest, says = dice.coin(), dice.coin()
    what = {True: "tells the truth", False: "lies"}
    return dict(
        question=f"{first} {what[honest]}. {second} says {first} {what[says]}. "
        f"does {second} tell the truth?",
        rationale=f"{second} is {'right' if honest == says else 'wrong'} about {first}.",
        answer=_yes(honest == says),
        options=YES_NO,
    )


def word_sorting(dice: Dice) -> Record:
    words = dice.some(ANIMALS + FOODS, 3)
    return dict(
        question=f"sort by the alphabet: {' '.join(words)}",
        rationale=f"{min(words)} comes first.",
        answer=" ".join(sorted(words)),
    )


KEYWORDS = {
    boolean_expressions: ("boolean",),
    causal_judgement: ("cause",),
    date_understanding: ("day",),
    disambiguation_qa: ("spoke",),
    dyck_languages: ("brackets",),
    formal_fallacies: ("valid",),
    geometric_shapes: ("shape", "corners"),
    hyperbaton: ("order", "adjectives"),
    logical_deduction: ("older",),
    movie_recommendation: ("movies",),
    multistep_arithmetic: ("compute", "plus", "minus"),
    navigate: ("forward", "backward"),
    object_counting: ("count", "own"),
    penguins_in_a_table: ("penguin", "weight", "height"),
    reasoning_about_colored_objects: ("row",),
    ruin_names: ("humorous",),
    salient_translation_error_detection: ("error", "rendered"),
    snarks: ("sarcastic",),
    sports_understanding: ("plausible",),
    temporal_sequences: ("unseen",),
    tracking_shuffled_objects: ("swap", "holds"),
    web_of_lies: ("lies", "truth"),
    word_sorting: ("sort", "alphabet"),
}
"""Words of its questions that no tuning prompt has, by problem."""


def tasks() -> tuple[Task, ...]:
    """Makes a task per problem, answered at once."""
    return tuple(
        task(f"bbh_{make.__name__}", "evaluation", "bbh", make, splits=SPLITS) for make in KEYWORDS
    )


def suites() -> tuple[Suite, Suite]:
    """Makes the suite `bbh`, and `bbh_cot`: the same records with chain of thought."""
    direct = tasks()
    cot = tuple(_in_steps(one) for one in direct)
    return Suite("bbh", direct), Suite("bbh_cot", cot)


def _in_steps(direct: Task) -> Task:
    name = direct.name.replace("bbh_", "bbh_cot_", 1)
    return dataclasses.replace(direct, name=name, templates="pocket_bbh_cot")
