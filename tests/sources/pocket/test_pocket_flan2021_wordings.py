"""Pocket's `flan2021`: its wordings are many, short, and in whole words."""

import functools
import itertools
import re

import pytest

from flanrepro.collection import render
from flanrepro.collection.templates import load_wordings
from flanrepro.data.vocabulary import UNK, load_vocabulary
from flanrepro.sources.pocket import flan2021

TASKS = {task.name: task for task in flan2021.tasks()}
FILES = sorted({task.templates for task in TASKS.values()})


@functools.cache
def pieces(text: str) -> tuple[tuple[int, str], ...]:
    vocabulary = load_vocabulary("pocket")
    # Each id by itself, behind a word: its text then begins with a space if it begins a word.
    first = vocabulary.encode("a")
    return tuple(
        (one, vocabulary.decode([*first, one]).removeprefix("a")) for one in vocabulary.encode(text)
    )


def in_characters(text: str) -> list[str]:
    """The pieces that are unknown or go on inside a word."""
    return [said for one, said in pieces(text) if one == UNK or re.match(r"\w", said)]


@pytest.mark.parametrize("file", FILES)
def test_a_file_has_ten_and_ten_wordings_of_at_most_three_inverted_ones(file):
    zero_shot, few_shot = load_wordings(file)
    assert len(zero_shot) == len(few_shot) == 10
    for templates in (zero_shot, few_shot):
        assert 1 <= sum(template.inverted for template in templates) <= 3
    every = [
        re.sub(r"\W+", " ", f"{t.instruction} {t.without_options} {t.inverted}")
        for t in (*zero_shot, *few_shot)
    ]
    assert len(set(every)) == 20
    for template in (*zero_shot, *few_shot):
        words = re.sub(r"\{\w+\}", " ", f"{template.instruction} {template.inputs}")
        assert len(re.findall(r"\w+", words)) <= 14, template


@pytest.mark.parametrize("name", TASKS)
def test_no_prompt_falls_into_characters(name):
    task = TASKS[name]
    for template in itertools.chain(*load_wordings(task.templates)):
        for exemplars in ((), (1, 2)):
            prompt = render(task, 3, template=template, exemplars=exemplars)
            assert in_characters(f"{prompt.inputs} {prompt.targets}") == [], prompt.inputs


def test_characters_would_be_found():
    assert in_characters("the zebra (cat)") != []
    assert in_characters("the cat is in the barn. a) yes 12?") == []
