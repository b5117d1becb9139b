"""`niv2` has three families of tasks, each of which is what its name and its definition say."""

import functools
import re
from collections import Counter, defaultdict

import pytest
from recomputed import parts, result

from flanrepro.collection import Task
from flanrepro.errors import InputError
from flanrepro.sources.pocket import held_out, niv2
from flanrepro.sources.pocket.lexicon import check_words
from flanrepro.sources.pocket.steps import HELD_OUT_PAIRS
from flanrepro.sources.pocket.world import KIND_OF, KNOWN, TUNED, fact

TASKS = {task.name: task for task in niv2.tasks()}
SUITES = {suite.name: suite.tasks for suite in niv2.suites()}
SHOWN = {name: task for name, task in TASKS.items() if name.startswith("by_example_")}
DEFINED = {name: t for name, t in TASKS.items() if "_list_" in name and name not in SHOWN}


def records(task: Task) -> list:
    return [record for split in task.splits for record in task.records(split)]


def of_form(form: str) -> list[tuple[str, Task]]:
    names = ((attribute, f"{attribute.replace(' ', '_')}_{form}") for attribute in TUNED)
    return [(attribute, TASKS[name]) for attribute, name in names]


def test_there_are_as_many_tasks_as_the_paper_has_in_three_families():
    assert len(TASKS) == len(niv2.tasks()) == 1560
    knowledge = set(TASKS) - set(SHOWN) - set(DEFINED)
    assert (len(knowledge), len(SHOWN), len(DEFINED)) == (87 * 5, 156, 969)
    assert {task.source for task in TASKS.values()} == {"niv2"}


def test_all_operations_of_at_most_one_step_are_trained():
    assert {one.name for one in niv2.operations() if len(one.steps) < 2} <= set(DEFINED)


def test_more_tasks_leave_those_there_are_as_they_were():
    fewer = niv2.tasks(1000)
    assert len(fewer) == 1000
    for task in fewer:
        assert task.load.args == TASKS[task.name].load.args
        assert task.splits == TASKS[task.name].splits
    more = {task.name for task in niv2.tasks(2000)}
    assert more > set(TASKS)
    assert not more & {one.name for one in niv2.choice().new}


@pytest.mark.parametrize("number", [590, 5168])
def test_a_number_that_the_grammar_does_not_give_is_one_sentence(number):
    with pytest.raises(InputError, match=f"`tasks` is {number}: expected 591 to 5167, which is"):
        niv2.tasks(number)


# --- operations ---


def test_operations_are_what_their_definitions_say():
    for task in (*DEFINED.values(), *SUITES["new_operations"]):
        for record in records(task)[::4]:
            said = parts(record["definition"])
            assert said, record
            assert result(said, record["input"]) == record["answer"], record
            shown, written = record["example"].split(" -> ")
            assert result(said, shown) == written, record


def test_operations_by_example_are_what_their_names_say():
    for name, task in SHOWN.items():
        _, *said, written = name.removeprefix("by_example_").split("_then_")
        said.append(written.removeprefix("write_"))
        for record in records(task):
            assert result(said, record["input"]) == record["answer"], (name, record)


def test_a_definition_by_example_says_nothing_of_the_operation():
    tasks_of = defaultdict(set)
    for task in SHOWN.values():
        (definition,) = {record["definition"] for record in records(task)}
        assert parts(definition) == []
        tasks_of[definition].add(task.load.args[1][0])
    assert len(tasks_of) == 3
    for operations in tasks_of.values():
        assert len(operations) > 40
        assert len({one.kind for one in operations}) == 9
        assert Counter(len(one.steps) == 2 for one in operations)[True] > 15


def test_a_definition_has_several_wordings():
    definitions = {records(task)[0]["definition"] for task in DEFINED.values()}
    assert len(definitions) == len(DEFINED)
    frames = Counter(
        re.sub(r"a list of \w+( and no)?", "L", text[: text.find(".")]) for text in definitions
    )
    assert sum(frames[start] > 50 for start in ("given is L", "you get L", "take L")) == 3


def test_no_operation_of_tuning_is_held_out_or_new():
    trained, by_example, new = (
        niv2.choice().trained,
        niv2.choice().by_example,
        set(niv2.choice().new),
    )
    assert len(new) == 100
    assert {len(one.steps) for one in new} == {2}
    assert not new & {*trained, *by_example}
    every = niv2.two_steps(tuple(niv2.GRAMMAR["lists"]))
    assert len(every) > 3000
    assert not new & set(every)
    for one in (*trained, *by_example, *every, *new):
        assert not HELD_OUT_PAIRS.intersection(one.pairs)


def test_operations_by_example_of_two_steps_have_no_definition():
    two = {one for one in niv2.choice().by_example if len(one.steps) == 2}
    assert len(two) == 78
    assert not two & set(niv2.choice().trained)


# --- knowledge ---


@pytest.mark.parametrize("form", ["ask", "complete"])
def test_a_fact_is_asked_for(form):
    for attribute, task in of_form(form):
        answers = {}
        for record in records(task):
            (thing,) = set(re.findall(r"\w+", record["input"])) & set(KNOWN)
            answers[thing] = record["answer"]
        assert answers == {thing: fact(attribute, thing) for thing in KNOWN}
        said = f"{records(task)[0]['definition']} {records(task)[0]['input']}"
        assert attribute in said


STATED = (
    r"the \w+ \w+ of the (?P<thing>\w+) is (?P<value>\w+)\.",
    r"the (?P<thing>\w+) has the \w+ \w+ (?P<value>\w+)\.",
    r"(?P<value>\w+) is the \w+ \w+ of the (?P<thing>\w+)\.",
    r"(?P<thing>\w+)[,:]? (?P<value>\w+)",
)


def test_yes_is_right_and_no_is_wrong_and_both_are_equally_frequent():
    said = Counter()
    for attribute, task in of_form("is_so"):
        for record in records(task):
            (match,) = filter(None, (re.fullmatch(one, record["input"]) for one in STATED))
            holds = fact(attribute, match["thing"]) == match["value"]
            assert record["answer"] == ("yes" if holds else "no"), record
            said[record["answer"]] += 1
    assert said == {"yes": 696, "no": 696}


def test_one_of_four_animals_has_the_value():
    for attribute, task in of_form("which"):
        for record in records(task):
            words = [word for word in re.findall(r"\w+", record["input"]) if word in KIND_OF]
            for shown in (words, words[::-1]):
                value, options = shown[0], shown[1:]
                if fact(attribute, record["answer"]) == value and record["answer"] in options:
                    right = [one for one in options if fact(attribute, one) == value]
                    assert right == [record["answer"]]
                    break
            else:
                raise AssertionError(record)


def test_the_letter_stands_before_the_value():
    places = Counter()
    for attribute, task in of_form("letters"):
        labels = task.load.args[1][4].split()
        for record in records(task):
            pairs = dict(re.findall(r"(\w+)[)\]:] (?=(\w+))", record["input"]))
            pairs = {label: word for label, word in pairs.items() if label in labels}
            things = set(re.findall(r"\w+", record["input"])) & set(KNOWN)
            assert len(pairs) == 4, record
            assert pairs[record["answer"]] in {fact(attribute, thing) for thing in things}
            places[labels.index(record["answer"])] += 1
    assert min(places.values()) > 0.2 * sum(places.values())


# --- all ---


def test_no_input_of_validation_is_trained_on_and_no_example_answers_it():
    for name, task in TASKS.items():
        trained = {record["input"] for record in task.records("train")}
        for record in task.records("validation"):
            assert record["input"] not in trained, (name, record)
        for record in records(task):
            assert record["example"].split(" -> ")[0] != record["input"], (name, record)


def test_every_word_is_one_of_the_world_and_nothing_is_held_out():
    for name, task in (*TASKS.items(), *((t.name, t) for t in SUITES["new_operations"])):
        record = task.records("validation")[0]
        check_words(record.values(), name)
        text = f"{record['definition']} {record['input']}"
        assert not held_out.attributes(text)
        assert not held_out.wordings(text)
        assert not held_out.compositions(text)


def test_the_suites_have_six_unseen_lists_of_each_operation():
    assert {name: len(tasks) for name, tasks in SUITES.items()} == {
        "operations": 100,
        "new_operations": 100,
        "by_example": 50,
    }
    assert {len(t.records("validation")) for tasks in SUITES.values() for t in tasks} == {6}
    assert {task.source for task in SUITES["new_operations"]} == {"evaluation"}
    assert {task.name for task in SUITES["operations"]} <= set(DEFINED)
    assert {len(task.load.args[1][0].steps) for task in SUITES["operations"]} == {2}
    assert {task.name for task in SUITES["by_example"]} <= set(SHOWN)


def test_records_are_the_same_when_they_are_made_again():
    for name in list(TASKS)[::200]:
        again = {task.name: task for task in niv2.tasks()}[name]
        niv2._examples.cache_clear()
        niv2._shown.cache_clear()
        assert functools.reduce(list.__add__, [[*again.records(s)] for s in again.splits]) == (
            records(TASKS[name])
        )
