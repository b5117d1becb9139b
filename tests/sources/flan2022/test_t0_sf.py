"""The t0_sf source: P3's subsets by name, their rows from folders in the Hub's layout."""

import csv
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flanrepro.collection import render
from flanrepro.collection.formats import plain
from flanrepro.collection.templates import load_wordings
from flanrepro.errors import InputError
from flanrepro.sources.flan2022 import t0_sf

# Rows as P3 has them: the tokens of the prompt beside its text, which begins and ends anyhow.
PLAIN = "adversarial_qa_dbert_answer_the_following_q"
CONVERTERS = [
    {
        "inputs": [3, 1],
        "inputs_pretokenized": "Given {the} passage\n\n<b>Ash</b> is a tree.\n\nWhat is ash?\n",
        "targets": [1],
        "targets_pretokenized": "\na tree",
    },
    {
        "inputs": [4, 1],
        "inputs_pretokenized": "Given the passage\n\nElms are\ttrees.\n\nWhat are elms?",
        "targets": [1],
        "targets_pretokenized": "\ntrees",
    },
    {
        "inputs": [5, 1],
        "inputs_pretokenized": "Given the passage\n\nOaks are trees.\n\nWhat are oaks?",
        "targets": [1],
        "targets_pretokenized": "\ntrees",
    },
]
SEPARATED = "race_high_Read_the_article_and_answer_the_question_no_option_"
CHOICES = [
    {**CONVERTERS[0], "answer_choices": ["a\nfish ", "a tree"]},
    {**CONVERTERS[1], "answer_choices": ["stones", "trees"]},
    {**CONVERTERS[2], "answer_choices": ["trees", "stones"]},
]


@pytest.fixture(autouse=True)
def places(monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "mirror"


def task(places, name, rows, split="train"):
    """The task `name`, whose subset in the mirror has these rows."""
    folder = places / "hub/bigscience/P3" / name / split
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "0000.parquet")
    every = (*t0_sf.tasks(), *t0_sf.overlap_tasks())
    return next(task for task in every if task.name == name)


def test_every_subset_of_the_list_is_there(mirror):
    path = mirror / "flan_collection/flan_collection_info.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream)
        listed = [row["Specific Task Category"] for row in rows if row["Source"] == "T0"]
    tasks = t0_sf.tasks()
    assert [task.name for task in tasks if task.name not in listed] == []
    assert len(tasks) == len(set(listed)) == 193
    assert {task.source for task in tasks} == {"t0_sf"}


def test_the_rest_of_p3_completes_it():
    rest, here = t0_sf.overlap_tasks(), {task.name for task in t0_sf.tasks()}
    names = {task.name for task in rest}
    assert len(names) == len(rest) == 351
    assert not names & here
    assert {task.source for task in rest} == {"p3"}
    assert not [name for name in names | here if name.endswith("_score_eval")]


def test_sizes_and_facts_are_those_of_the_publishers():
    tasks = {task.name: task for task in (*t0_sf.tasks(), *t0_sf.overlap_tasks())}
    assert tasks[PLAIN].splits == {"train": 10000, "validation": 1000}
    assert tasks["ag_news_classify"].splits == {"train": 120000, "test": 7600}
    assert tasks["dream_baseline"].splits == {"train": 6116, "validation": 2040, "test": 2041}
    for task in tasks.values():
        assert task.splits["train"] > 0
        assert task.licence and task.citation and task.cluster
        assert task.dataset.card.startswith("p3_")
        assert task.name.startswith(task.dataset.card.removeprefix("p3_"))
        assert task.dataset.hub.config == task.name
    assert tasks[PLAIN].licence == "CC BY-SA 3.0"


def test_prompts_are_used_as_they_are(places):
    made = task(places, PLAIN, CONVERTERS)
    assert list(made.records("train")) == [
        {
            "inputs": "Given {the} passage\n\n<b>Ash</b> is a tree.\n\nWhat is ash?",
            "answer": "a tree",
        },
        {"inputs": "Given the passage\n\nElms are\ttrees.\n\nWhat are elms?", "answer": "trees"},
        {"inputs": "Given the passage\n\nOaks are trees.\n\nWhat are oaks?", "answer": "trees"},
    ]
    zero = render(made, 0)
    assert (zero.inputs, zero.targets) == (made.records("train")[0]["inputs"], "a tree")
    few = render(made, 0, exemplars=(1, 2))
    assert few.inputs == (
        "Given the passage\n\nElms are\ttrees.\n\nWhat are elms?\ntrees\n\n"
        "Given the passage\n\nOaks are trees.\n\nWhat are oaks?\ntrees\n\n"
        "Given {the} passage\n\n<b>Ash</b> is a tree.\n\nWhat is ash?"
    )
    assert few.targets == "a tree"


# Few-shot wordings that may stand beside others, and zero-shot and few-shot ones with the options
# before the prompt, of ten each, as in google-research/FLAN, flan/v2/templates.py.
KINDS = {
    "question_answer": (9, 0, 0),
    "multiple_choice": (10, 0, 0),
    "multiple_choice_separated_options": (9, 3, 3),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_ten_wrappers_zero_shot_and_ten_few_shot(kind):
    wordings = load_wordings(f"t0_sf/{kind}")
    before = []
    for templates in wordings:
        assert len({(t.inputs, t.answer, t.separator) for t in templates}) == 10
        for template in templates:
            assert template.inputs.count("{inputs}") == 1 and "{answer}" in template.targets
            assert ("{options}" in template.inputs) == (kind == "multiple_choice_separated_options")
        order = [re.findall(r"{(\w+)}", template.inputs) for template in templates]
        before.append(order.count(["options", "inputs"]))
    assert (sum(t.mixed for t in wordings.few_shot), *before) == KINDS[kind]
    named = {task.cluster: task.templates for task in (*t0_sf.tasks(), *t0_sf.overlap_tasks())}
    assert named == {name: f"t0_sf/{name}" for name in KINDS}


def test_wrappers_with_and_without_options(places):
    made = task(places, SEPARATED, CHOICES)
    text = made.records("train")[0]["inputs"]
    zero_shot, few_shot = load_wordings(made.templates)
    (first,) = (t for t in zero_shot if t.name == "options_first")
    with_options = render(made, 0, template=first)
    assert with_options.inputs == f"Options:\n- a fish\n- a tree\n\n{text}\nChosen:"
    without = render(made, 0, template=first, format=plain("nowhere"))
    assert without.inputs == f"{text}\nChosen:"
    (ruled,) = (t for t in few_shot if t.name == "stars")
    elms = made.records("train")[1]["inputs"]
    assert render(made, 0, template=ruled, exemplars=(1,)).inputs == (
        f"Item:\nOptions:\n- stones\n- trees\n\n{elms}\n****\nA: trees\n\n\n"
        f"Item:\nOptions:\n- a fish\n- a tree\n\n{text}\n****\nA:"
    )
    for template in (*zero_shot, *few_shot):
        prompt = render(made, 0, template=template, exemplars=(1, 2), format=plain("nowhere"))
        assert "a fish" not in prompt.inputs and text in prompt.inputs


def test_candidates_are_options_where_the_prompt_does_not_name_them(places):
    made = task(places, SEPARATED, CHOICES)
    assert made.records("train")[0]["options"] == "a fish\na tree"
    for record in made.records("train"):
        assert record["answer"] in record["options"].split("\n")
    text = made.records("train")[0]["inputs"]
    assert render(made, 0).inputs == f"{text}\nOptions:\n- a fish\n- a tree"
    assert render(made, 0, format=plain("nowhere")).inputs == text


def test_candidates_that_a_prompt_names_are_not_listed_again(places):
    made = task(places, "race_high_Select_the_best_answer", CHOICES)
    assert [sorted(record) for record in made.records("train")] == [["answer", "inputs"]] * 3


def test_a_subset_of_flan_2021s_data_sets_reads_the_same_way(places):
    assert len(task(places, "ag_news_classify", CHOICES, "test").records("test")) == 3


def test_a_prompt_that_was_rendered_as_nothing_gives_no_record(places):
    empty = {**CONVERTERS[1], "targets_pretokenized": " \n"}
    assert len(task(places, PLAIN, [CONVERTERS[0], empty, CONVERTERS[2]]).records("train")) == 2


@pytest.mark.parametrize(
    ("name", "row", "said"),
    [
        (PLAIN, {"inputs": [1], "targets": [1]}, "KeyError: 'inputs_pretokenized'"),
        (PLAIN, {**CONVERTERS[0], "targets_pretokenized": None}, "AttributeError"),
        (SEPARATED, CONVERTERS[0], "there is no column 'answer_choices'"),
        (SEPARATED, {**CONVERTERS[0], "answer_choices": None}, "expected a list of texts"),
        (SEPARATED, {**CONVERTERS[0], "answer_choices": [" "]}, "the field 'options' is empty"),
    ],
)
def test_a_bad_row_is_named(places, name, row, said):
    with pytest.raises(InputError) as error:
        task(places, name, [row]).records("train")
    assert "bigscience/P3, row 1: " in str(error.value)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_nowhere_is_said(monkeypatch):
    made = t0_sf.tasks()[0]
    assert "has no hub/bigscience/P3" in made.missing("train")
    monkeypatch.delenv("FLANREPRO_MIRROR")
    assert f"run `flanrepro data fetch {made.name}`" in made.missing("train")
