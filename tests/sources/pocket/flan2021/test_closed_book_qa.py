"""Questions about facts: right answers, own wordings, facts held back from training."""

import itertools
import re

import pytest

from flanrepro.collection.task import Record
from flanrepro.sources.pocket import flan2021
from flanrepro.sources.pocket.flan2021.closed_book_qa import ATTRIBUTES, things, wordings_of
from flanrepro.sources.pocket.knowledge import QUESTIONS
from flanrepro.sources.pocket.world import KIND_OF, KNOWN, TUNED, fact

TASKS = {task.name: task for task in flan2021.tasks()}


def records(name: str) -> list[Record]:
    task = TASKS[name]
    return [record for split in task.splits for record in task.records(split)]


def asked(question: str) -> tuple[str, str]:
    """Attribute and thing of a question in whatever wording."""
    words = re.findall(r"\w+", question)
    pairs = [" ".join(pair) for pair in itertools.pairwise(words) if " ".join(pair) in TUNED]
    (thing,) = [w for w in dict.fromkeys(words) if w in KNOWN]
    (attribute,) = set(pairs)
    return attribute, thing


KNOWLEDGE = [name for name in TASKS if name in ATTRIBUTES]


@pytest.mark.parametrize("name", KNOWLEDGE)
def test_facts_are_right_and_of_the_tasks_own_attributes(name):
    met = set()
    for record in records(name):
        attribute, thing = asked(record["question"])
        assert record["answer"] == fact(attribute, thing)
        met.add(attribute)
    assert met == set(ATTRIBUTES[name])


@pytest.mark.parametrize("name", KNOWLEDGE)
def test_no_fact_that_validation_asks_for_is_trained_on(name):
    facts = {
        split: {asked(record["question"]) for record in TASKS[name].records(split)}
        for split in ("train", "validation")
    }
    assert not facts["train"] & facts["validation"]
    for attribute in ATTRIBUTES[name]:
        trained, held_back = things(attribute, False), things(attribute, True)
        assert sorted(trained + held_back) == sorted(KNOWN)
        assert {thing for one, thing in facts["validation"] if one == attribute} == set(held_back)


def test_every_attribute_is_dealt_to_one_task_and_every_word_of_it_to_several():
    dealt = [one for attributes in ATTRIBUTES.values() for one in attributes]
    assert sorted(dealt) == sorted(TUNED)
    assert len(ATTRIBUTES["arc_easy"]) == len(ATTRIBUTES["arc_challenge"]) == 24
    for part in (0, 1):
        where: dict[str, set[str]] = {}
        for name, attributes in ATTRIBUTES.items():
            for attribute in attributes:
                where.setdefault(attribute.split()[part], set()).add(name)
        assert min(map(len, where.values())) >= 2


def wording(question: str) -> str:
    """Question with its words for attribute and thing left out."""
    attribute, thing = asked(question)
    kind = attribute.split()[1]
    text = question.replace(attribute, "{a}").replace(thing, "{t}")
    return re.sub(rf"^(which|what) {kind} (is|did)", r"\1 {k} \2", text)


def test_tasks_ask_in_their_own_wordings():
    for name in KNOWLEDGE:
        found = {wording(record["question"]) for record in records(name)}
        if name.startswith("arc"):
            assert found == set(QUESTIONS[:2])
        else:
            assert found == set(wordings_of(name, len(found)))
    assert len({wordings_of(name) for name in TASKS}) > 30


def test_hard_options_are_true_of_other_things():
    for record in records("arc_challenge"):
        attribute, _ = asked(record["question"])
        true = {fact(attribute, thing) for thing in KNOWN}
        assert set(record["options"].split("\n")) <= true


def test_questions_about_kinds_have_one_right_answer():
    for record in records("unified_qa_science_inst"):
        options, words = record["options"].split("\n"), record["question"].rstrip("?").split()
        if words[0] == "of":
            right = [option for option in options if option == KIND_OF[words[-1]]]
        else:
            denies = "not" in words
            right = [o for o in options if (KIND_OF[o] == words[-1]) != denies]
        assert right == [record["answer"]], record


def test_questions_ask_the_same_if_attribute_and_thing_are():
    for record in records("glue_qqp"):
        same = asked(record["sentence1"]) == asked(record["sentence2"])
        assert record["answer"] == ("yes" if same else "no"), record
