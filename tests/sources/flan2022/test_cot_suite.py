"""The suite `cot`: the real evaluation sets, with exemplars that are never what is asked."""

import json
import re
from xml.etree import ElementTree

import pytest

from flanrepro.collection import render, suite_prompts
from flanrepro.collection.templates import load_by_direction
from flanrepro.errors import InputError
from flanrepro.evaluation.extraction import extract_answer, read_answer
from flanrepro.raw import files
from flanrepro.sources.flan2022 import cot, cot_suite

SIZES = {
    "gsm8k": {"train": 7473, "validation": 1319},
    "strategyqa": {"train": 2061, "validation": 229},
    "svamp": {"train": 7473, "validation": 1000},
    "asdiv": {"train": 7473, "validation": 2084},
    "commonsenseqa": {"train": 6318, "validation": 1221},
}

FIRST = {
    "asdiv": {
        "question": "Seven red apples and two green apples are in the basket. How many apples are "
        "in the basket?",
        "rationale": "7+2=9",
        "answer": "9",
    },
    "gsm8k": {
        "question": "Janet’s ducks lay 16 eggs per day. She eats three for breakfast every morning "
        "and bakes muffins for her friends every day with four. She sells the remainder at the "
        "farmers' market daily for $2 per fresh duck egg. How much in dollars does she make every "
        "day at the farmers' market?",
        "rationale": "Janet sells 16 - 3 - 4 = 9 duck eggs a day.\n"
        "She makes 9 * 2 = $18 every day at the farmer’s market.",
        "answer": "18",
    },
    "strategyqa": {
        "question": "Will the Albany in Georgia reach a hundred thousand occupants before the one "
        "in New York?",
        "rationale": "Albany, GA has around 75,000 people. Albany, NY has almost 100,000 people.",
        "options": "yes\nno",
        "answer": "no",
    },
    "svamp": {
        "question": "Each pack of dvds costs 76 dollars. If there is a discount of 25 dollars on "
        "each pack, how much do you have to pay to buy each pack?",
        "rationale": "76 - 25",
        "answer": "51",
    },
    "commonsenseqa": {
        "question": "A revolving door is convenient for two direction travel, but it also serves "
        "as a security measure at a what?",
        "rationale": "",
        "options": "(A) bank\n(B) library\n(C) department store\n(D) mall\n(E) new york",
        "choices": "(A) bank\n(B) library\n(C) department store\n(D) mall\n(E) new york",
        "answer": "(A)",
    },
}


@pytest.fixture
def suite(mirror, monkeypatch):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    return cot_suite.suite()


@pytest.fixture
def tasks(suite):
    return {task.name: task for task in suite.tasks}


def test_sizes_are_declared_without_reading_a_file(monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path))
    suite = cot_suite.suite()
    assert suite.split == "validation"
    assert {task.name: task.splits for task in suite.tasks} == SIZES
    assert {task.source for task in suite.tasks} == {"evaluation"}


def test_every_split_has_the_declared_number_of_records(tasks):
    for name, splits in SIZES.items():
        assert {split: len(tasks[name].records(split)) for split in splits} == splits


def test_a_split_reads_its_own_files_only(suite, monkeypatch):
    read = []
    for module in (cot, cot_suite):
        monkeypatch.setattr(module, "fetch", lambda name: read.append(name) or files.fetch(name))
    for task in suite.tasks:
        task.records("validation")
    assert read == [
        "gsm8k/test.jsonl",
        "strategyqa/dev.json",
        "svamp/SVAMP.json",
        "asdiv/ASDiv.xml",
        "commonsenseqa/dev_rand_split.jsonl",
    ]
    read.clear()
    for task in suite.tasks:
        task.records("train")
    assert read == [
        "gsm8k/train.jsonl",
        "strategyqa/train.json",
        "gsm8k/train.jsonl",
        "gsm8k/train.jsonl",
        "commonsenseqa/train_rand_split.jsonl",
        "flan_cot/ecqa_train.tsv",
    ]


@pytest.mark.parametrize("name", SIZES)
def test_the_first_record(tasks, name):
    asked = FIRST[name]["question"]
    if name == "commonsenseqa":
        asked += "\nOptions:\n" + FIRST[name]["choices"]
    assert tasks[name].records("validation")[0] == {**FIRST[name], "asked": asked}


def test_the_first_training_records(tasks):
    assert tasks["gsm8k"].records("train")[0]["rationale"] == (
        "Natalia sold 48/2 = 24 clips in May.\n"
        "Natalia sold 48+24 = 72 clips altogether in April and May."
    )
    assert tasks["svamp"].records("train") == tasks["gsm8k"].records("train")
    assert tasks["commonsenseqa"].records("train")[0] == {
        "question": "The sanctions against the school were a punishing blow, and they seemed to "
        "what the efforts the school had made to change?",
        "asked": "The sanctions against the school were a punishing blow, and they seemed to what "
        "the efforts the school had made to change?\nOptions:\n"
        "(A) ignore\n(B) enforce\n(C) authoritarian\n(D) yell at\n(E) avoid",
        "rationale": "Sanctions against school shows that the school's efforts were ignored. "
        "Efforts can be ignored when decision are against it.",
        "options": "(A) ignore\n(B) enforce\n(C) authoritarian\n(D) yell at\n(E) avoid",
        "choices": "(A) ignore\n(B) enforce\n(C) authoritarian\n(D) yell at\n(E) avoid",
        "answer": "(A)",
    }


def test_every_record_renders_with_every_template_and_its_answer_is_read_back(tasks):
    for task in tasks.values():
        for split in task.splits:
            for template in load_by_direction(task.templates)[0]:
                for i, record in enumerate(task.records(split)):
                    prompt = render(task, i, split=split, template=template)
                    assert record["question"] in prompt.inputs
                    assert extract_answer(prompt.targets, task.answer) == record["answer"].strip(
                        "()"
                    )


def test_answers_can_be_compared(tasks):
    kinds = {
        "gsm8k": r"-?\d+",
        "svamp": r"-?\d+",
        "strategyqa": "yes|no",
        "commonsenseqa": r"\([A-E]\)",
    }
    for name, kind in kinds.items():
        for split in tasks[name].splits:
            records = tasks[name].records(split)
            assert all(re.fullmatch(kind, record["answer"]) for record in records), name
    assert read_answer("It is clear. The answer is 51.0.", ["51"], tasks["svamp"].answer)[1]


def test_rationales_are_there_and_hold_no_calculator_marks(tasks):
    for name, task in tasks.items():
        for split in task.splits:
            for record in task.records(split):
                given = bool(record["rationale"])
                assert given == ((name, split) != ("commonsenseqa", "validation"))
                assert "<<" not in record["rationale"]
                assert "####" not in record["rationale"]


def test_an_exemplar_is_never_the_question_that_is_asked(tasks):
    for task in tasks.values():
        asked = {cot.same_question(r["question"]) for r in task.records("validation")}
        exemplars = {cot.same_question(r["question"]) for r in task.records("train")}
        assert not asked & exemplars


def test_nothing_asked_is_trained_on(suite):
    asked = {cot.same_question(r["question"]) for t in suite.tasks for r in t.records("validation")}
    assert len(asked) == 1319 + 229 + 1000 + 2084 + 1221 - 1  # ASDiv has one question twice
    for task in cot.tasks():
        for record in () if task.missing("train") else task.records("train"):
            assert cot.same_question(record["question"]) not in asked


def test_zero_shot_prompts(suite):
    prompts = {prompt.task: prompt for prompt in suite_prompts(suite, 0) if prompt.record == 0}
    assert len(suite_prompts(suite, 0)) == 5853
    assert prompts["commonsenseqa"].inputs == (
        "Choose the right option. Think step by step before you give the answer.\n\n"
        "Question: A revolving door is convenient for two direction travel, but it also serves as "
        "a security measure at a what?\nOptions:\n"
        "(A) bank\n(B) library\n(C) department store\n(D) mall\n(E) new york\nReasoning:"
    )
    assert prompts["strategyqa"].inputs == (
        "Answer the question. Think step by step before you give the answer.\n\n"
        "Question: Will the Albany in Georgia reach a hundred thousand occupants before the one in "
        "New York?\nOptions:\n- yes\n- no\nReasoning:"
    )
    assert prompts["strategyqa"].targets == (
        "Albany, GA has around 75,000 people. Albany, NY has almost 100,000 people.\n"
        "So the answer is no."
    )


def test_few_shot_prompt(tasks):
    prompt = render(tasks["svamp"], 0, split="validation", exemplars=[0])
    assert prompt.inputs == (
        "Answer the question. Think step by step before you give the answer.\n\n"
        "Question: Natalia sold clips to 48 of her friends in April, and then she sold half as "
        "many clips in May. How many clips did Natalia sell altogether in April and May?\n"
        "Reasoning: Natalia sold 48/2 = 24 clips in May.\n"
        "Natalia sold 48+24 = 72 clips altogether in April and May.\nSo the answer is 72.\n\n"
        "Question: Each pack of dvds costs 76 dollars. If there is a discount of 25 dollars on "
        "each pack, how much do you have to pay to buy each pack?\nReasoning:"
    )
    assert prompt.targets == "76 - 25\nSo the answer is 51."


@pytest.mark.parametrize(
    ("task", "record", "said"),
    [
        ("gsm8k", {"question": "1 + 1?", "answer": "2"}, "line 1: the answer has no '####'"),
        ("gsm8k", {"question": "?", "answer": "#### two"}, "line 1: the answer ' two' is no num"),
        ("gsm8k", {"question": "1 + 1?"}, "line 1: there is no column 'answer'"),
        (
            "commonsenseqa",
            {"answerKey": "A", "question": {"stem": "?"}},
            "line 1: there is no column 'question.choices'",
        ),
    ],
)
def test_a_bad_record_is_named(tmp_path, monkeypatch, task, record, said):
    path = tmp_path / "test.jsonl"
    path.write_text(json.dumps(record) + "\n", "utf-8")
    monkeypatch.setattr(cot_suite, "fetch", lambda name: path)
    chosen = next(t for t in cot_suite.suite().tasks if t.name == task)
    with pytest.raises(InputError) as error:
        chosen.records("validation")
    assert f"{path}, {said}" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_of_another_length_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "test.jsonl"
    path.write_text('{"question": "1 + 1?", "answer": "2\\n#### 2"}\n', "utf-8")
    monkeypatch.setattr(cot_suite, "fetch", lambda name: path)
    with pytest.raises(InputError, match="1 records were read and 1319 are declared"):
        cot_suite.suite().tasks[0].records("validation")


def test_all_of_asdiv_is_read_and_answers_that_are_no_number_are_not_asked(suite, mirror):
    everything = cot_suite.read_asdiv(files.fetch("asdiv/ASDiv.xml"))
    assert len(everything) == 2305
    others = [r["answer"] for r in everything if not cot_suite.is_number(r["answer"])]
    assert len(others) == 221
    assert {"Yes", "3:30 p.m.", "Mrs. Hilt", "-(1/3)", "6 (cm); 15 (cm)"} < set(others)


def test_an_answer_of_asdiv_with_several_values_is_not_taken_for_its_first(tasks, mirror):
    problems = ElementTree.parse(mirror / "asdiv/ASDiv.xml").iter("Problem")
    one_value = re.compile(r"(-?\d+(?:\.\d+)?)\s*(\([^()]*\))?")
    found = [one_value.fullmatch(problem.findtext("Answer").strip()) for problem in problems]
    answers = [record["answer"] for record in tasks["asdiv"].records("validation")]
    assert [float(match[1]) for match in found if match] == [float(text) for text in answers]


def test_few_shot_prompt_of_asdiv(tasks):
    prompt = render(tasks["asdiv"], 0, split="validation", exemplars=[0])
    assert prompt.inputs == (
        "Answer the question. Think step by step before you give the answer.\n\n"
        "Question: Natalia sold clips to 48 of her friends in April, and then she sold half as "
        "many clips in May. How many clips did Natalia sell altogether in April and May?\n"
        "Reasoning: Natalia sold 48/2 = 24 clips in May.\n"
        "Natalia sold 48+24 = 72 clips altogether in April and May.\nSo the answer is 72.\n\n"
        "Question: Seven red apples and two green apples are in the basket. How many apples are in "
        "the basket?\nReasoning:"
    )
    assert prompt.targets == "7+2=9\nSo the answer is 9."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "ASDiv.xml: no XML"),
        (b"<a><Problem>", "ASDiv.xml: no XML"),
        (b"<a>\n<Body>\xe9</Body></a>", "ASDiv.xml, line 2: not UTF-8"),
        (b"<a><Problem><Body>b</Body></Problem></a>", "ASDiv.xml, problem 1: no Question"),
    ],
)
def test_a_bad_file_of_asdiv_is_one_sentence(tmp_path, text, said):
    path = tmp_path / "ASDiv.xml"
    path.write_bytes(text)
    with pytest.raises(InputError, match=said):
        cot_suite.read_asdiv(path)
