"""The chain-of-thought source reads every row of the real files, and leaves out what it must."""

import re

import pytest
from rendering import assert_renders

from flanrepro.collection import Mixture, load_templates, render
from flanrepro.collection.formats import plain
from flanrepro.errors import InputError
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
        "answer": "(C)",
        "rationale": "1/7:1/7:1/14 = 2:2:1\n1/5*5600 = 1120\n2240-1120 = 1120",
        "options": "(A) 300\n(B) 992\n(C) 1120\n(D) 552\n(E) 312",
        "choices": "(A) 300\n(B) 992\n(C) 1120\n(D) 552\n(E) 312",
    },
    "cot_creak": {
        "question": 'Claim: "Only people named Floyd wearing pink are allowed to attend Pink Floyd '
        'concerts."\nIs the claim above correct, and can it be verified by human common sense and '
        "without a web search?",
        "answer": "no",
        "rationale": "The rock group would not be as popular is they had such requirements for "
        "their concerts.",
        "options": "yes\nno",
    },
    "cot_ecqa": {
        "question": "What might a person see at the scene of a brutal killing?",
        "answer": "bloody mess",
        "rationale": "Bloody mess is covered or stained with blood. A person might see a bloody "
        "mess at the scene of a brutal killing.",
        "options": "bloody mess\npleasure\nbeing imprisoned\nfeeling of guilt\ncake",
    },
    "cot_gsm8k": {
        "question": "Natalia sold clips to 48 of her friends in April, and then she sold half as "
        "many clips in May. How many clips did Natalia sell altogether in April and May?",
        "answer": "72",
        "rationale": "Natalia sold 48 / 2 = 24 clips in May. Natalia sold 48 + 24 = 72 clips "
        "altogether in April and May.",
    },
    "cot_qasc": {
        "question": "What is the process by which living things give rise to offspring?",
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
        "answer": "Sentence A",
        "rationale": "Orange juice does not taste good on cereal.",
        "options": 'Sentence A: "He poured orange juice on his cereal."\n'
        'Sentence B: "He poured milk on his cereal."',
        "choices": 'Sentence A: "He poured orange juice on his cereal."\n'
        'Sentence B: "He poured milk on his cereal."',
    },
    "cot_strategyqa": {
        "question": "Are more people today related to Genghis Khan than Julius Caesar?",
        "answer": "yes",
        "rationale": "Julius Caesar had three children. Genghis Khan had sixteen children. Modern "
        "geneticists have determined thatout of every 200 men today has DNA that can be traced to "
        "Genghis Khan.",
        "options": "yes\nno",
    },
}


@pytest.fixture
def tasks(mirror, monkeypatch):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    return {task.name: task for task in cot.tasks() if task.name in SIZES}


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


@pytest.mark.parametrize("name", SIZES)
def test_every_row_of_every_file_renders_with_every_template(tasks, name):
    assert assert_renders(tasks[name]) == SIZES[name]


@pytest.mark.parametrize("name", ["cot", "cot_choice", "esnli_cot", "qed_cot"])
def test_targets_give_the_rationale_and_then_the_answer(name):
    templates = load_templates(name)
    regular = [template for template in templates if not template.inverted]
    assert len(regular) == 7
    for template in regular:
        assert template.targets.endswith("the answer is {answer}.")
        assert "{rationale}" in template.targets


@pytest.mark.parametrize("name", ["cot", "cot_choice", "esnli_cot", "qed_cot"])
def test_inverted_templates_are_the_permutations_of_figure_7(name):
    letters = {"question": "Q", "premise": "Q", "hypothesis": "Q", "answer": "A", "rationale": "E"}

    def named(pattern):
        return "".join(
            sorted({letters.get(field, "") for field in re.findall(r"{(\w+)}", pattern)})
        )

    inverted = [template for template in load_templates(name) if template.inverted]
    assert {(named(t.inputs), named(t.targets)) for t in inverted} == {
        ("AQ", "E"),
        ("EQ", "A"),
        ("AE", "Q"),
        ("E", "AQ"),
        ("A", "EQ"),
        ("Q", "A"),
    }
    assert len(inverted) == 6


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
        assert task.records("train")[0]["options"] in shown.inputs
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
