"""A suite is asked in its first templates, in all of them, in one, or in none."""

from collections import Counter

import pytest

from flanrepro.collection.asking import Asking, asked, asks_of
from flanrepro.collection.clusters import cluster_names, cluster_suite
from flanrepro.collection.suites import at_hand, lacking, suite_items, suite_prompts
from flanrepro.collection.templates import load_templates
from flanrepro.errors import InputError
from flanrepro.sources import load_collection

POCKET = load_collection("pocket")
REAL = load_collection("flan2022")
EACH = Asking("each")
ITEMS = {
    "nli": 4 * 400 + 6 * 100,
    "reading_comprehension": 400 + 5 * 100,
    "commonsense": 4 * 100,
    "sentiment": 4 * 100,
    "closed_book_qa": 2 * 400 + 2 * 96,
    "paraphrase": 3 * 100,
    "coreference": 60 + 100,
    "reading_comprehension_with_commonsense": 2 * 100,
    "struct_to_text": 4 * 100,
    "translation": 3 * 100,
    "summarization": 6 * 100,
    "miscellaneous": 3 * 100 + 60 + 100,
}
"""Number of items of pocket's clusters: those of the validation sets of the tasks evaluated."""
DECODED = {"drop", "squad_v1", "squad_v2", "natural_questions", "trivia_qa"}
DECODED |= {"math_dataset", "lambada"}
"""Tasks without options, beside those of the clusters whose answers are texts."""


def nli(asking: Asking | None = None):
    return asked(cluster_suite(POCKET, "nli"), asking)


# --- templates ---


@pytest.mark.parametrize("name", cluster_names())
def test_every_item_of_a_cluster_has_one_of_the_templates_and_each_is_used_alike(name):
    suite = asked(cluster_suite(POCKET, name), EACH)
    items = suite_items(suite, 0)
    assert len(items) == ITEMS[name]
    texts = name in ("struct_to_text", "translation", "summarization")
    for task in suite.tasks:
        own = [item for item in items if item.prompt.task == task.name]
        counts = Counter(item.prompt.template_idx for item in own)
        assert sorted(counts) == [0, 1, 2, 3, 4, 5, 6]  # 7 to 9 are inverted
        assert max(counts.values()) - min(counts.values()) <= 1
        assert all(bool(item.choices) is not (texts or task.name in DECODED) for item in own)
    for item in items:
        assert not item.choices or item.choices[item.right] == item.prompt.targets


def test_an_item_keeps_its_template_whatever_else_is_asked():
    every = {(p.task, p.record): p.template for p in suite_prompts(nli(EACH), 0)}
    few = suite_prompts(nli(EACH), 2, 21)
    assert {(p.task, p.record): p.template for p in few}.items() <= every.items()
    for task in nli().tasks:
        counts = Counter(p.template_idx for p in few if p.task == task.name)
        assert counts == dict.fromkeys(range(7), 3)


@pytest.mark.parametrize("number", [1, 2, 7])
def test_one_template_has_all_items(number):
    prompts = suite_prompts(nli(Asking(str(number))), 0, 30)
    assert {p.template_idx for p in prompts} == {number - 1}
    first = suite_prompts(nli(), 0, 30)
    assert [(p.task, p.record) for p in prompts] == [(p.task, p.record) for p in first]
    assert (prompts == first) is (number == 1)


def test_exemplars_have_the_questions_template():
    asks = {"qnli": "is there an answer in this text?"}
    for prompt in suite_prompts(nli(Asking("3")), 2, 5):
        assert prompt.inputs.count(asks.get(prompt.task, "is it so, if this is known?")) == 3


@pytest.mark.parametrize("collection", [POCKET, REAL], ids=lambda c: c.name)
def test_templates_that_are_evaluated_show_the_record_and_not_its_answer(collection):
    for name in cluster_names():
        for task in cluster_suite(collection, name).tasks:
            for template in asks_of(task, EACH):
                assert "{answer}" in template.targets
                assert "{answer}" not in template.instruction + template.inputs
            assert asks_of(task, EACH)[0] == load_templates(task.templates)[0]


def test_templates_that_any_sentence_answers_are_not_evaluated():
    found = {t.name for t in asks_of(REAL.task("wmt14_enfr"), EACH)}
    assert found == {"translate", "delegates", "interpreter", "the_word_for", "document"}


# --- forms, options, split ---


@pytest.mark.parametrize("form", ["none", "name"])
def test_a_suite_is_asked_without_templates(form):
    for item in suite_items(nli(Asking(instructions=form)), 1, 3):
        assert (item.prompt.template, item.prompt.template_idx) == (form, -1)
        head = "[Natural language inference: " if form == "name" else ""
        assert item.prompt.inputs.startswith(head)
        assert item.prompt.inputs.count(head or "Options:") == 2
        assert item.choices[item.right] == item.prompt.targets


def test_a_suite_is_asked_without_options_and_ranked_all_the_same():
    shown, hidden = (
        suite_items(nli(EACH), 2, 20),
        suite_items(nli(Asking("each", "", False)), 2, 20),
    )
    for one, other in zip(shown, hidden, strict=True):
        assert "Options:" in one.prompt.inputs
        assert "Options:" not in other.prompt.inputs
        assert other.prompt.format.options == "nowhere"
        assert (one.choices, one.right, one.group) == (other.choices, other.right, other.group)


def test_training_records_are_a_dev_set_whose_items_are_not_among_their_exemplars():
    prompts = suite_prompts(nli(Asking("2", split="train")), 3, 20)
    assert {p.split for p in prompts} == {"train"}
    assert all(p.record not in p.exemplars for p in prompts)


def test_no_other_way_of_asking_is_the_first_template_with_options():
    suite = nli()
    assert asked(suite, None) is suite
    assert suite_prompts(asked(suite, Asking()), 2, 5) == suite_prompts(suite, 2, 5)
    assert {p.template_idx for p in suite_prompts(suite, 0, 5)} == {0}


# --- names and bad input ---


@pytest.mark.parametrize(
    ("asking", "label"),
    [
        (Asking(), ""),
        (EACH, "each"),
        (Asking("3"), "template3"),
        (Asking(instructions="none"), "none"),
        (Asking("10", options=False, split="train"), "template10_nooptions_on_train"),
    ],
)
def test_each_way_has_its_label(asking, label):
    assert asking.label == label


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"template": "0"}, "template is '0': expected each, a number from 1 to 10, or nothing"),
        ({"template": "11"}, "template is '11': expected each, a number from 1 to 10, or nothing"),
        ({"template": "all"}, "template is 'all': expected each, a number from 1 to 10, or noth"),
        ({"instructions": "nome"}, "unknown instructions 'nome': choose one of none, name, or"),
        (
            {"template": "each", "instructions": "name"},
            "template is 'each', and instructions 'name' use no template: leave one of the two out",
        ),
    ],
)
def test_ways_that_there_are_not_are_one_sentence(fields, sentence):
    with pytest.raises(InputError, match=f"^{sentence}"):
        Asking(**fields)


def test_a_split_that_no_task_has_is_one_sentence():
    said = "^suite 'nli' has no task with a split 'dev': there is train, validation$"
    with pytest.raises(InputError, match=said):
        nli(Asking(split="dev"))


def test_a_template_that_a_task_does_not_have_leaves_the_task_out():
    said = "task 'anli_r1' has 7 templates that ask for its answer, and template 8 was asked for"
    with pytest.raises(InputError, match=f"^{said}$"):
        suite_prompts(nli(Asking("8")), 0)
    here, missing = at_hand(nli(Asking("8")), 0)
    assert (len(here.tasks), missing["anli_r1"]) == (0, said)
    assert lacking(nli(Asking("8")), missing, 0).endswith(" and 5 more have no template 8 here")


def test_finished_prompts_are_asked_as_they_are():
    rendered = load_collection("flan2022_rendered").task("anli_r1")
    assert len(asks_of(rendered, None)) == 1
    for asking in (EACH, Asking(options=False), Asking(instructions="none")):
        with pytest.raises(InputError, match="task 'anli_r1' has finished prompts, which template"):
            asks_of(rendered, asking)
