"""The chain-of-thought source reads every row of the real files, and leaves out what it must."""

import dataclasses
import re
from collections import Counter

import pytest
from rendering import assert_renders

from flanrepro.collection import Mixture, load_templates, render
from flanrepro.collection.formats import plain
from flanrepro.collection.templates import by_direction, load_wordings
from flanrepro.errors import InputError
from flanrepro.evaluation.extraction import read_answer
from flanrepro.raw import files
from flanrepro.raw.files import fetch
from flanrepro.raw.reading import read_jsonl
from flanrepro.sources.flan2022 import cot

SIZES = {
    "cot_aqua": 2728,
    "cot_creak": 6915,
    "cot_ecqa": 6318,
    "cot_gsm8k": 7473,
    "cot_qasc": 1084,
    "cot_sensemaking": 6070,
    "cot_strategyqa": 2061,
}

FIRST = {
    "cot_aqua": {
        "question": "Rs. 5600 is divided into three parts A, B and C. How much A is more than C if "
        "their ratio is 1/7:1/7:1/14?",
        "asked": "Rs. 5600 is divided into three parts A, B and C. How much A is more than C if "
        "their ratio is 1/7:1/7:1/14?\nOptions:\n"
        "(A) 300\n(B) 992\n(C) 1120\n(D) 552\n(E) 312",
        "answer": "(C)",
        "rationale": "1/7:1/7:1/14 = 2:2:1\n1/5*5600 = 1120\n2240-1120 = 1120",
        "options": "(A) 300\n(B) 992\n(C) 1120\n(D) 552\n(E) 312",
        "choices": "(A) 300\n(B) 992\n(C) 1120\n(D) 552\n(E) 312",
    },
    "cot_creak": {
        "question": 'Claim: "Only people named Floyd wearing pink are allowed to attend Pink Floyd '
        'concerts."\nIs the claim above correct, and can it be verified by human common sense and '
        "without a web search?",
        "asked": 'Claim: "Only people named Floyd wearing pink are allowed to attend Pink Floyd '
        'concerts."\nIs the claim above correct, and can it be verified by human common sense and '
        "without a web search?\nOptions:\nyes\nno",
        "answer": "no",
        "rationale": "The rock group would not be as popular is they had such requirements for "
        "their concerts.",
        "options": "yes\nno",
    },
    "cot_ecqa": {
        "question": "What might a person see at the scene of a brutal killing?",
        "asked": "What might a person see at the scene of a brutal killing?\nOptions:\n"
        "bloody mess\npleasure\nbeing imprisoned\nfeeling of guilt\ncake",
        "answer": "bloody mess",
        "rationale": "Bloody mess is covered or stained with blood. A person might see a bloody "
        "mess at the scene of a brutal killing.",
        "options": "bloody mess\npleasure\nbeing imprisoned\nfeeling of guilt\ncake",
    },
    "cot_gsm8k": {
        "question": "Natalia sold clips to 48 of her friends in April, and then she sold half as "
        "many clips in May. How many clips did Natalia sell altogether in April and May?",
        "asked": "Natalia sold clips to 48 of her friends in April, and then she sold half as "
        "many clips in May. How many clips did Natalia sell altogether in April and May?",
        "answer": "72",
        "rationale": "Natalia sold 48 / 2 = 24 clips in May. Natalia sold 48 + 24 = 72 clips "
        "altogether in April and May.",
    },
    "cot_qasc": {
        "question": "What is the process by which living things give rise to offspring?",
        "asked": "What is the process by which living things give rise to offspring?\nOptions:\n"
        "(A) DNA\n(B) photosynthesis\n(C) bird\n(D) sex\n(E) subtraction\n(F) gametes\n"
        "(G) eggs\n(H) ovum",
        "answer": "(D)",
        "rationale": "Reproduction is the process by which living things give rise to offspring. "
        "Sex equals reproduction. Sex is the process by which living things give rise to "
        "offspring.",
        "options": "(A) DNA\n(B) photosynthesis\n(C) bird\n(D) sex\n(E) subtraction\n(F) gametes\n"
        "(G) eggs\n(H) ovum",
        "choices": "(A) DNA\n(B) photosynthesis\n(C) bird\n(D) sex\n(E) subtraction\n(F) gametes\n"
        "(G) eggs\n(H) ovum",
    },
    "cot_sensemaking": {
        "question": "Of the following two sentences, which one is against common sense?",
        "asked": "Of the following two sentences, which one is against common sense?\nOptions:\n"
        'Sentence A: "He poured orange juice on his cereal."\n'
        'Sentence B: "He poured milk on his cereal."',
        "answer": "Sentence A",
        "rationale": "Orange juice does not taste good on cereal.",
        "options": 'Sentence A: "He poured orange juice on his cereal."\n'
        'Sentence B: "He poured milk on his cereal."',
        "choices": 'Sentence A: "He poured orange juice on his cereal."\n'
        'Sentence B: "He poured milk on his cereal."',
    },
    "cot_strategyqa": {
        "question": "Are more people today related to Genghis Khan than Julius Caesar?",
        "asked": "Are more people today related to Genghis Khan than Julius Caesar?",
        "answer": "yes",
        "rationale": "Julius Caesar had three children. Genghis Khan had sixteen children. Modern "
        "geneticists have determined thatout of every 200 men today has DNA that can be traced to "
        "Genghis Khan.",
        "options": "yes\nno",
    },
}


@pytest.fixture
def here(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    return {task.name: task for task in cot.tasks()}


@pytest.fixture
def tasks(here):
    return {name: task for name, task in here.items() if name in SIZES}


def test_sizes_are_declared_without_reading_a_file(monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path))
    tasks = cot.tasks()
    assert [task.name for task in tasks] == sorted([*SIZES, "cot_esnli", "cot_qed"])
    own = tuple(task for task in tasks if task.name in SIZES)
    assert {task.name: task.size("train") for task in own} == SIZES
    mixture = Mixture(own, seed=1, few_shot_fraction=0.0)
    for sentence in (own[0].missing("train"), fails(lambda: mixture[0])):
        assert re.search(r"the mirror .* has no file 'flan_cot/", sentence)


def fails(action) -> str:
    with pytest.raises(InputError) as error:
        action()
    return str(error.value)


def test_the_files_hold_33443_rows_of_which_ecqa_loses_794(tasks):
    rows = {name: len(cot.read(name)) for name in cot.DATASETS}
    assert sum(rows.values()) == 33443
    assert rows == {name: files.data_file(cot.file_of(name)).rows for name in cot.DATASETS}
    assert {name: len(task.records("train")) for name, task in tasks.items()} == SIZES
    assert rows["ecqa"] - SIZES["cot_ecqa"] == 794


@pytest.mark.parametrize("name", SIZES)
def test_the_first_record(tasks, name):
    assert tasks[name].records("train")[0] == FIRST[name]


LARGE = ("cot_creak", "cot_ecqa", "cot_gsm8k", "cot_sensemaking")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in LARGE)) for name in SIZES]
)
def test_every_row_of_every_file_renders_with_every_template(tasks, name):
    assert assert_renders(tasks[name]) == SIZES[name]


# Counted in google-research/FLAN, flan/v2/templates.py, PATTERNS and FEWSHOT_PATTERNS: targets that
# do not say "answer is" in zero-shot and in few-shot wordings; then, among the latter, those with
# the answer first, and those that may stand beside others.
ENDINGS = {
    "gsm8k": (5, 0, 0, 3),
    "strategyqa": (2, 3, 1, 3),
    "creak": (3, 2, 5, 2),
    "qasc": (5, 2, 1, 2),
    "esnli": (3, 2, 1, 3),
    "ecqa": (3, 2, 2, 2),
    "sensemaking": (4, 2, 0, 3),
    "aqua": (8, 2, 2, 2),
    "qed": (2, 5, 1, 2),
}


def regular(name):
    return [by_direction(of)[0] for of in load_wordings(f"cot/{name}")]


@pytest.mark.parametrize("name", ENDINGS)
def test_targets_end_in_the_forms_of_the_reference(name):
    zero_shot, few_shot = regular(name)
    assert (len(zero_shot), len(few_shot)) == (15 if name in ("aqua", "qed") else 10, 10)
    for template in (*zero_shot, *few_shot):
        assert "{rationale}" in template.targets and "{answer}" in template.targets
    others = [sum("answer is" not in t.targets for t in of) for of in (zero_shot, few_shot)]
    first = sum(t.targets.index("{answer}") < t.targets.index("{rationale}") for t in few_shot)
    assert (*others, first, sum(t.mixed for t in few_shot)) == ENDINGS[name]


def test_a_third_of_the_endings_and_a_fifth_of_the_triggers_are_as_in_the_reference():
    zero_shot = [template for name in ENDINGS for template in regular(name)[0]]
    assert len(zero_shot) == 100
    assert sum("answer is" not in template.targets for template in zero_shot) == 35
    said = [f"{t.instruction} {t.inputs} {t.answer} {t.targets}".lower() for t in zero_shot]
    # The trigger that BBH is asked with, and what else begins with "let's" and goes step by step.
    assert sum("let's think step by step" in text for text in said) == 10
    assert sum(bool(re.search(r"let's[^{}]*step by step", text)) for text in said) == 20


@pytest.mark.parametrize("name", ENDINGS)
def test_inverted_templates_are_the_permutations_of_figure_7(name):
    def named(pattern):
        letters = {"asked": "Q", "answer": "A", "rationale": "E"}
        return "".join(sorted(letters[field] for field in re.findall(r"{(\w+)}", pattern)))

    counts = []
    for of in load_wordings(f"cot/{name}"):
        inverted = by_direction(of)[1]
        counts.append(Counter((named(t.inputs), named(t.targets)) for t in inverted))
    assert sum(t.mixed for t in inverted) == 2
    assert counts == [
        {("AE", "Q"): 3, ("AQ", "E"): 5, ("E", "AQ"): 6, ("A", "EQ"): 4},
        {("AE", "Q"): 3, ("AQ", "E"): 3, ("E", "AQ"): 2, ("A", "EQ"): 2},
    ]


@pytest.mark.parametrize("name", ENDINGS)
def test_the_answer_is_read_from_the_target_of_every_template(here, name):
    task = here[f"cot_{name}"]
    split = "validation" if task.missing("train") else "train"
    records = [task.records(split)[i] for i in range(0, task.size(split), task.size(split) // 200)]
    for template in (*regular(name)[0], *regular(name)[1]):
        read = [
            read_answer(template.targets.format_map(record), [record["answer"]], task.answer)[1]
            for record in records
        ]
        # Where the answer stands first, an equation "A: 50*36% = 18" of AQuA can hide it.
        hidden = 1 if name == "aqua" and template.targets.startswith("{answer}") else 0
        assert len(records) >= 200 and sum(read) >= len(records) - hidden, template.name


@pytest.mark.parametrize("name", ENDINGS)
def test_few_shot_templates_render_real_records(here, name):
    task = here[f"cot_{name}"]
    split = "validation" if task.missing("train") else "train"
    records = [task.records(split)[i] for i in range(3)]
    task = dataclasses.replace(task, load=lambda _: records, splits={"train": 3}, approximate=False)
    for template in load_wordings(task.templates).few_shot:
        prompt = render(task, 0, template=template, exemplars=(1, 2))
        for record in records[1:]:
            shown = template.answer + template.targets.format_map(record) + template.separator
            assert prompt.inputs.count(shown) == 1
        assert prompt.inputs.endswith(template.answer.rstrip())
        assert prompt.targets == template.targets.format_map(records[0])
        assert not re.search(r"\{\w+\}", prompt.inputs + prompt.targets)


def test_no_text_keeps_a_written_line_break_or_an_options_heading(tasks):
    for task in tasks.values():
        for record in task.records("train"):
            assert all(text and text == text.strip() for text in record.values())
            assert "Options:" not in record["question"]
            assert not re.search(r"\\n", "".join(record.values()))


def test_answers_are_of_the_kind_that_the_task_declares(tasks):
    kinds = {"option": r"\([A-H]\)", "number": r"-?\d+"}
    for name, task in tasks.items():
        answers = {record["answer"] for record in task.records("train")}
        if task.answer in kinds:
            assert all(re.fullmatch(kinds[task.answer], answer) for answer in answers), name
    for name in ("cot_creak", "cot_strategyqa"):
        assert {record["answer"] for record in tasks[name].records("train")} == {"yes", "no"}


def test_no_commonsenseqa_dev_question_is_trained_on(tasks):
    dev = read_jsonl(fetch(cot.COMMONSENSEQA_DEV))
    questions = {cot.same_question(row["question"]["stem"]) for row in dev}
    assert len(questions) == 1221
    assert sum(cot.same_question(r["question"]) in questions for r in cot.read("ecqa")) == 794
    for task in tasks.values():
        for record in task.records("train"):
            assert cot.same_question(record["question"]) not in questions


def test_zero_shot_prompt_with_and_without_options(tasks):
    shown = render(tasks["cot_ecqa"], 0)
    assert shown.inputs == (
        "Answer the question. Think step by step before you give the answer.\n\n"
        "Question: What might a person see at the scene of a brutal killing?\n"
        "Options:\n- bloody mess\n- pleasure\n- being imprisoned\n- feeling of guilt\n- cake\n"
        "Reasoning:"
    )
    assert shown.targets == (
        "Bloody mess is covered or stained with blood. A person might see a bloody mess at the "
        "scene of a brutal killing.\nSo the answer is bloody mess."
    )
    hidden = render(tasks["cot_ecqa"], 0, format=plain("nowhere"))
    assert hidden.targets == shown.targets
    assert hidden.inputs == (
        "Answer the question. Think step by step before you give the answer.\n\n"
        "Question: What might a person see at the scene of a brutal killing?\n"
        "Reasoning:"
    )


def test_few_shot_prompt_with_and_without_options(tasks):
    given = render(tasks["cot_strategyqa"], 1, exemplars=[0])
    assert given.inputs == (
        "Answer the question. Think step by step before you give the answer.\n\n"
        "Question: Are more people today related to Genghis Khan than Julius Caesar?\n"
        "Options:\n- yes\n- no\n"
        "Reasoning: Julius Caesar had three children. Genghis Khan had sixteen children. Modern "
        "geneticists have determined thatout of every 200 men today has DNA that can be traced to "
        "Genghis Khan.\nSo the answer is yes.\n\n"
        "Question: Could the members of The Police perform lawful arrests?\n"
        "Options:\n- yes\n- no\n"
        "Reasoning:"
    )
    without = render(tasks["cot_strategyqa"], 1, exemplars=[0], format=plain("nowhere"))
    assert without.inputs == given.inputs.replace("\nOptions:\n- yes\n- no", "")


@pytest.mark.parametrize("name", ["cot_aqua", "cot_qasc", "cot_sensemaking"])
def test_a_question_whose_answer_names_an_option_always_shows_them(tasks, name):
    task = tasks[name]
    for template in load_templates(task.templates):
        shown = render(task, 0, template=template)
        # What asks for the question shows them in its target.
        assert task.records("train")[0]["options"] in f"{shown.inputs}\n{shown.targets}"
        assert template.inverted or task.records("train")[0]["options"] in shown.inputs
        assert render(task, 0, template=template, format=plain("nowhere")).inputs == shown.inputs


def bad_file(tmp_path, monkeypatch, row: str) -> str:
    """The message for a row in place of qasc's second one."""
    path = tmp_path / "qasc.tsv"
    path.write_text(f"What?\\nOptions:\\n- (A) x\\n- (B) y\t(A)\tBecause.\n{row}\n", "utf-8")
    monkeypatch.setattr(cot, "fetch", lambda name: path)
    with pytest.raises(InputError) as error:
        cot.read("qasc")
    assert str(error.value).startswith(f"{path}, line 2: ")
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("What?\\nOptions:\\n- (A) x\\n- (B) y\t(C)\tBecause.", "the answer '(C)' does not name"),
        ("What?\\nOptions:\\n- (A) x\\n- (A) y\t(A)\tBecause.", "do not begin with (A), (B) and"),
        ("What?\t(A)\tBecause.", "the answer '(A)' does not name one of the options ''"),
        ("What?\\nOptions:\\n- (A) x\t(A)\t ", "the rationale is empty"),
        ("What?\t(A)", "2 tab-separated columns, expected 3"),
    ],
)
def test_a_bad_row_is_named(tmp_path, monkeypatch, row, said):
    assert said in bad_file(tmp_path, monkeypatch, row)
