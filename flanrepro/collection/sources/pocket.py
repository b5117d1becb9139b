"""The pocket collection's first rooms: a closed little world, made from a seed when it is read.

Every task is the small twin of a kind of dataset in the paper, over a vocabulary of some 200 words.
Held-in tasks are trained on and evaluated on unseen records. Held-out tasks are never trained on:
they ask a known operation of a category, or for an attribute, with which training never combines it.
"""

import functools
import itertools
import random
from collections.abc import Callable, Sequence

from flanrepro.collection.task import Collection, Record, Suite, Task

SEED = 2023
SPLITS = {"train": 800, "validation": 200}

WORDS = {
    "animal": "cat dog cow pig hen fox bear wolf duck goat".split(),
    "food": "bread rice soup cake apple pear plum cheese fish egg".split(),
    "color": "red blue green black white brown pink gray gold yellow".split(),
    "tool": "hammer saw nail rope spade brush knife bucket ladder needle".split(),
}
COLORS = WORDS["color"]
NAMES = "ann ben cara dan eva finn gus hana ivo jan".split()
PLACES = "kitchen garden barn attic cellar shed hall street park river".split()
GOOD = "great lovely superb funny charming clever delightful warm brilliant fresh".split()
BAD = "awful dull boring clumsy dreadful silly weak stale terrible cold".split()
WORKS = "film play book song show poem story dance".split()
ORDINALS = ("first", "second", "third", "last")
OBJECTS = WORDS["tool"] + WORDS["food"]
ATTRIBUTES = {
    "color": (OBJECTS, "is", COLORS),
    "place": (OBJECTS, "is in the", PLACES),
    "food": (WORDS["animal"], "goes with", WORDS["food"]),
}

HELD_OUT_OPERATIONS = (("first", "tool"), ("second", "animal"), ("third", "food"), ("last", "color"))
"""Pairs of ordinal and category that no training task combines."""


def _choices(rng: random.Random, answer: str, words: Sequence[str], n: int = 4) -> str:
    """Answer options, one per line: `answer` and n - 1 other words in random order."""
    others = rng.sample([word for word in words if word != answer], n - 1)
    return "\n".join(rng.sample([answer, *others], n))


def _pick(rng: random.Random, ordinal: str, category: str) -> Record:
    items = rng.sample(WORDS[category], 4)
    answer = items[{"first": 0, "second": 1, "third": 2, "last": -1}[ordinal]]
    definition = f"write the {ordinal} {category} in the list."
    options = "\n".join(rng.sample(items, 4))
    return dict(definition=definition, list=" ".join(items), answer=answer, options=options)


def _attribute(rng: random.Random, attribute: str) -> Record:
    """Reading comprehension: three statements, one question."""
    things, verb, words = ATTRIBUTES[attribute]
    named, values = rng.sample(things, 3), rng.sample(words, 3)
    story = " ".join(f"the {t} {verb} {v}." for t, v in zip(named, values, strict=True))
    i = rng.randrange(3)
    return dict(
        story=story,
        question=f"what {attribute} goes with the {named[i]}?",
        answer=values[i],
        options="\n".join(rng.sample(values, 3)),
    )


def _fact(rng: random.Random, attribute: str, words: Sequence[str]) -> Record:
    """Closed-book question: an animal's home or favourite, fixed once for this world."""
    animal = rng.choice(WORDS["animal"])
    i = WORDS["animal"].index(animal)
    answer = words[(3 * i + len(attribute)) % len(words)]
    question = f"what is the {attribute} of the {animal}?"
    return dict(question=question, answer=answer, options=_choices(rng, answer, words))


def _sentiment(rng: random.Random) -> Record:
    good = rng.random() < 0.5
    first, second = rng.sample(GOOD if good else BAD, 2)
    work, name = rng.choice(WORKS), rng.choice(NAMES)
    return dict(
        review=f"{name} saw the {work}. it was {first} and {second}.",
        answer="positive" if good else "negative",
        options="positive\nnegative",
    )


def _entailment(rng: random.Random) -> Record:
    """Natural language inference: the hypothesis repeats the premise or moves its person."""
    name = rng.choice(NAMES)
    place, elsewhere = rng.sample(PLACES, 2)
    thing = rng.choice(OBJECTS)
    holds = rng.random() < 0.5
    return dict(
        premise=f"{name} took the {thing} to the {place}.",
        hypothesis=f"the {thing} is in the {place if holds else elsewhere}.",
        answer="yes" if holds else "no",
        options="yes\nno",
    )


def _sum(rng: random.Random) -> Record:
    """A sum with its rationale; no options, as in GSM8K."""
    name, thing = rng.choice(NAMES), rng.choice(WORDS["food"])
    a, b = rng.randint(1, 9), rng.randint(1, 9)
    return dict(
        question=f"{name} had {a} {thing} and got {b} more. how many now?",
        rationale=f"{a} and {b} is {a + b}.",
        answer=str(a + b),
    )


_MAKERS: dict[str, Callable[..., Record]] = {
    "pick": _pick,
    "attribute": _attribute,
    "fact": _fact,
    "sentiment": _sentiment,
    "entailment": _entailment,
    "sum": _sum,
}


def _load(maker: str, args: tuple, name: str, split: str) -> list[Record]:
    """Records of one split; no two records of a task are equal, over all its splits."""
    rng = random.Random(f"{SEED}/{name}")
    seen: dict[tuple, Record] = {}
    # A small world can run out of new records: facts repeat with other options at most.
    for _ in range(100 * sum(SPLITS.values())):
        record = _MAKERS[maker](rng, *args)
        seen.setdefault(tuple(record.values()), record)
        if len(seen) == sum(SPLITS.values()):
            break
    start = 0 if split == "train" else SPLITS["train"]
    return list(itertools.islice(seen.values(), start, start + SPLITS[split]))


def _task(
    name: str, source: str, cluster: str, maker: str, *args, answer: str = "text"
) -> Task:
    return Task(
        name=name,
        source=source,
        cluster=cluster,
        load=functools.partial(_load, maker, args, name),
        splits=SPLITS,
        templates=f"pocket_{maker}",
        answer=answer,
        licence="Apache-2.0",
        citation="generated by flanrepro",
    )


def collection() -> Collection:
    """The pocket collection: 19 training tasks in six clusters, and three suites."""
    pick = {
        (ordinal, category): _task(
            f"pick_{ordinal}_{category}", "niv2", "list_operations", "pick", ordinal, category
        )
        for ordinal, category in itertools.product(ORDINALS, WORDS)
    }
    read = {
        attribute: _task(
            f"read_{attribute}", "flan2021", "reading_comprehension", "attribute", attribute
        )
        for attribute in ATTRIBUTES
    }
    held_out = (*(pick.pop(key) for key in HELD_OUT_OPERATIONS), read.pop("food"))
    held_in = (
        _task("sentiment", "flan2021", "sentiment", "sentiment"),
        _task("entailment", "flan2021", "nli", "entailment"),
        _task("fact_home", "flan2021", "closed_book_qa", "fact", "home", PLACES),
        _task("fact_meal", "flan2021", "closed_book_qa", "fact", "meal", WORDS["food"]),
        *read.values(),
        pick["first", "animal"],
        pick["last", "food"],
    )
    cot = (_task("sum", "cot", "cot", "sum", answer="number"),)
    suites = [Suite("held_in", held_in), Suite("held_out", held_out), Suite("cot", cot)]
    return Collection(
        name="pocket",
        tasks={task.name: task for task in (*held_in, *pick.values(), *cot)},
        suites={suite.name: suite for suite in suites},
        vocabulary="pocket",
    )
