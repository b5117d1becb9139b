"""A row that is broken is one sentence with its place, whichever reader it meets: another type than
expected, a sign of the layout within a text, an answer in another notation, a value that is lost.

`ci/chaos/records.py` breaks every layout at random; here is one row for each kind that it found.
"""

import json

import pytest

from flanrepro.errors import InputError
from flanrepro.raw.reader import file_names
from flanrepro.sources import load_collection
from flanrepro.sources.flan2022 import bbh, cot_suite, mmlu


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Writes files, then reads the first as a task's."""
    every = load_collection("flan2022").every_task
    suites = (*cot_suite.suite().tasks, *bbh.tasks(), *mmlu.tasks())
    tasks = {**every, **{task.name: task for task in suites}}
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path))
    monkeypatch.setattr("flanrepro.raw.files.manifest", dict)

    def reader(name, files):
        for path, content in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            text = content if isinstance(content, str) else json.dumps(content)
            (tmp_path / path).write_text(text, encoding="utf-8", newline="")
        task = tasks[name]
        if task.dataset is None:
            split = "validation" if "validation" in task.splits else "train"
            return task.load(split)
        found = ((split, key) for split, keys in task.dataset.files.items() for key in keys)
        split, key = next(one for one in found if file_names(one[1]) == list(files))
        return task.reader.read(task.dataset, split, key)

    return reader


REPAIR = {
    "code_lines": [{"code": "a", "indent": 0}],
    "gold_code_lines": [{"code": "b", "indent": 0}],
}
QED = {"question": "q", "paragraph_text": "A dog.", "answer_type": "single_sentence"}
QED |= {"annotation": [], "answer_spans": [[0, 5]], "sentence_starts": [0]}
CHOICES = [{"label": "A", "text": "a"}, {"label": "B", "text": "b"}]
COSMOS = "context,question,answer0,answer1,answer2,answer3,label"
TWICE = {"text": ["a", "b"], "label": ["A", "A"]}
ARC = "Please choose the correct answer to the question: q\n\nAnswer1: "
BBH = "canary\n-----\nDo.\n\nQ: a\nA: Let's think step by step.\nb So the answer is "
STEM = {"stem": "s", "choices": CHOICES}

BROKEN = {
    "a text for a list": ("squad_v1", {"squad/dev-v1.1.json": {"data": "abc"}}, "expected a list"),
    "an article for a paragraph": (
        "squad_v1",
        {"squad/dev-v1.1.json": {"data": [{"title": "t", "paragraphs": {}}]}},
        "article 1: the column 'paragraphs' holds a dict, expected a list of objects",
    ),
    "a question without an answer": (
        "squad_v1",
        {
            "squad/dev-v1.1.json": {
                "data": [
                    {
                        "title": "t",
                        "paragraphs": [
                            {"context": "c", "qas": [{"id": "7", "question": "q", "answers": []}]}
                        ],
                    }
                ]
            }
        },
        "article 1: the row is not as expected (ValueError: the question '7' has no answer)",
    ),
    "digits that Python does not read": (
        "squad_v1",
        {"squad/dev-v1.1.json": '{"data": ' + "1" * 5000 + "}"},
        "line 1: a number of more than 4,300 digits",
    ),
    "a topic whose turns are a text": (
        "trec_cast",
        {"trec_cast/2020.json": [{"number": 1, "turn": "what"}]},
        "record 1: the column 'turn' holds 'what', expected a list of objects",
    ),
    "an utterance that is a number": (
        "trec_cast",
        {"trec_cast/2020.json": [{"number": 1, "turn": [{"raw_utterance": 3}]}]},
        "turn 1: the column 'raw_utterance' holds '3', expected a text",
    ),
    "a span that is not in the passage": (
        "cot_qed",
        {"qed/qed-train.jsonlines": {**QED, "answer_spans": [[0, 99]]}},
        "line 1: an answer's span, '0' to '99', is not in the passage of 6 characters",
    ),
    "a type of explanation that is unknown": (
        "cot_qed",
        {"qed/qed-train.jsonlines": {**QED, "answer_type": "single"}},
        "line 1: the type of explanation 'single' is none of single_sentence",
    ),
    "a context that is a text": (
        "qrecc",
        {"qrecc/qrecc_train.json": [{"Context": "ab", "Question": "q", "Answer": "a"}]},
        "record 1: the column 'Context' holds 'ab', expected a list of texts",
    ),
    "an answer that is lost": (
        "qrecc",
        {"qrecc/qrecc_train.json": [{"Context": [], "Question": "q"}]},
        "record 1: there is no column 'Answer'",
    ),
    "an indent of a billion": (
        "dr_repair_plain_code",
        {"dr_repair/train.jsonl": {**REPAIR, "code_lines": [{"code": "a", "indent": 10**9}]}},
        "line 1: an indent in 'code_lines' is '1000000000', expected 0 to 100",
    ),
    "a task of no split": (
        "mbpp",
        {"mbpp/mbpp.jsonl": {"task_id": "701", "text": "t", "code": "c", "test_list": []}},
        "line 1: task_id is '701', expected 1 to 974",
    ),
    "a score that no float holds": (
        "stsb",
        {"stsb/train.tsv": "sentence1\tsentence2\tscore\na\tb\t" + "9" * 400},
        "line 2: the similarity '9999",
    ),
    "a text that is no number": (
        "rte",
        {"rte/train.jsonl": '{"premise": NaN, "hypothesis": "b", "label": 0}'},
        "line 1: no value for the field 'premise' (column 'premise' holds NoneType",
    ),
    "an answer that is NaN": (
        "gsm8k",
        {"gsm8k/test.jsonl": {"question": "q", "answer": "a #### NaN"}},
        "line 1: the answer ' NaN' is no number",
    ),
    "an answer that names no choice": (
        "commonsenseqa",
        {"commonsenseqa/dev_rand_split.jsonl": {"answerKey": "1", "question": STEM}},
        "line 1: the answer '1' does not name one of 2 choices",
    ),
    "an answer that is neither yes nor no": (
        "strategyqa",
        {"strategyqa/dev.json": [{"question": "q", "answer": "perhaps", "facts": ["f"]}]},
        "record 1: the answer 'perhaps' is none of true, yes, false, no",
    ),
    "an answer by index, its labels letters": (
        "arc_easy",
        {"arc/ARC-Easy-Train.jsonl": {"question": STEM, "answerKey": 0}},
        "line 1: no value for the field 'answer' ('0' in column 'answerKey' is none of A, B)",
    ),
    "an answer by letter, its labels numbers": (
        "cosmos_qa",
        {"cosmosqa/train.csv": f"{COSMOS}\na,b,c,d,e,f,A"},
        "line 2: no value for the field 'answer' ('A' in column 'label' is none of 0, 1, 2, 3)",
    ),
    "two texts under one label": (
        "arc_easy",
        {"arc/arc_easy_train.json": [
            {"question": "q", "choices": TWICE, "answerKey": "A"}
        ]},
        "record 1: no value for the field 'answer' ('A' in column 'answerKey' is several of A, A)",
    ),
    "a letter of an option in the question": (
        "unified_qa_science_inst",
        {"ai2_science_middle/train.tsv": "Is vitamin (C) good? \\n (A) yes (B) no\tyes"},
        "line 1: the options' letters are C, A, B, expected A, B and so on",
    ),
    "an option's number in an option": (
        "arc_challenge",
        {"arc/llm_adapters_arc_challenge_train.json": [
            {
                "instruction": f"{ARC}a Answer2: b Answer3: c\n\nAnswer format: answer1/answer2",
                "answer": "answer2",
            }
        ]},
        "record 1: the row is not as expected (ValueError: options are answer1, answer2, answer3",
    ),
    "the options' line twice": (
        "cot_ecqa",
        {"flan_cot/ecqa_train.tsv": "q\\nOptions:\\n- a\\nOptions:\\n- a\ta\tb"},
        "line 1: expected options once",
    ),
    "an option that has two lines": (
        "cot_ecqa",
        {"flan_cot/ecqa_train.tsv": "q\\nOptions:\\n- a\\nb\\n- c\tc\tb"},
        "line 1: expected options once",
    ),
    "options whose letters have a gap": (
        "cot_aqua",
        {"flan_cot/aqua_train.tsv": "q\\nOptions:\\n(A) a\\n(C) b\t(A)\tc"},
        "line 1: the options '(A) a, (C) b' do not begin with (A), (B)",
    ),
    "options whose line is damaged": (
        "cot_creak",
        {"flan_cot/creak_train.tsv": "q\\nOption:\\n- yes\\n- no\tyes\tc"},
        "line 1: options without a line 'Options:'",
    ),
    "an answer twice": (
        "bbh_navigate",
        {"bbh/cot-prompts/navigate.txt": f"{BBH}c. So the answer is d."},
        "example 1: 'So the answer is' is there 2 times",
    ),
    "a worked example in the description": (
        "bbh_navigate",
        {"bbh/cot-prompts/navigate.txt": BBH.replace("\nQ: ", "\nX: ") + BBH[17:] + "c."},
        "expected a line of dashes, a description and worked examples",
    ),
    "a marker twice": (
        "task_master",
        {"taskmaster/train.tsv": "<U>a<C><S><U>b<C><A>c\t[A]d\te"},
        "line 1: the marker <C> is there twice",
    ),
    "a text behind a marker that has none": (
        "task_master",
        {"taskmaster/train.tsv": "<U>a<C><S>b<A>c\t[A]d\te"},
        "line 1: expected a turn behind the marker S, found 'b'",
    ),
    "a label without its finer half": (
        "trec",
        {"trec/train.txt": "NUM How far ?"},
        "line 1: the row is not as expected (ValueError: the label 'NUM' is not of the form",
    ),
    "an element of no problem": (
        "asdiv",
        {"asdiv/ASDiv.xml": "<a><ProblemSet><Problm/></ProblemSet></a>"},
        "unknown element 'Problm'",
    ),
    "an id that only one file has": (
        "pubmedqa",
        {"pubmedqa/ori_pqal.json": {}, "pubmedqa/test_ground_truth.json": {"1": "yes"}},
        "test_ground_truth.json: the id '1' is not in",
    ),
    "no line": ("cot_gsm8k", {"flan_cot/gsm8k_train.tsv": ""}, "holds no record"),
    "no record": ("commonsenseqa", {"commonsenseqa/dev_rand_split.jsonl": ""}, "holds no record"),
}  # fmt: skip


@pytest.mark.parametrize("name, files, said", BROKEN.values(), ids=BROKEN)
def test_a_broken_row_is_one_sentence(read, tmp_path, name, files, said):
    with pytest.raises(InputError) as error:
        read(name, files)
    assert str(tmp_path) in str(error.value)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_copies_of_strategyqa_may_have_words_for_its_answers(read):
    rows = [{"question": "q", "answer": text, "facts": ["f"]} for text in (True, "False", "no")]
    found = read("strategyqa", {"strategyqa/dev.json": rows})
    assert [record["answer"] for record in found] == ["yes", "no", "no"]


def test_a_label_that_a_table_wrote_as_a_float_is_the_whole_number(read):
    row = {"premise": "a", "hypothesis": "b", "label": 1.0}
    (record,) = read("rte", {"rte/train.jsonl": row})
    assert record["answer"] == "no"


def test_a_bracket_of_the_other_kind_is_text(read):
    text = "<U>see [A] and [U]<C><S><A>hi\t[A]yes <U>\tc"
    (record,) = read("task_master", {"taskmaster/train.tsv": text})
    assert record["dialogue"] == "Assistant: hi\nUser: see [A] and [U]"
    assert record["answer"] == "yes <U>"


@pytest.mark.parametrize("answer", [2, "C", " C", "2", 2.0])
def test_mmlus_answer_is_a_letter_or_an_index(answer):
    row = {"question": "q", "subject": "anatomy", "choices": list("wxyz"), "answer": answer}
    assert mmlu.mmlu(row)[0]["answer"] == "C"


@pytest.mark.parametrize("answer", ["E", 4, -1, 1.5, True, None, "", "two"])
def test_an_answer_of_mmlu_that_is_neither_is_a_sentence(answer):
    row = {"question": "q", "subject": "anatomy", "choices": list("wxyz"), "answer": answer}
    with pytest.raises(InputError, match="is none of 0, 1, 2, 3, A, B, C, D"):
        mmlu.mmlu(row)
