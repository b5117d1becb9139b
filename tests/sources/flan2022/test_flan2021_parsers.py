"""Layouts of FLAN 2021's original files: sibling files that the mirror lacks, and bad input."""

import json

import pytest

from flanrepro.errors import InputError
from flanrepro.sources.flan2022 import flan2021

MAYBE = "it is not possible to tell"
NLI_OPTIONS = f"yes\n{MAYBE}\nno"


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Writes files, then reads the first as a task's."""
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path))
    # The manifest knows some of these names, with other content.
    monkeypatch.setattr("flanrepro.raw.files.manifest", dict)
    tasks = {task.name: task for task in flan2021.tasks()}

    def reader(name, files):
        for path, content in files.items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        key, task = " ".join(files), tasks[name]
        split = next(split for split, paths in task.dataset.files.items() if key in paths)
        return task.reader.read(task.dataset, split, key)

    return reader


def one_line(row):
    return json.dumps(row) + "\n"


ANLI = {"uid": "1", "context": "a", "hypothesis": "b", "label": "c", "reason": "d"}
SUPERGLUE_BOOLQ = {"question": "is it", "passage": "It is.", "idx": 0, "label": True}
SNLI = {"gold_label": "neutral", "sentence1": "a", "sentence2": "b", "annotator_labels": []}
SCIENCE = "What is it? \\n (A) An ant. (B) A lion (big).\tA lion (big).\n"
SQUAD_QA = {"id": "1", "question": "Who?", "answers": [{"text": "I", "answer_start": 0}]}
RECORD = {
    "passage": {
        "text": "Ada met Bob in Ada.\n@highlight\nThey met.",
        "entities": [{"start": 0, "end": 2}, {"start": 8, "end": 10}, {"start": 15, "end": 17}],
    },
    "qas": [{"query": "Who met? @placeholder", "answers": [{"text": "Ada"}, {"text": "Bob"}]}],
}
STORY = ",".join(
    [
        "InputStoryid",
        *(f"InputSentence{n}" for n in range(1, 5)),
        "RandomFifthSentenceQuiz1",
        "RandomFifthSentenceQuiz2",
        "AnswerRightEnding",
    ]
)

SIBLINGS = {
    "ANLI's own": (
        "anli_r1",
        {"anli/R1/train.jsonl": one_line(ANLI)},
        {"premise": "a", "hypothesis": "b", "answer": "no", "options": NLI_OPTIONS},
    ),
    "ANLI's test sets in one": (
        "anli_r2",
        {
            "anli/test.jsonl": "".join(
                one_line({"premise": tag, "hypothesis": "b", "label": "neutral", "tag": tag})
                for tag in ("r1_test", "r2_test")
            )
        },
        {"premise": "r2_test", "hypothesis": "b", "answer": MAYBE, "options": NLI_OPTIONS},
    ),
    "SNLI's own, with a pair without label": (
        "snli",
        {"snli/snli_1.0_train.jsonl": one_line(SNLI) + one_line({**SNLI, "gold_label": "-"})},
        {"premise": "a", "hypothesis": "b", "answer": MAYBE, "options": NLI_OPTIONS},
    ),
    "GLUE's MNLI": (
        "mnli_mismatched",
        {"mnli/dev_mismatched.tsv": 'index\tsentence1\tsentence2\tgold_label\n0\t"a\tb\tneutral\n'},
        {"premise": '"a', "hypothesis": "b", "answer": MAYBE, "options": NLI_OPTIONS},
    ),
    "SuperGLUE's BoolQ": (
        "bool_q",
        {"boolq/val.jsonl": one_line(SUPERGLUE_BOOLQ)},
        {"question": "is it", "passage": "It is.", "answer": "yes", "options": "no\nyes"},
    ),
    "SuperGLUE's ReCoRD": (
        "record",
        {"record/val.jsonl": one_line(RECORD)},
        {
            "passage": "Ada met Bob in Ada.",
            "query": "Who met? @placeholder",
            "answer": "Ada",
            "references": '["Ada", "Bob"]',
            "options": "Ada\nBob",
        },
    ),
    "SuperGLUE's COPA": (
        "copa",
        {
            "copa/train.jsonl": one_line(
                {"premise": "a", "choice1": "b", "choice2": "c", "question": "cause", "label": 1}
            )
        },
        {"premise": "a", "relation": "cause", "answer": "c", "options": "b\nc"},
    ),
    "UnifiedQA's": (
        "unified_qa_science_inst",
        {"ai2_science_middle/train.tsv": SCIENCE},
        {
            "question": "What is it?",
            "answer": "A lion (big).",
            "options": "An ant.\nA lion (big).",
        },
    ),
    "SQuAD 1.1": (
        "squad_v1",
        {
            "squad/dev-v1.1.json": json.dumps(
                {"data": [{"title": "t", "paragraphs": [{"context": "I am.", "qas": [SQUAD_QA]}]}]}
            )
        },
        {
            "title": "t",
            "passage": "I am.",
            "question": "Who?",
            "answer": "I",
            "references": '["I"]',
        },
    ),
    "PIQA's two files": (
        "piqa",
        {
            "piqa/train.jsonl": one_line({"goal": "a", "sol1": "b\nb", "sol2": "c"}),
            "piqa/train-labels.lst": "0\n",
        },
        {"goal": "a", "answer": "b b", "options": "b b\nc"},
    ),
    "Story Cloze": (
        "story_cloze",
        {"story_cloze/cloze_test_val__spring2016.csv": f"{STORY}\n1,A.,B.,C.,D.,E.,F.,2\n"},
        {"context": "A. B. C. D.", "answer": "F.", "options": "E.\nF."},
    ),
    "GLUE's STS-B": (
        "stsb",
        {"stsb/dev.tsv": "index\tsentence1\tsentence2\tscore\n0\ta\tb\t3.800\n"},
        {"sentence1": "a", "sentence2": "b", "answer": "4", "options": "0\n1\n2\n3\n4\n5"},
    ),
}


@pytest.mark.parametrize("name, files, record", SIBLINGS.values(), ids=SIBLINGS)
def test_sibling_files_are_read(read, name, files, record):
    assert read(name, files) == [record]


PAIR = {"premise": "a", "hypothesis": "b", "label": "entailment"}
BLANK = {"sentence": "_", "option1": "a", "option2": "b"}
COSMOS = "context,question,answer0,answer1,answer2,answer3,label\na,b,c,d,e,f,4\n"
UNLABELLED = {"question": {"stem": "a", "choices": [{"text": "b"}]}, "answerKey": "A"}
NEWS = "Class Index,Title,Description\n"

BAD = [
    ("rte", "rte/train.jsonl", one_line({**PAIR, "label": "maybe"}), "line 1"),
    ("rte", "rte/train.jsonl", one_line({"premise": "a", "label": 0}), "'hypothesis'"),
    ("rte", "rte/train.jsonl", one_line(PAIR) + one_line({**PAIR, "premise": " "}), "line 2"),
    ("rte", "rte/train.jsonl", "", "holds no record"),
    ("rte", "rte/train.jsonl", b'{"premise": "a"}\n{"premise": "caf\xe9"}\n', "line 2: not UTF-8"),
    ("rte", "rte/train.jsonl", "{}\n[1]\n", "line 2"),
    ("snli", "snli/dev.jsonl", one_line({**PAIR, "label": 3}), "line 1"),
    ("snli", "snli/dev.jsonl", one_line({"premise": "a", "label": 0}), "'hypothesis'"),
    ("anli_r1", "anli/test.jsonl", one_line({**PAIR, "tag": "x"}), "line 1"),
    ("bool_q", "boolq/olora_train.json", '[{"sentence": "a", "label": "True"}]', "record 1"),
    ("bool_q", "boolq/olora_train.json", '[{"sentence": "a"}]', "'label'"),
    ("sst2", "sst2/stsa.binary.train", "1 good\n2 odd\n", "line 2"),
    ("sst2", "sst2/stsa.binary.train", "1 good\nbad\n", "line 2"),
    ("sst2", "sst2/stsa.binary.train", "1 good\n\n1 good", "line 2"),
    ("trec", "trec/test.txt", "NUM:dist How far ?\nODD:x What ?\n", "line 2"),
    ("cola", "cola/dev.tsv", "gj04\t1\t\tFine.\ngj04\t1\tFine.\n", "line 2"),
    ("glue_mrpc", "mrpc/train.tsv", "Quality\t#1 String\n1\ta\n", "'sentence2'"),
    ("ag_news_subset", "ag_news/test.csv", f"{NEWS}1,a,b\n0,a,b\n", "line 3"),
    ("ag_news_subset", "ag_news/test.csv", "Class Index,Title\n1,a\n", "line 2"),
    ("cosmos_qa", "cosmosqa/train.csv", COSMOS, "line 2"),
    (
        "yelp_polarity_reviews",
        "yelp/olora_dev.json",
        '[{"sentence": "Text: a", "label": 9}]',
        "'9'",
    ),
    ("imdb_reviews", "imdb/olora_train.json", '[{"sentence": "a", "label": "Fair"}]', "'Fair'"),
    ("winogrande", "winogrande/dev.jsonl", one_line({**BLANK, "answer": "3"}), "line 1"),
    ("arc_easy", "arc/ARC-Easy-Train.jsonl", one_line(UNLABELLED), "line 1"),
    ("multirc", "multirc/train.jsonl", '{"passage": {"text": "a"}}', "line 1"),
    ("squad_v2", "squad_v2/train-v2.0.json", '{"data": [\n', "line 2"),
    ("squad_v2", "squad_v2/train-v2.0.json", '{"data": [{"title": "a"}]}', "'paragraphs'"),
    ("stsb", "stsb/train.tsv", "sentence1\tsentence2\tscore\na\tb\tx\n", "line 2"),
]


@pytest.mark.parametrize("name, path, content, said", BAD)
def test_bad_input_is_one_sentence_with_file_and_place(read, tmp_path, name, path, content, said):
    with pytest.raises(InputError) as error:
        read(name, {path: content})
    sentence = str(error.value)
    assert str(tmp_path / path) in sentence and said in sentence
    assert "\n" not in sentence
    assert "mend" in sentence or "replace" in sentence


def test_labels_of_piqa_are_as_many_as_its_questions(read):
    row = one_line({"goal": "a", "sol1": "b", "sol2": "c"})
    with pytest.raises(InputError, match=r"labels\.lst has 1 lines and .*jsonl 2"):
        read("piqa", {"piqa/train.jsonl": row * 2, "piqa/train-labels.lst": "0\n"})
