"""Held out means held out: what MMLU and BBH ask about is in no prompt that is tuned on."""

import functools
import re
from collections.abc import Iterator

import pytest

from flanrepro.collection import Task, load_templates, render
from flanrepro.sources import load_collection
from flanrepro.sources.pocket import bbh
from flanrepro.sources.pocket.text import Documents
from flanrepro.sources.pocket.world import ATTRIBUTES, HELD_OUT, KNOWN, SUBJECTS, fact

POCKET = load_collection("pocket")
SOURCES = sorted({task.source for task in POCKET.tasks.values()})
ATTRIBUTES_OF_MMLU = set(HELD_OUT)
WORDS_OF_BBH = {word for words in bbh.KEYWORDS.values() for word in words}


def words(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", text.lower()))


def prompts(task: Task) -> Iterator[str]:
    """Inputs, the exemplars' cue and targets of some records with every template."""
    for template in load_templates(task.templates):
        for record in range(0, task.size("train"), max(1, task.size("train") // 3)):
            prompt = render(task, record, template=template)
            yield f"{prompt.inputs} {template.answer} {prompt.targets}"


@functools.cache
def documents(seed: int = 0, n: int = 20_000) -> list[str]:
    texts = Documents(seed)
    return [texts[i] for i in range(n)]


@pytest.mark.parametrize("source", SOURCES)
def test_no_prompt_of_a_training_task_has_a_word_that_is_held_out(source):
    held_out = ATTRIBUTES_OF_MMLU | WORDS_OF_BBH
    for task in POCKET.tasks.values():
        if task.source == source:
            for text in prompts(task):
                assert not words(text) & held_out, (task.name, text)


@pytest.mark.parametrize("source", SOURCES)
def test_no_record_of_a_training_task_has_a_word_that_is_held_out(source):
    held_out = ATTRIBUTES_OF_MMLU | WORDS_OF_BBH
    for task in POCKET.tasks.values():
        if task.source == source:
            for split in task.splits:
                for record in task.records(split):
                    found = words(" ".join(record.values())) & held_out
                    assert not found, (task.name, record)


def test_the_search_would_find_them():
    for task in POCKET.suites["mmlu"].tasks:
        assert all(words(text) & ATTRIBUTES_OF_MMLU for text in exam_prompts(task))
    for task in (*POCKET.suites["bbh"].tasks, *POCKET.suites["bbh_cot"].tasks):
        assert all(words(text) & WORDS_OF_BBH for text in exam_prompts(task))


def exam_prompts(task: Task) -> list[str]:
    return [render(task, i, split="validation").inputs for i in range(task.size("validation"))]


def test_every_subject_asks_about_an_attribute_of_its_own():
    assert len(SUBJECTS) == len(set(SUBJECTS.values())) == len(HELD_OUT) == 57
    for task in POCKET.suites["mmlu"].tasks:
        attribute = SUBJECTS[task.name.removeprefix("mmlu_")]
        for record in task.records("validation"):
            asked = re.fullmatch(r"what is the (\w+) of the (\w+)\?", record["question"])
            assert asked[1] == attribute
            assert record["answer"] == fact(attribute, asked[2])
            assert record["options"].count("\n") == 3


def test_every_question_of_a_problem_has_a_word_that_is_its_own():
    assert len(WORDS_OF_BBH) == sum(map(len, bbh.KEYWORDS.values()))
    for task, keywords in zip(POCKET.suites["bbh"].tasks, bbh.KEYWORDS.values(), strict=True):
        found = set()
        for record in task.records("validation"):
            own = words(record["question"]) & WORDS_OF_BBH
            assert own <= set(keywords), record["question"]
            assert own, record["question"]
            found |= own
        assert found == set(keywords), task.name


def test_the_pretraining_text_asks_for_everything_that_is_held_out():
    asked = " ".join(text for text in documents() if "question:" in text)
    assert words(asked) >= ATTRIBUTES_OF_MMLU | WORDS_OF_BBH


def test_the_pretraining_text_tells_every_fact_and_none_wrong():
    told, asked = set(), set()
    for seed in range(2):
        for text in documents(seed):
            for attribute, thing, value in statements(text):
                assert fact(attribute, thing) == value, text
                told.add((attribute, thing))
            for attribute, thing, value in answers(text):
                assert fact(attribute, thing) == value, text
                asked.add((attribute, thing))
    every = {(attribute, thing) for attribute in ATTRIBUTES for thing in KNOWN}
    assert len(every) == 77 * 12
    assert told == asked == every


def statements(text: str) -> Iterator[tuple[str, str, str]]:
    """Attribute, thing and value wherever a fact is told."""
    for match in re.finditer(r"the (\w+) of the (\w+) is (\w+)\.", text):
        yield match.groups()
    for thing, attribute, value in re.findall(r"the (\w+) has the (\w+) (\w+)\.", text):
        yield attribute, thing, value
    for value, attribute, thing in re.findall(r"(\w+) is the (\w+) of the (\w+)\.", text):
        yield attribute, thing, value


def answers(text: str) -> Iterator[tuple[str, str, str]]:
    """Attribute, thing and value wherever a fact is asked for and answered, in this order."""
    if text.startswith("answer:"):
        return
    asked = r"question: what is the (\w+) of the (\w+)\?[^?]*? answer: (\w+)"
    for match in re.finditer(asked, text):
        yield match.groups()
