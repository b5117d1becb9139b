"""Dialogs of pocket: the bot's turn follows from what was said before."""

import json
import re
from collections import Counter

import pytest

from flanrepro.collection.templates import load_wordings
from flanrepro.sources.pocket import dialog
from flanrepro.sources.pocket.knowledge import QUESTIONS
from flanrepro.sources.pocket.world import FOODS, KNOWN, NAMES, PLACES, TUNED, fact

TASKS = {task.name: task for task in dialog.tasks()}


def records(name: str) -> list[dict[str, str]]:
    return [record for split in TASKS[name].splits for record in TASKS[name].records(split)]


def turns(record: dict[str, str]) -> list[str]:
    return re.split(r" ?(?:user|bot): ", record["dialogue"])[1:]


def parsed(question: str) -> tuple[str, str, str]:
    """Wording, attribute and thing of a question about a fact."""
    found = []
    for wording in QUESTIONS:
        pattern = re.escape(wording).replace(r"\{a\}", r"(?P<a>\w+ \w+)", 1)
        pattern = pattern.replace(r"\{t\}", r"(?P<t>\w+)").replace(r"\{k\}", r"\w+")
        if match := re.fullmatch(pattern, question):
            found.append((wording, match["a"], match["t"]))
    assert len(found) == 1, question
    return found[0]


def test_the_tasks_are_the_papers_and_two_more():
    assert list(TASKS) == [
        "task_master_two_slots",
        "task_master_three_slots",
        "wiki_dialog",
        "qrecc",
        "qrecc_rewriting",
        "trec_cast",
    ]
    assert {(task.source, task.cluster) for task in TASKS.values()} == {("dialog", "dialog")}


@pytest.mark.parametrize("name", TASKS)
def test_no_dialog_is_in_two_splits_or_asked_with_two_answers(name):
    made = records(name)
    assert len(made) == sum(TASKS[name].splits.values()) == 900
    assert len({record["dialogue"] for record in made}) == 900


@pytest.mark.parametrize("name", TASKS)
def test_turns_are_the_dialog_without_its_marks_and_the_user_is_last(name):
    for record in records(name):
        assert re.findall("user|bot", record["dialogue"])[::2] == ["user"] * (
            len(turns(record)) // 2 + 1
        )
        assert [turn.removesuffix(".") for turn in turns(record)] == json.loads(record["turns"])


@pytest.mark.parametrize(
    ("name", "slots"), [("task_master_two_slots", 2), ("task_master_three_slots", 3)]
)
def test_the_bot_asks_for_the_first_slot_that_is_missing_or_repeats_the_order(name, slots):
    complete = 0
    for record in records(name):
        told = " ".join(turns(record)[::2])
        found = {
            "what do you want?": re.search(rf"\b({'|'.join(FOODS)})\b", told),
            "where do you want it?": re.search(rf"in the ({'|'.join(PLACES)})", told),
            "at which hour?": re.search(r"at (\d+)", told),
        }
        missing = [asked for asked, match in list(found.items())[:slots] if not match]
        if missing:
            assert record["answer"] == missing[0]
            continue
        complete += 1
        food, place, *hour = [match[1] for match in found.values() if match]
        at = f" at {hour[0]}" if hour else ""
        who = re.search(rf"i am ({'|'.join(NAMES)})\.", told)[1]
        assert record["answer"] == f"{food} in the {place}{at} for {who}."
    assert 0.4 < complete / 900 < 0.75  # those with a slot to ask for are sooner exhausted


@pytest.mark.parametrize("name", ["wiki_dialog", "qrecc_rewriting"])
def test_a_follow_up_is_about_the_same_thing_or_the_same_attribute(name):
    wordings, kinds = set(), Counter()
    for record in records(name):
        first, said, short = turns(record)
        wording, attribute, thing = parsed(first)
        assert said == f"{fact(attribute, thing)}."
        if match := re.match(r"and its (\w+ \w+)\?", short):
            attribute = match[1]
        else:
            thing = re.match(r"and of the (\w+)\?", short)[1]
        kinds[bool(match)] += 1
        wordings.add(wording)
        assert attribute in TUNED and thing in KNOWN
        if name == "wiki_dialog":
            assert record["answer"] == f"{fact(attribute, thing)}."
        else:
            assert short.endswith("? say my question in full.")
            assert parsed(record["answer"]) == (wording, attribute, thing)
    assert len(wordings) == 4
    assert 350 < kinds[True] < 550


def test_three_in_ten_questions_are_about_what_was_not_told():
    unknown = 0
    for record in records("qrecc"):
        told = f"{turns(record)[0]} {turns(record)[2]}"
        told, question = re.fullmatch(r"(.*\.) ([^.]*\?)", told).groups()
        subject = question.removesuffix("?").removesuffix(" have").split()[-1]
        said = {"where": "is in the", "which": "is", "what": "has the"}[question.split()[0]]
        match = re.search(rf"\b{subject} {said} (\w+)\.", told)
        assert record["answer"] == (f"{match[1]}." if match else "i do not know.")
        unknown += not match
    assert 0.25 < unknown / 900 < 0.35


def test_a_short_question_is_said_in_full():
    for record in records("trec_cast"):
        first, _, short = turns(record)
        word = re.match(r"and (?:the )?(\w+)\? say my question in full\.", short)[1]
        old = first.removesuffix("?").removesuffix(" have").split()[-1]
        assert word != old
        assert record["answer"] == re.sub(rf"\b{old}\b", word, first)


def test_wordings_are_ten_and_ten_of_which_three_are_turned_around():
    for templates in load_wordings("pocket/dialog"):
        assert len(templates) == 10
        assert [t.targets for t in templates if t.inverted] == ["{dialogue}"] * 3
        # The next turn's mark ends the dialog, so nothing may follow it.
        assert all(t.inputs.endswith("{dialogue}") for t in templates if not t.inverted)
