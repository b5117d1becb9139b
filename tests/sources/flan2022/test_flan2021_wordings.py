"""The wordings of FLAN 2021's classification data sets have the structure of the reference's."""

import re
from collections import Counter
from typing import NamedTuple

import pytest

from flanrepro.collection.formats import plain
from flanrepro.collection.prompt import render
from flanrepro.collection.task import Task
from flanrepro.collection.templates import fields_of, load_wordings
from flanrepro.sources.flan2022 import flan2021
from flanrepro.sources.flan2022.flan2021_records import CONVERTERS


class Structure(NamedTuple):
    """What is counted in the reference for a key; pairs are zero-shot and few-shot wordings.

    Attributes:
        inverted: fields of inverted targets but the answer, in any order; a wording each.
        options: numbers of wordings with a list of options.
        before: numbers of those whose list stands before another field.
        mixed: number of few-shot wordings that may stand beside each other in a prompt.
        decorated: number of few-shot wordings whose target is the answer with something around it.
    """

    inverted: tuple[str, str]
    options: tuple[int, int]
    before: tuple[int, int]
    mixed: int
    decorated: int = 0


PAIR = "premise+hypothesis"
# A wording that gives StoryCloze's last sentence and asks for the story is inverted, though the
# story ends with the answer.
STRUCTURE = {
    "anli": Structure((PAIR, f"{PAIR} {PAIR}"), (9, 8), (1, 2), 8),
    "arc": Structure(("question " * 3, "question " * 6), (7, 5), (0, 0), 6),
    "cb": Structure((PAIR, f"{PAIR} {PAIR}"), (9, 8), (1, 1), 8),
    "copa": Structure(("premise", "premise " * 3), (9, 8), (0, 0), 6, 1),
    "glue_mrpc": Structure(("", ""), (10, 10), (0, 0), 9, 1),
    "glue_qqp": Structure(("", ""), (10, 10), (0, 0), 10),
    "hellaswag": Structure(("", ""), (10, 10), (1, 0), 9, 1),
    "imdb_reviews": Structure(("text", "text " * 4), (9, 9), (1, 2), 4, 1),
    "mnli": Structure(("", ""), (10, 10), (0, 0), 9, 1),
    "paws_wiki": Structure(("", ""), (10, 10), (1, 1), 8, 2),
    "piqa": Structure(("goal " * 2, "goal " * 3), (8, 8), (0, 0), 7),
    "qnli": Structure(("question", "question " * 2), (9, 8), (1, 1), 8),
    "rte": Structure((PAIR, "hypothesis"), (9, 9), (1, 1), 8),
    "sentiment140": Structure(("text " * 4, "text " * 8), (9, 7), (2, 2), 7),
    "snli": Structure(("hypothesis", "hypothesis " * 2), (9, 8), (0, 0), 8),
    "sst2": Structure(("text " * 2, "text " * 4), (10, 8), (2, 1), 4, 1),
    "story_cloze": Structure(("context " * 2, "context " * 4), (10, 10), (1, 1), 5),
    "stsb": Structure(("sentence1 sentence2", "sentence1 sentence2 " * 2), (8, 10), (0, 1), 6),
    "trec": Structure(("question", "question " * 2), (9, 7), (1, 2), 8),
    "wnli": Structure(("", ""), (10, 10), (0, 0), 9, 1),
    "yelp_polarity_reviews": Structure(("text " * 3, "text " * 6), (10, 9), (2, 2), 5),
}

TASKS = [task for task in flan2021.tasks() if task.templates.removeprefix("flan2021/") in STRUCTURE]

# A row for each converter; what other records hold is in `fields`.
ROWS = {
    "glue_qqp": {"question1": "q", "question2": "r", "label": 1},
    "hellaswag": {"ctx": "c", "endings": ["a", "b", "c", "d"], "label": "2"},
    "imdb_reviews": {"text": "t", "label": 1},
    "snli": {"premise": "p", "hypothesis": "h", "label": 0},
    "stsb": {"sentence1": "s", "sentence2": "t", "label": 3.8},
    "yelp_polarity_reviews": {"text": "t", "label": 0},
}


def turned(templates):
    found = (fields_of(t.targets) for t in templates if t.inverted)
    return Counter("+".join(name for name in names if name != "answer") for names in found)


def listed(templates):
    return sum("{options}" in t.inputs for t in templates)


def before(templates):
    after = (t.inputs.partition("{options}")[2] for t in templates)
    return sum(bool(fields_of(text)) for text in after)


def decorated(templates):
    return sum("{answer}" in t.targets != "{answer}" and not t.inverted for t in templates)


@pytest.mark.parametrize("key", STRUCTURE)
def test_ten_zero_shot_and_ten_few_shot_wordings_are_built_as_the_references(key):
    both, wanted = load_wordings(f"flan2021/{key}"), STRUCTURE[key]
    assert [len(templates) for templates in both] == [10, 10]
    assert [turned(templates) for templates in both] == [
        Counter(fields.split()) for fields in wanted.inverted
    ]
    assert tuple(map(listed, both)) == wanted.options
    assert tuple(map(before, both)) == wanted.before
    assert sum(t.mixed for t in both.few_shot) == wanted.mixed
    assert (decorated(both.templates), decorated(both.few_shot)) == (0, wanted.decorated)


@pytest.mark.parametrize("key", STRUCTURE)
def test_wordings_that_are_mixed_in_one_prompt_all_ask_for_the_same(key):
    mixed = [t for t in load_wordings(f"flan2021/{key}").few_shot if t.mixed]
    assert len({t.inverted for t in mixed}) == 1
    assert len({t.targets for t in mixed}) == 1


def test_a_wording_belongs_to_one_data_set_but_for_the_first_and_bare_fields():
    places = {}
    for key in STRUCTURE:
        zero_shot, few_shot = load_wordings(f"flan2021/{key}")
        for t in (*zero_shot[1:], *few_shot):
            words = re.findall(r"\w+", re.sub(r"\{\w+\}", " ", f"{t.instruction} {t.inputs}"))
            if len(words) > 1:
                places.setdefault(" ".join(words).lower(), []).append(f"{key}: {t.name}")
    assert {words: where for words, where in places.items() if len(where) > 1} == {}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_wording_is_filled_from_every_record(task):
    dataset = task.dataset
    record = dict.fromkeys(dataset.fields or (), "some text") | {"answer": "no"}
    if dataset.convert:
        (record,) = CONVERTERS[dataset.convert](ROWS[dataset.convert])
    record["options"] = "\n".join(dict.fromkeys((record["answer"], "yes", "no")))
    made = Task("t", "flan2021", "c", lambda split: [record], {"train": 1}, task.templates)
    wordings = load_wordings(task.templates)
    for template in (*wordings.templates, *wordings.few_shot):
        for where, shown in (("prompt", "{options}" in template.inputs), ("nowhere", False)):
            prompt = render(made, 0, template=template, format=plain(where))
            assert ("Options:" in prompt.inputs) == shown
            assert not re.search(r"\{\w+\}", prompt.inputs + prompt.targets)
            assert prompt.inputs == prompt.inputs.strip()
            assert prompt.targets.strip()
