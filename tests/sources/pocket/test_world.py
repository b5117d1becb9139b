"""The little world is the same everywhere, its facts are facts, and every word of it is a token."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from flanrepro.collection import load_templates, render
from flanrepro.data.vocabulary import load_vocabulary
from flanrepro.errors import InputError
from flanrepro.sources import load_collection
from flanrepro.sources.pocket import world
from flanrepro.sources.pocket.cot import RELATED
from flanrepro.sources.pocket.program_synthesis import run_program
from flanrepro.sources.pocket.text import KINDS_OF_TEXT, Documents
from flanrepro.sources.pocket.world import ATTRIBUTES, KINDS, KNOWN, TRANSLATED, fact

POCKET = load_collection("pocket")

# Records change with their source, on purpose or not: who changes them puts the new digest here.
DIGESTS = {
    "cot": "031b9e2ec6abb985",
    "dialog": "c5b17ccd23665d10",
    "documents": "0d1b20013e4238ae",
    "evaluation": "5d7eb82bc84d69ca",
    "facts": "af36621af550f815",
    "flan2021": "e2f9900f78cbfca6",
    "niv2": "8694f31aea787f75",
    "program_synthesis": "4218984f33cef04b",
    "t0_sf": "0abceaf4b8f7c1f1",
}


def digests() -> dict[str, str]:
    """Of the records of every source, of all facts, and of the first 2,000 pretraining texts."""
    rows = defaultdict(list)
    for name, task in sorted(POCKET.every_task.items()):
        rows[task.source] += [[name, split, task.records(split)] for split in task.splits]
    rows["facts"] = [[a, thing, fact(a, thing)] for a in ATTRIBUTES for thing in KNOWN]
    texts = Documents()
    rows["documents"] = [texts[i] for i in range(2000)]
    return {
        name: hashlib.sha256(json.dumps(row).encode()).hexdigest()[:16]
        for name, row in sorted(rows.items())
    }


def test_records_facts_and_texts_are_the_same_bytes_on_every_machine():
    assert digests() == DIGESTS


PRINT_DIGESTS = """
import json, sys
sys.path.insert(0, sys.argv[1])
from test_world import digests
print(json.dumps(digests()))
"""


def test_another_process_with_other_hashes_makes_the_same():
    result = subprocess.run(
        [sys.executable, "-c", PRINT_DIGESTS, str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "1"},
    )
    assert json.loads(result.stdout) == digests()


def test_words_are_of_one_kind_and_translated_apart():
    listed = [word for words in KINDS.values() for word in words]
    assert len(set(listed)) == len(listed)
    assert {kind: len(words) for kind, words in KINDS.items()} == {
        **dict.fromkeys(("animal", "food", "tool", "place", "name"), 12),
        "color": 10,
    }
    assert len(set(TRANSLATED.values())) == len(TRANSLATED)
    assert not set(TRANSLATED.values()) & set(listed)


def test_every_attribute_has_a_fact_of_its_kind_for_every_known_thing():
    assert (len(world.TUNED), len(world.HELD_OUT), len(KNOWN)) == (20, 57, 12)
    assert not set(world.TUNED) & set(world.HELD_OUT)
    values = {}
    for attribute, kind in ATTRIBUTES.items():
        values[attribute] = tuple(fact(attribute, thing) for thing in KNOWN)
        assert set(values[attribute]) <= set(KINDS[kind])
        assert len(set(values[attribute])) >= 4  # so that no answer does for most
        assert all(value != thing for value, thing in zip(values[attribute], KNOWN, strict=True))
    assert len(set(values.values())) == len(ATTRIBUTES)  # no two attributes are one
    for relation in RELATED:  # of which another fact is asked in turn
        assert set(values[relation]) <= set(KNOWN)


def test_facts_do_not_depend_on_what_else_is_in_the_world():
    data = Path(world.__file__).with_name("world.yaml").read_text("utf-8")
    animals = yaml.safe_load(data)["kinds"]["animal"].split()
    # Two facts by hand: the value's place is the hash of `home of the dog`'s name.
    for attribute, thing in (("home", "dog"), ("virus", "frog"), ("friend", "cat")):
        words = [word for word in KINDS[ATTRIBUTES[attribute]] if word != thing]
        name = f"{attribute} of {thing}".encode()
        key = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little")
        assert fact(attribute, thing) == words[world.rng.mix(2023, key) % len(words)]
    assert tuple(animals) == KNOWN


CLOSED = {"arc_easy", "arc_challenge", "openbookqa", "cot_ecqa", "cot_qasc", "commonsenseqa"}
"""Their questions come again: the answer is one thing, which is learned by heart."""


def question(record: dict[str, str]) -> tuple:
    """What a record asks: all but answer and reason, its options in whatever order."""
    asked = [
        text for name, text in record.items() if name not in ("answer", "rationale", "options")
    ]
    return (*asked, *sorted(record.get("options", "").split("\n")))


def test_no_question_of_an_evaluation_split_is_trained_on_unless_it_asks_for_a_fact():
    seen = set()
    for task in POCKET.every_task.values():
        trained = task.records("train") if "train" in task.splits else ()
        known = {question(record) for record in trained}
        for split in set(task.splits) - {"train"}:
            if any(question(record) in known for record in task.records(split)):
                seen.add(task.name)
    assert seen == CLOSED


def test_facts_that_are_answered_without_options_are_asked_in_one_split_alone():
    for name in ("natural_questions", "trivia_qa", "trivia_qa_wiki_missing"):
        task = POCKET.tasks[name]
        trained = {record["question"] for record in task.records("train")}
        assert not {record["question"] for record in task.records("validation")} & trained


def texts() -> Iterator[str]:
    """Every record's fields, some prompts with every template, and pretraining text."""
    suites = [task for suite in POCKET.suites.values() for task in suite.tasks]
    for task in {task.name: task for task in (*POCKET.every_task.values(), *suites)}.values():
        templates = load_templates(task.templates)
        for split in task.splits:
            for record in task.records(split):
                yield from record.values()
            for i in range(min(task.size(split), 2 * len(templates))):
                template = templates[i % len(templates)]
                prompt = render(task, i, split=split, template=template)
                yield f"{prompt.inputs}{template.answer}{prompt.targets}"
    documents = Documents()
    yield from (documents[i] for i in range(5000))


def test_every_word_and_sign_is_one_piece_of_the_vocabulary():
    vocabulary = load_vocabulary("pocket")
    pieces = vocabulary._pieces
    chunks = {chunk for text in texts() for chunk in text.lower().split()}
    assert len(chunks) > 1000
    for chunk in sorted(chunks):
        first, *rest = re.findall(r"[^\W_]+|[\W_]", chunk)
        assert [pieces.id_to_piece(i) for i in vocabulary.encode(chunk)] == [
            f"\u2581{first}",
            *rest,
        ]


def test_shares_of_text_are_per_cent_and_a_quarter_of_it_asks():
    assert sum(KINDS_OF_TEXT.values()) == 100
    documents = Documents()
    problems = sum("question:" in documents[i] for i in range(2000))
    assert problems > 500
    assert Documents(1)[0] != documents[0] == Documents(0)[0]


def test_dice_are_fair_and_give_the_same_everywhere():
    dice = world.Dice("a seed")
    assert [dice.number(1, 6) for _ in range(10)] == [3, 1, 5, 3, 6, 6, 5, 1, 2, 1]
    rolled = [dice.below(6) for _ in range(6000)]
    assert all(850 < rolled.count(side) < 1150 for side in range(6))
    for _ in range(100):
        options = dice.options("cat", KINDS["animal"]).split("\n")
        assert len(set(options)) == len(options) == 4
        assert "cat" in options
        assert sorted(dice.mixed("abc")) == ["a", "b", "c"]
        assert len(set(dice.some(range(9), 5))) == 5


def test_a_word_that_is_no_function_is_named():
    with pytest.raises(InputError, match="'sort' is no function here; there is rev, tail,"):
        run_program("sort xs", [1, 2])
