"""e-SNLI and QED: every file reads in full, in the authors' layouts and the Flan Collection's."""

import json

import pytest
from rendering import assert_renders

from flanrepro.collection import render
from flanrepro.errors import InputError
from flanrepro.raw import files as data_files
from flanrepro.sources.flan2022 import cot

OPTIONS = "yes\nit is not possible to tell\nno"
PAIR = {
    "premise": 'A sign reads "closed" , and "no entry" .',
    "hypothesis": 'The sign says "closed" .',
}


@pytest.fixture
def tasks(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    return {task.name: task for task in cot.tasks() if task.dataset}


@pytest.fixture
def own(monkeypatch, tmp_path):
    """A function that writes a file of a mirror and gives its task."""
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    tasks = {task.name: task for task in cot.tasks()}
    # Other files under the names of those that the manifest has checksums of.
    monkeypatch.setattr(data_files, "manifest", dict)

    def write(files: dict[str, str]):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text, "utf-8")
        return tasks["cot_esnli" if "esnli" in next(iter(files)) else "cot_qed"]

    return write


def test_esnli_has_a_record_for_every_line(tasks, mirror):
    for split, end in {"validation": "dev", "test": "test"}.items():
        lines = (mirror / f"esnli/labels.{end}").read_bytes().split()
        assert len(tasks["cot_esnli"].records(split)) == len(lines)
        answers = [record["answer"] for record in tasks["cot_esnli"].records(split)]
        assert answers.count("yes") == lines.count(b"entailment")
        assert answers.count("no") == lines.count(b"contradiction")
    assert [len(tasks["cot_esnli"].records(s)) for s in ("validation", "test")] == [9842, 9824]


def test_esnli_is_not_trained_on_its_validation_pairs(tasks):
    said = tasks["cot_esnli"].missing("train")
    assert "has no flan_cot/esnli_train.tsv or esnli/esnli_train_1.csv and esnli/" in said
    with pytest.raises(InputError, match=r"task 'cot_esnli', split 'train': the mirror"):
        tasks["cot_esnli"].records("train")


def test_qed_has_a_record_for_every_answer_that_stands_in_one_sentence(tasks, mirror):
    rows = []
    for path in sorted(mirror.glob("qed/nq-train-*")):
        rows += map(json.loads, path.read_text("utf-8").removesuffix("\n").split("\n"))
    assert len(rows) == 7167
    usable = [r for r in rows if r["answer_type"] == "single_sentence" and any(r["answer_text"])]
    records = tasks["cot_qed"].records("train")
    assert len(records) == len(usable) == 5156
    for row, record in zip(usable, records, strict=True):
        assert record["question"] == row["question_text"].strip()
        assert record["rationale"] in record["passage"]
        for text in row["answer_text"]:
            shown = text.replace("\ufeff", "").lstrip(" .,")
            assert shown in record["answer"]
            assert shown in record["rationale"]
    assert len(tasks["cot_qed"].records("validation")) == 1021


@pytest.mark.parametrize(
    ("task", "split", "records"),
    [
        pytest.param("cot_esnli", "validation", 9842, marks=pytest.mark.slow),
        pytest.param("cot_esnli", "test", 9824, marks=pytest.mark.slow),
        pytest.param("cot_qed", "train", 5156, marks=pytest.mark.slow),
        ("cot_qed", "validation", 1021),
    ],
)
def test_every_record_renders_with_every_template(tasks, task, split, records):
    assert assert_renders(tasks[task], split) == records


def test_esnli_golden(tasks):
    task = tasks["cot_esnli"]
    assert task.records("validation")[1] == {
        "premise": "Two women are embracing while holding to go packages .",
        "hypothesis": "Two woman are holding packages .",
        "asked": "Premise: Two women are embracing while holding to go packages .\n"
        'Is it true that "Two woman are holding packages ."?',
        "answer": "yes",
        "options": OPTIONS,
        "rationale": "saying the two women are holding packages is a way to paraphrase that the "
        "packages they are holding are to go packages .",
    }
    prompt = render(task, 1, split="validation")
    assert prompt.inputs == (
        "Does the premise make the hypothesis true? Think step by step before you give the "
        "answer.\n\n"
        "Premise: Two women are embracing while holding to go packages .\n"
        "Hypothesis: Two woman are holding packages .\n"
        "Options:\n- yes\n- it is not possible to tell\n- no\n"
        "Reasoning:"
    )
    assert prompt.targets == (
        "saying the two women are holding packages is a way to paraphrase that the packages they "
        "are holding are to go packages .\nSo the answer is yes."
    )


def test_qed_golden(tasks):
    passage = (
        "Webbed toes\nWebbed toes is the common name for syndactyly affecting the feet . It is "
        "characterised by the fusion of two or more digits of the feet . This is normal in many "
        "birds , such as ducks ; amphibians , such as frogs ; and mammals , such as kangaroos . In "
        "humans it is considered unusual , occurring in approximately one in 2,000 to 2,500 live "
        "births ."
    )
    assert tasks["cot_qed"].records("train")[0] == {
        "passage": passage,
        "question": "what is the medical term for webbed toes",
        "asked": f"what is the medical term for webbed toes\n\n{passage}",
        "answer": "syndactyly affecting the feet",
        "rationale": "Webbed toes is the common name for syndactyly affecting the feet .",
    }
    prompt = render(tasks["cot_qed"], 0)
    assert prompt.inputs == (
        "Find the sentence of the passage that answers the question, then give the answer.\n\n"
        f"Passage: {passage}\nQuestion: what is the medical term for webbed toes\nSentence:"
    )
    assert prompt.targets == (
        "Webbed toes is the common name for syndactyly affecting the feet .\n"
        "So the answer is syndactyly affecting the feet."
    )


@pytest.mark.parametrize(
    "question",
    [
        'Premise: "{premise}"\\nBased on this premise, can we conclude that the hypothesis '
        '"{hypothesis}" is true?',
        'Premise: "{premise}"\\nHypothesis: "{hypothesis}"\\nIs the hypothesis entailed by the '
        "premise?",
        'If "{premise}" does that mean that "{hypothesis}"?',
        'Given the sentence "{premise}" is it true that "{hypothesis}"?',
        'Given the sentence "{premise}" can we conclude that "{hypothesis}"?',
        'Can we conclude from "{premise}" that "{hypothesis}"?',
    ],
)
def test_the_flan_file_of_esnli_gives_the_two_sentences_back(own, question):
    options = "\\nOptions:\\n- yes\\n- no\\n- it is not possible to tell"
    line = question.format(**PAIR) + options + "\tyes\tIt does.\n"
    task = own({"flan_cot/esnli_train.tsv": line})
    asked = f'Premise: {PAIR["premise"]}\nIs it true that "{PAIR["hypothesis"]}"?'
    rest = {"answer": "yes", "options": OPTIONS, "rationale": "It does."}
    assert list(task.records("train")) == [{**PAIR, "asked": asked, **rest}]


def test_an_unknown_wording_of_the_flan_file_reads_by_its_quotation_marks(own):
    line = 'Knowing "Dogs run." would you say "Animals move."?\tyes\tDogs are animals.\n'
    (record,) = own({"flan_cot/esnli_train.tsv": line}).records("train")
    assert (record["premise"], record["hypothesis"]) == ("Dogs run.", "Animals move.")


@pytest.mark.parametrize(
    "asked",
    [
        "Passage: It rains. It is wet.\\nQuestion: what is wet",
        "Question: what is wet\\nPassage: It rains. It is wet.",
        "It rains. It is wet.\\n\\nwhat is wet",
        "It rains. It is wet. what is wet",
    ],
)
def test_the_flan_file_of_qed_gives_passage_and_question(own, asked):
    task = own({"flan_cot/qed_train.tsv": f"{asked}\tIt\tIt is wet.\n"})
    (record,) = task.records("train")
    assert record["question"] == "what is wet"
    assert record["passage"].startswith("It rains. It is wet")
    assert (record["answer"], record["rationale"]) == ("It", "It is wet.")


def test_the_authors_untokenised_files_come_first_and_rows_without_a_label_go(own):
    head = "pairID,gold_label,Sentence1,Sentence2,Explanation_1,Explanation_2,Explanation_3\n"
    lines = {f"esnli/{name}.dev": "old\n" for name in ("s1", "s2")}
    lines |= {"esnli/labels.dev": "neutral\n"}
    lines |= {f"esnli/preproc1_expl_{i}.dev": "old\n" for i in (1, 2, 3)}
    rows = 'a,contradiction,"He said ""no"".",He left.,,"Why, {so}.",\nb,-,x,y,z,,\n'
    task = own({**lines, "esnli/esnli_dev.csv": head + rows})
    assert list(task.records("validation")) == [
        {
            "premise": 'He said "no".',
            "hypothesis": "He left.",
            "asked": 'Premise: He said "no".\nIs it true that "He left."?',
            "answer": "no",
            "options": OPTIONS,
            "rationale": "Why, {so}.",
        }
    ]


def test_qed_reads_from_a_copy_of_the_hubs_folder(own, mirror, tmp_path):
    import pyarrow
    import pyarrow.parquet

    lines = (mirror / "qed/qed-dev.jsonlines").read_text("utf-8").split("\n")[1000:1060]
    rows = list(map(json.loads, lines))
    usable = [r for r in rows if r["annotation"]["explanation_type"] == "single_sentence"]
    for row in usable:  # columns of two types, which the Hub has made one of
        del row["annotation"]["referential_equalities"]
        for answer in row["annotation"]["answer"]:
            del answer["sentence_reference"]
    named = [{"question": row.pop("question_text"), **row} for row in rows]
    folder = tmp_path / "hub/google-research-datasets/qed/qed/validation"
    folder.mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(named), folder / "0000.parquet")
    records = list(own({"qed/none": ""}).records("validation"))
    assert 0 < len(usable) < len(rows)
    expected = [row["annotation"]["selected_sentence"]["string"].strip() for row in usable]
    assert [record["rationale"] for record in records] == expected


LINES = ("s1", "s2", "labels", "preproc1_expl_1", "preproc1_expl_2", "preproc1_expl_3")


@pytest.mark.parametrize(
    ("files", "split", "said"),
    [
        (
            {f"esnli/{n}.dev": "neutral\n" * (1 + (n == "s2")) for n in LINES},
            "validation",
            "s2.dev: 2 lines, but s1.dev has 1; both have a line for every pair",
        ),
        (
            {f"esnli/{n}.dev": "x\n" for n in LINES},
            "validation",
            "s1.dev, line 1: the label 'x' is none of entailment, neutral, contradiction",
        ),
        (
            {"esnli/esnli_dev.csv": "a,b\n1,2\n"},
            "validation",
            "esnli_dev.csv, line 2: the row is not as expected (KeyError: 'label')",
        ),
        (
            {"flan_cot/esnli_train.tsv": "Is it so?\tyes\tYes.\n"},
            "train",
            "esnli_train.tsv, line 1: expected a premise and a hypothesis in quotation marks",
        ),
        (
            {"flan_cot/qed_train.tsv": "Is it so?\tyes\n"},
            "train",
            "qed_train.tsv, line 1: 2 tab-separated columns, expected 3",
        ),
        (
            {"qed/qed-dev.jsonlines": '{"question_text": "q"}\n'},
            "validation",
            "qed-dev.jsonlines, line 1: the row is not as expected (KeyError",
        ),
        ({"qed/qed-dev.jsonlines": ""}, "validation", "qed-dev.jsonlines holds no record"),
    ],
)
def test_bad_files_are_a_sentence(own, files, split, said):
    with pytest.raises(InputError) as error:
        own(files).records(split)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
