"""The pocket collection's first rooms: a closed little world, made from a seed when it is read.

Every task is the small twin of a kind of dataset in the paper, over a vocabulary of some 200 words.
Held-in tasks are trained on and evaluated on unseen records. Held-out tasks are never trained on:
they ask a trained skill of other things, in other words.
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
OBJECTS = WORDS["tool"] + WORDS["food"]
TRAITS = {"home": PLACES, "meal": WORDS["food"], "color": COLORS}
"""What is known of every animal, fixed once for this world."""


def _choices(rng: random.Random, answer: str, words: Sequence[str], n: int = 4) -> str:
    """Answer options, one per line: `answer` and n - 1 other words in random order."""
    others = rng.sample([word for word in words if word != answer], n - 1)
    return "\n".join(rng.sample([answer, *others], n))


def _pick(rng: random.Random, ordinal: str, category: str) -> Record:
    """A list operation with its definition, as in Super-Natural Instructions."""
    items = rng.sample(WORDS[category], 4)
    return dict(
        definition=f"write the {ordinal} {category} in the list.",
        list=" ".join(items),
        answer=items[{"first": 0, "last": -1}[ordinal]],
        options="\n".join(rng.sample(items, 4)),
    )


def _extreme(rng: random.Random, which: str, n: int) -> Record:
    """The largest or smallest of n numbers."""
    numbers = rng.sample(range(1, 30), n)
    return dict(
        definition=f"write the {which} number.",
        list=" ".join(map(str, numbers)),
        answer=str({"largest": max, "smallest": min}[which](numbers)),
        options="\n".join(map(str, rng.sample(numbers, n))),
    )


def _fact(rng: random.Random, trait: str) -> Record:
    """Closed-book question about an animal; distractors are other animals' answers."""
    animal, words = rng.choice(WORDS["animal"]), TRAITS[trait]
    answer = words[(3 * WORDS["animal"].index(animal) + len(trait)) % len(words)]
    question = f"what is the {trait} of the {animal}?"
    return dict(question=question, answer=answer, options=_choices(rng, answer, words))


def _kind(rng: random.Random, verb: str) -> Record:
    """Commonsense: what kind of thing a word names."""
    kind = rng.choice(list(WORDS))
    story = f"{rng.choice(NAMES)} {verb} the word {rng.choice(WORDS[kind])}."
    return dict(story=story, answer=kind, options=_choices(rng, kind, list(WORDS)))


def _sentiment(rng: random.Random, verb: str, things: Sequence[str]) -> Record:
    good = rng.random() < 0.5
    first, second = rng.sample(GOOD if good else BAD, 2)
    return dict(
        review=f"{rng.choice(NAMES)} {verb} the {rng.choice(things)}. it was {first} and {second}.",
        answer="positive" if good else "negative",
        options="positive\nnegative",
    )


def _entailment(rng: random.Random, words: Sequence[str], verb: str) -> Record:
    """Natural language inference: the hypothesis repeats the premise or changes its end."""
    true, other = rng.sample(words, 2)
    thing, holds = rng.choice(OBJECTS), rng.random() < 0.5
    return dict(
        premise=f"{rng.choice(NAMES)} said the {thing} {verb} {true}.",
        hypothesis=f"the {thing} {verb} {true if holds else other}.",
        answer="yes" if holds else "no",
        options="yes\nno",
    )


def _reading(rng: random.Random) -> Record:
    """Reading comprehension: three statements, one question."""
    things, places = rng.sample(OBJECTS, 3), rng.sample(PLACES, 3)
    i = rng.randrange(3)
    return dict(
        story=" ".join(f"the {t} is in the {p}." for t, p in zip(things, places, strict=True)),
        question=f"where is the {things[i]}?",
        answer=places[i],
        options="\n".join(rng.sample(places, 3)),
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


def _load(make: Callable[..., Record], args: tuple, name: str, split: str) -> list[Record]:
    """Records of one split; no two records of a task are equal, over all its splits."""
    rng = random.Random(f"{SEED}/{name}")
    seen: dict[tuple, Record] = {}
    # Bounded, so that a world too small for its splits is an error in `Task.records`, not a hang.
    for _ in range(100 * sum(SPLITS.values())):
        record = make(rng, *args)
        seen.setdefault(tuple(record.values()), record)
        if len(seen) == sum(SPLITS.values()):
            break
    start = 0 if split == "train" else SPLITS["train"]
    return list(itertools.islice(seen.values(), start, start + SPLITS[split]))


def _task(
    name: str,
    source: str,
    cluster: str,
    make: Callable[..., Record],
    *args,
    templates: str = "",
    answer: str = "text",
) -> Task:
    return Task(
        name=name,
        source=source,
        cluster=cluster,
        load=functools.partial(_load, make, args, name),
        splits=SPLITS,
        templates=f"pocket_{templates or make.__name__.strip('_')}",
        answer=answer,
        licence="Apache-2.0",
        citation="generated by flanrepro",
    )


def collection() -> Collection:
    """The pocket collection: 13 training tasks in eight clusters, and three suites."""
    held_in = (
        _task("sentiment", "flan2021", "sentiment", _sentiment, "saw", WORKS),
        _task("entailment", "flan2021", "nli", _entailment, PLACES, "is in the"),
        _task("reading", "flan2021", "reading_comprehension", _reading),
        _task("fact_home", "flan2021", "closed_book_qa", _fact, "home"),
        _task("fact_meal", "flan2021", "closed_book_qa", _fact, "meal"),
        _task("kind", "flan2021", "commonsense", _kind, "saw"),
        _task("largest", "niv2", "comparison", _extreme, "largest", 2, templates="list"),
        _task("pick_first_animal", "niv2", "list", _pick, "first", "animal", templates="list"),
    )
    cot = (_task("sum", "cot", "cot", _sum, answer="number"),)
    others = (
        _task("fact_color", "flan2021", "closed_book_qa", _fact, "color"),
        _task("smallest", "niv2", "comparison", _extreme, "smallest", 2, templates="list"),
        _task("pick_last_animal", "niv2", "list", _pick, "last", "animal", templates="list"),
        _task("pick_first_food", "niv2", "list", _pick, "first", "food", templates="list"),
    )
    held_out = (
        _task("taste", "flan2021", "sentiment", _sentiment, "got", WORDS["food"]),
        _task("entailment_color", "flan2021", "nli", _entailment, COLORS, "is"),
        _task("kind_said", "flan2021", "commonsense", _kind, "said"),
        _task("largest_of_three", "niv2", "comparison", _extreme, "largest", 3, templates="list"),
        _task("pick_last_food", "niv2", "list", _pick, "last", "food", templates="list"),
    )
    suites = [Suite("held_in", held_in), Suite("held_out", held_out), Suite("cot", cot)]
    return Collection(
        name="pocket",
        tasks={task.name: task for task in (*held_in, *others, *cot)},
        suites={suite.name: suite for suite in suites},
        vocabulary="pocket",
    )
