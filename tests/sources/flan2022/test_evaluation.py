"""Targets of single-task finetuning and other data sets that are never trained on."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rendering import assert_renders

from flanrepro.collection import render
from flanrepro.collection.formats import plain
from flanrepro.errors import InputError
from flanrepro.sources.flan2022 import evaluation

COUNTS = {
    "wanli": {"train": 100},
    "condaqa": {"train": 45, "validation": 1110},
    "pubmedqa": {"train": 500, "test": 500},
    "wsc273": {"test": 273},
    "dbpedia_14_original": {"test": 7600},
}


COUNCILMEN = (
    "The city councilmen refused the demonstrators a permit because the city councilmen feared "
    "violence.",
    "The city councilmen refused the demonstrators a permit because the demonstrators feared "
    "violence.",
)


@pytest.fixture(autouse=True)
def places(mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    return tmp_path


def tasks():
    return {task.name: task for task in evaluation.tasks()}


@pytest.mark.parametrize("name", COUNTS)
def test_files_are_read_whole(name):
    task = tasks()[name]
    assert {split: len(task.records(split)) for split in COUNTS[name]} == COUNTS[name]


def test_condaqas_parts_of_the_test_set_are_disjoint_and_all_read(mirror):
    parts = sorted((mirror / "condaqa").glob("conda_fewshot_test_*.json"))
    rows = [line for part in parts for line in part.read_text("utf-8").split("\n") if line]
    keys = [(json.loads(row)["QuestionID"], json.loads(row)["sentence1"]) for row in rows]
    assert len(parts) == 4
    assert len(tasks()["condaqa"].records("test")) == len(rows) == 5790
    assert len(set(keys)) > 5700


def test_records_and_prompts():
    made = tasks()
    assert made["wsc273"].records("test")[0] == {
        "answer": COUNCILMEN[0],
        "options": "\n".join(COUNCILMEN),
        "choices": "\n".join(COUNCILMEN),
    }
    hidden = render(made["wsc273"], 0, split="test", format=plain("nowhere"))
    assert hidden.inputs.count("refused the demonstrators a permit") == 2
    assert made["dbpedia_14_original"].records("test")[0]["answer"] == "Office Holder"
    assert made["wanli"].records("train")[0]["answer"] == "yes"
    answers = {record["answer"] for record in made["condaqa"].records("validation")}
    assert {"YES", "NO", "DON'T KNOW"} < answers
    prompt = render(made["pubmedqa"], 0, split="test")
    assert prompt.inputs.endswith("\nOptions:\n- yes\n- no\n- maybe")
    assert prompt.targets in ("yes", "no", "maybe")


def test_every_record_renders_with_every_template():
    made = tasks()
    for name, splits in COUNTS.items():
        for split, rows in splits.items():
            assert assert_renders(made[name], split) == rows


def test_a_prompt_of_condaqa():
    task = tasks()["condaqa"]
    assert task.records("validation")[691] == {
        "passage": "The following lost and fragmentary plays have vague dates, and are arranged in "
        "English alphabetical order.",
        "question": "If one wanted the precise date of a fragmentary play, could one find it on "
        "this list?",
        "answer": "NO",
    }
    prompt = render(task, 691, split="validation", exemplars=(21,))
    assert prompt.inputs == (
        "Answer the question with YES, NO, DON'T KNOW or words of the passage.\n\n"
        "During the joint session of Congress for the counting of the electoral vote on February "
        "12, 1873, five states had objections that were raised regarding their results. These "
        "objections affected the outcome of the election, unlike the objections that would be "
        "raised in 1877.\n\n"
        "Question: Without knowing exactly who was running in 1877, but with the knowledge that "
        "American presidents are more likely than not to win a second term, could a reader of this "
        "passage think that the five states that objected in 1873 were more motivated to do so in "
        "1877, since they would feel that they should have had their favored candidate in the more "
        "advantageous position of the incumbent?\nAnswer: NO\n\n"
        "The following lost and fragmentary plays have vague dates, and are arranged in English "
        "alphabetical order.\n\n"
        "Question: If one wanted the precise date of a fragmentary play, could one find it on this "
        "list?\nAnswer:"
    )
    assert prompt.targets == "NO"


def test_a_prompt_of_pubmedqa():
    task = tasks()["pubmedqa"]
    assert task.records("test")[113] == {
        "passage": "Using polymerase chain reaction techniques, we evaluated the presence of HPV "
        "infection in human breast milk collected from 21 HPV-positive and 11 HPV-negative "
        "mothers.\nOf the 32 studied human milk specimens, no 'high-risk' HPV 16, 18, 31, 33, 35, "
        "39, 45, 51, 52, 56, 58 or 58 DNA was detected.",
        "question": "Can 'high-risk' human papillomaviruses (HPVs) be detected in human breast "
        "milk?",
        "answer": "no",
        "options": "yes\nno\nmaybe",
    }
    prompt = render(task, 113, split="test", exemplars=(148,))
    assert prompt.inputs == (
        "Answer the question about the abstract.\n\n"
        "To report an uncommon association of prostate and lung cancer.\nThe characteristics of "
        "both tumors, their association with tumors in other sites and the time of presentation "
        "are analyzed.\nBoth tumors were in the advanced stages. Metastatic carcinoma of the "
        "prostate was discarded due to the form of presentation.\n\n"
        "Question: Prostatic syndrome and pleural effusion: are they different diseases?\n"
        "Options:\n- yes\n- no\n- maybe\nAnswer: maybe\n\n"
        "Using polymerase chain reaction techniques, we evaluated the presence of HPV infection in "
        "human breast milk collected from 21 HPV-positive and 11 HPV-negative mothers.\nOf the 32 "
        "studied human milk specimens, no 'high-risk' HPV 16, 18, 31, 33, 35, 39, 45, 51, 52, 56, "
        "58 or 58 DNA was detected.\n\n"
        "Question: Can 'high-risk' human papillomaviruses (HPVs) be detected in human breast "
        "milk?\nOptions:\n- yes\n- no\n- maybe\nAnswer:"
    )
    assert prompt.targets == "no"


def test_pubmedqas_test_split_is_that_of_its_authors(mirror):
    truth = json.loads((mirror / "pubmedqa/test_ground_truth.json").read_text())
    questions = json.loads((mirror / "pubmedqa/ori_pqal.json").read_text())
    expected = sorted((questions[pmid]["QUESTION"], answer) for pmid, answer in truth.items())
    found = [(r["question"], r["answer"]) for r in tasks()["pubmedqa"].records("test")]
    assert sorted(found) == sorted((q.strip(), a) for q, a in expected)


def test_pubmedqas_hub_layout_gives_the_same_training_records(mirror, places, monkeypatch):
    original = tasks()["pubmedqa"].records("train")
    questions = json.loads((mirror / "pubmedqa/ori_pqal.json").read_text())
    rows = [
        {
            "pubid": int(pmid),
            "question": row["QUESTION"],
            "context": {"contexts": row["CONTEXTS"], "labels": row["LABELS"]},
            "long_answer": row["LONG_ANSWER"],
            "final_decision": row["final_decision"],
        }
        for pmid, row in questions.items()
    ]
    folder = places / "hub_mirror" / "hub" / "qiaojin" / "PubMedQA"
    (folder / "pqa_labeled").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "pqa_labeled/train-00000-of-00001.parquet")
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: pqa_labeled\n  data_files:\n  - split: train\n"
        "    path: pqa_labeled/train-*\n---\n"
    )
    monkeypatch.setenv("FLANREPRO_MIRROR", str(places / "hub_mirror"))
    with pytest.raises(InputError, match=r"no file 'pubmedqa/test_ground_truth.json'"):
        tasks()["pubmedqa"].records("train")
    (places / "hub_mirror/pubmedqa").mkdir()
    shutil.copy(mirror / "pubmedqa/test_ground_truth.json", places / "hub_mirror/pubmedqa")
    assert list(tasks()["pubmedqa"].records("train")) == list(original)


def test_wsc273s_hub_layout_gives_the_same_records():
    row = {
        "text": "The city councilmen refused the demonstrators a permit because they feared "
        "violence.",
        "pronoun": "they",
        "pronoun_loc": 63,
        "options": ["The city councilmen", "The demonstrators"],
        "label": 0,
    }
    assert evaluation.wsc273_row(row) == [tasks()["wsc273"].records("test")[0]]


@pytest.mark.parametrize(
    ("text", "pronoun", "options", "sentences"),
    [
        ("The woman held the girl against her will.", "her", ["The woman", "The girl"],
         "The woman held the girl against the woman's will.\n"
         "The woman held the girl against the girl's will."),
        ("The fish ate the worm. It was tasty.", "It", ["The fish", "The worm"],
         "The fish ate the worm. The fish was tasty.\nThe fish ate the worm. The worm was tasty."),
        ("Ann asked Mary because she knew.", "she", ["Ann", "Mary"],
         "Ann asked Mary because Ann knew.\nAnn asked Mary because Mary knew."),
    ],
)  # fmt: skip
def test_the_hubs_noun_phrases_take_the_pronouns_form(text, pronoun, options, sentences):
    row = {"text": text, "pronoun": pronoun, "options": options, "label": 1}
    row["pronoun_loc"] = text.index(f" {pronoun} ") + 1
    assert evaluation.wsc273_row(row)[0]["options"] == sentences


def test_no_sentence_of_wsc273_has_a_gap_before_its_stop():
    assert not any(" ." in record["options"] for record in tasks()["wsc273"].records("test"))


def test_crisscrossed_captions_need_cocos_texts(mirror, places, monkeypatch):
    assert "captions_val2014.json" in tasks()["cxc"].missing("test")
    folder = places / "with_captions" / "cxc"
    folder.mkdir(parents=True)
    lines = (mirror / "cxc/sts_val.csv").read_text().split("\n")[:51]
    (folder / "sts_val.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr("flanrepro.raw.files.manifest", dict)
    numbers = {n for _, *pair, _ in evaluation.cxc_pairs(folder / "sts_val.csv") for n in pair}
    captions = [{"id": int(n), "caption": f"A picture of {n}."} for n in numbers]
    (folder / "captions.json").write_text(json.dumps({"annotations": captions}))
    monkeypatch.setenv("FLANREPRO_MIRROR", str(folder.parent))
    records = tasks()["cxc"].records("validation")
    assert len(records) == 50
    assert records[0] == {
        "sentence1": "A picture of 190268.",
        "sentence2": "A picture of 315773.",
        "answer": "1",
        "options": "0\n1\n2\n3\n4\n5",
    }


@pytest.mark.parametrize(
    ("name", "split", "file", "content", "said"),
    [
        ("wanli", "test", "wanli/test.jsonl", '{"premise": "p", "hypothesis": "h", "gold": "x"}',
         "line 1: .*'x' in column 'gold' is none of entailment"),
        ("mednli", "test", "mednli/mli_test_v1.jsonl", '{"sentence1": "p"}', "no column 'sentence"),
        ("condaqa", "train", "condaqa/condaqa_train.json", '{"sentence1": "", "sentence2": "q"}',
         "column 'sentence1' is empty"),
        ("wsc273", "test", "wsc273/winograd_wsc.jsonl",
         '{"context_options": ["x a", "x b"], "continuation": "c", "gold": 2}',
         "line 1: the label '2' is none of 0 to 1"),
        ("wsc273", "test", "wsc273/winograd_wsc.jsonl",
         '{"context_options": ["x a", "x b"], "continuation": "c", "gold": "first"}',
         "the label 'first' is none of 0 to 1"),
        ("wsc273", "test", "wsc273/winograd_wsc.jsonl",
         '{"context_options": "a", "continuation": "c", "gold": 0}', "expected a list of texts"),
        ("condaqa", "validation", "condaqa/condaqa_dev.json", "a,b", "line 1: not JSON"),
        ("wanli", "train", "wanli/train.jsonl", '{"premise": "p"}', "no column 'hypothesis'"),
        ("dbpedia_14_original", "test", "dbpedia/olora_dev.json",
         '[{"sentence": "Title: a\\nText: b", "label": "City"}]', "record 1: 'City' is no class"),
        ("dbpedia_14_original", "test", "dbpedia/olora_dev.json", "[]", "holds no record"),
    ],
)  # fmt: skip
def test_bad_rows_are_one_sentence(places, monkeypatch, name, split, file, content, said):
    path = places / "bad" / file
    path.parent.mkdir(parents=True)
    path.write_text(content + "\n")
    monkeypatch.setenv("FLANREPRO_MIRROR", str(places / "bad"))
    monkeypatch.setattr("flanrepro.raw.files.manifest", dict)
    with pytest.raises(InputError, match=said):
        tasks()[name].records(split)


GOOD = {"QUESTION": "q", "CONTEXTS": ["a"], "LONG_ANSWER": "l", "final_decision": "yes"}


@pytest.mark.parametrize(
    ("content", "truth", "said"),
    [
        (b"", {"1": "yes"}, "line 1: not JSON"),
        (b'{"1": {"QUESTION": "\xe9"}}', {"1": "yes"}, "line 1: not UTF-8"),
        ({"1": {"QUESTION": "q"}}, {"1": "yes"}, "id 1: expected QUESTION, CONTEXTS and"),
        ({"1": 3}, {"1": "yes"}, "id 1: expected QUESTION, CONTEXTS and"),
        ({"1": GOOD}, {"1": "no"}, "id 1: the decision is 'yes', and 'no' in"),
        ({"1": GOOD | {"final_decision": "so"}}, {"1": "so"}, "'so' is none of yes, no, maybe"),
        ({"1": GOOD | {"CONTEXTS": "a"}}, {"1": "yes"}, "holds 'a', expected a list of texts"),
        ({"1": GOOD}, {"2": "yes"}, "the id '2' is not in"),
    ],
)
def test_a_bad_file_of_pubmedqa_is_one_sentence(tmp_path, monkeypatch, content, truth, said):
    folder = tmp_path / "bad" / "pubmedqa"
    folder.mkdir(parents=True)
    content = content if isinstance(content, bytes) else json.dumps(content).encode()
    (folder / "ori_pqal.json").write_bytes(content)
    (folder / "test_ground_truth.json").write_text(json.dumps(truth))
    monkeypatch.setenv("FLANREPRO_MIRROR", str(folder.parent))
    monkeypatch.setattr("flanrepro.raw.files.manifest", dict)
    with pytest.raises(InputError, match=said) as error:
        tasks()["pubmedqa"].records("test")
    assert "ori_pqal.json" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("pairs", "captions", "said"),
    [
        ("caption1,caption2,agg_score\nsentid:1,sentid:2,1", {"annotations": [{"id": 1}]},
         "captions.json: expected a list of objects with id and caption"),
        ("caption1,caption2,agg_score\nsentid:1,sentid:2,1", {"annotations": 1},
         "captions.json: expected a list of objects with id and caption"),
        ("caption1,caption2,agg_score\nsentid:1,sentid:2,1", {"annotations": []},
         "line 2: .*captions.json has no caption '1'"),
        ("one,two\n1,2", {"annotations": []}, "line 2: expected caption1, caption2 and a number"),
        ("caption1,caption2,agg_score\na,b", {"annotations": []}, "line 2: the row has not just"),
        ("", {"annotations": []}, "sts_test.csv holds no record"),
    ],
)  # fmt: skip
def test_bad_pairs_of_captions_are_one_sentence(tmp_path, monkeypatch, pairs, captions, said):
    folder = tmp_path / "bad" / "cxc"
    folder.mkdir(parents=True)
    (folder / "sts_test.csv").write_text(pairs)
    (folder / "captions.json").write_text(json.dumps(captions))
    monkeypatch.setenv("FLANREPRO_MIRROR", str(folder.parent))
    monkeypatch.setattr("flanrepro.raw.files.manifest", dict)
    with pytest.raises(InputError, match=said):
        tasks()["cxc"].records("test")


def test_a_score_out_of_range_is_one_sentence(tmp_path):
    path = tmp_path / "sts.csv"
    path.write_text("caption1,caption2,agg_score\nsentid:1,sentid:2,5.5\n")
    with pytest.raises(InputError, match=r"line 2: the score is 5.5, expected 0 to 5"):
        list(evaluation.cxc_pairs(path))


def test_what_may_not_be_passed_on_is_read_where_the_user_put_it(places, monkeypatch):
    assert "physionet.org" in tasks()["mednli"].missing("train")
    path = places / "own" / "mednli" / "mli_train_v1.jsonl"
    path.parent.mkdir(parents=True)
    row = {"sentence1": "p", "sentence2": "h", "gold_label": "contradiction"}
    path.write_text(json.dumps(row) + "\n")
    monkeypatch.setenv("FLANREPRO_MIRROR", str(places / "own"))
    assert tasks()["mednli"].records("train")[0]["answer"] == "no"
    shutil.rmtree(path.parent)
