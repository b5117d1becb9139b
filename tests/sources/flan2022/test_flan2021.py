"""FLAN 2021's data sets: all tasks of the list, and every file of the mirror in full."""

import csv
from collections import Counter

import pytest
from rendering import named_fields

from flanrepro.collection.suites import HELD_IN
from flanrepro.sources.flan2022 import flan2021

MAYBE = "it is not possible to tell"

# (task, split, file): the number of records that the data's own README gives.
FILES = {
    ("ag_news_subset", "test", "ag_news/test.csv"): 7600,
    ("ag_news_subset", "train", "ag_news/olora_train.json"): 4000,
    ("anli_r1", "validation", "anli/ANLI_analysis_r1_dev.csv"): 1000,
    ("anli_r2", "validation", "anli/ANLI_analysis_r2_dev.csv"): 1000,
    ("anli_r3", "validation", "anli/ANLI_analysis_r3_dev.csv"): 1198,
    ("arc_challenge", "test", "arc/ARC-Challenge-Test.jsonl"): 1172,
    ("arc_challenge", "train", "arc/llm_adapters_arc_challenge_train.json"): 1119,
    ("arc_challenge", "validation", "arc/ARC-Challenge-Dev.jsonl"): 299,
    ("arc_easy", "test", "arc/ARC-Easy-Test.jsonl"): 2376,
    ("arc_easy", "train", "arc/arc_easy_train.json"): 2251,
    ("arc_easy", "validation", "arc/ARC-Easy-Dev.jsonl"): 570,
    ("bool_q", "train", "boolq/olora_train.json"): 2000,
    ("bool_q", "validation", "boolq/dev.jsonl"): 3270,
    ("cb", "train", "cb/train.jsonl"): 250,
    ("cb", "validation", "cb/val.jsonl"): 56,
    ("cola", "train", "cola/train.tsv"): 8551,
    ("cola", "validation", "cola/dev.tsv"): 1043,
    ("cosmos_qa", "validation", "cosmosqa/valid.csv"): 2985,
    ("e2e_nlg", "validation", "e2e_nlg/devset.csv"): 4672,
    ("glue_mrpc", "train", "mrpc/train.tsv"): 3668,
    ("glue_mrpc", "validation", "mrpc/dev.tsv"): 408,
    ("glue_qqp", "train", "qqp/olora_train.json"): 2000,
    ("glue_qqp", "validation", "qqp/olora_dev.json"): 7600,
    ("imdb_reviews", "train", "imdb/olora_train.json"): 2000,
    ("mnli_matched", "train", "mnli/olora_train.json"): 3000,
    ("mnli_matched", "validation", "mnli/dev.jsonl"): 9815,
    ("mnli_mismatched", "train", "mnli/olora_train.json"): 3000,
    ("multirc", "train", "multirc/olora_train.json"): 2000,
    ("multirc", "validation", "multirc/val.jsonl"): 4848,
    ("natural_questions", "efficientqa", "nq_open/NQ-open.efficientqa.dev.1.1.jsonl"): 1800,
    ("natural_questions", "validation", "nq_open/NQ-open.dev.jsonl"): 3610,
    ("openbookqa", "test", "openbookqa/test.jsonl"): 500,
    ("openbookqa", "train", "openbookqa/train.jsonl"): 4957,
    ("openbookqa", "validation", "openbookqa/dev.jsonl"): 500,
    ("rte", "train", "rte/train.jsonl"): 2490,
    ("rte", "validation", "rte/val.jsonl"): 277,
    ("snli", "validation", "snli/dev.jsonl"): 9842,
    ("squad_v2", "validation", "squad_v2/dev-v2.0.json"): 6078,
    ("sst2", "test", "sst2/stsa.binary.test"): 1821,
    ("sst2", "train", "sst2/stsa.binary.train"): 6920,
    ("sst2", "validation", "sst2/stsa.binary.dev"): 872,
    ("trec", "test", "trec/test.txt"): 500,
    ("trec", "train", "trec/train.txt"): 5452,
    (
        "unified_qa_science_inst",
        "train",
        "ai2_science_middle/AI2-8thGr-NDMC-Feb2016-Train.jsonl",
    ): 293,
    (
        "unified_qa_science_inst",
        "validation",
        "ai2_science_middle/AI2-8thGr-NDMC-Feb2016-Dev.jsonl",
    ): 65,
    ("wic", "train", "wic/olora_train.json"): 2000,
    ("wic", "validation", "wic/val.jsonl"): 638,
    ("winogrande", "validation", "winogrande/llm_adapters_test.json"): 1267,
    ("wsc", "train", "wsc/train.jsonl"): 32,
    ("wsc", "validation", "wsc/val.jsonl"): 104,
    # Of 5,000 reviews the 982 of the middle class have no place in two classes.
    ("yelp_polarity_reviews", "train", "yelp/olora_train.json"): 5000 - 982,
}

GOLDEN = {
    ("bool_q", "boolq/dev.jsonl", 2644): {
        "question": "are they going to make a punisher season 2",
        "passage": "The season is set for release in 2019.",
        "answer": "yes",
        "options": "no\nyes",
    },
    ("arc_easy", "arc/ARC-Easy-Dev.jsonl", 424): {
        "question": "One example of matter is",
        "answer": "water",
        "options": "magnetism\nheat\nwater\nradiation",
    },
    ("arc_challenge", "arc/ARC-Challenge-Test.jsonl", 385): {
        "question": "If the force used to push a shopping cart increases, the cart's acceleration "
        "will",
        "answer": "increase",
        "options": "decrease\nincrease\nremain the same",
    },
    ("arc_challenge", "arc/ARC-Challenge-Dev.jsonl", 210): {
        "question": "Which of the following organs is NOT situated in the abdomen?",
        "answer": "heart",
        "options": "liver\nkidney\nstomach\nbladder\nheart",
    },
    ("unified_qa_science_inst", "ai2_science_middle/AI2-8thGr-NDMC-Feb2016-Dev.jsonl", 0): {
        "question": "Running to escape danger is an action that requires the nervous system to "
        "coordinate the interaction of which two body systems?",
        "answer": "muscular and skeletal",
        "options": "digestive and endocrine\nmuscular and skeletal\nreproductive and excretory\n"
        "circulatory and digestive",
    },
    ("rte", "rte/train.jsonl", 0): {
        "premise": "No Weapons of Mass Destruction Found in Iraq Yet.",
        "hypothesis": "Weapons of Mass Destruction Found in Iraq.",
        "answer": "no",
        "options": "yes\nno",
    },
    ("anli_r2", "anli/ANLI_analysis_r2_dev.csv", 0): {
        "premise": "Clear Hearts Grey Flowers is the second full-length and final album by Jack "
        "Off Jill. Produced by Chris Vrenna of Nine Inch Nails/Tweaker, it was released in July "
        '2000 on the now-defunct label Risk Records. After "Clear Hearts, Grey Flowers" the band '
        "formally split up and moved on to establish other projects.",
        "hypothesis": "Risk Records released Jack Off Jill's initial album.",
        "answer": MAYBE,
        "options": f"yes\n{MAYBE}\nno",
    },
    ("squad_v2", "squad_v2/dev-v2.0.json", 409): {
        "title": "Computational complexity theory",
        "passage": "Of course, some complexity classes have complicated definitions that do not "
        "fit into this framework. Thus, a typical complexity class has a definition like the "
        "following:",
        "question": "What has complicated definitions that prevent classification into a "
        "framework?",
        "answer": "complexity classes",
        "references": '["complexity classes", "some complexity classes"]',
    },
    ("cosmos_qa", "cosmosqa/valid.csv", 383): {
        "passage": "I ran in relays . The 4 x 400 and sometimes the 4 x 100 and 4 x 800 . Races "
        "are so much more fun when they include others .",
        "question": "Why might I believe the races are more fun if they include others ?",
        "answer": "Because races are social events , and including others adds more social aspects "
        "to it .",
        "options": "Because races are isolated events , and including others add more isolation to "
        "it .\nNone of the above choices .\nBecause races are social events , and including "
        "others adds more social aspects to it .\nBecause races are isolated events , and "
        "including others add more social aspects to it .",
    },
    ("wsc", "wsc/train.jsonl", 1): {
        "text": "The city councilmen refused the demonstrators a permit because *they* advocated "
        "violence.",
        "pronoun": "they",
        "noun": "The demonstrators",
        "answer": "yes",
        "options": "no\nyes",
    },
    ("wic", "wic/val.jsonl", 1): {
        "word": "stripe",
        "sentence1": "Businessmen of every stripe joined in opposition to the proposal.",
        "sentence2": "They earned their stripes in Kuwait.",
        "answer": "no",
        "options": "no\nyes",
    },
    ("trec", "trec/test.txt", 0): {
        "question": "How far is it from Denver to Aspen ?",
        "answer": "numeric",
        "options": "description\nentity\nabbreviation\nhuman\nnumeric\nlocation",
    },
    ("winogrande", "winogrande/llm_adapters_test.json", 2): {
        "sentence": "They were worried the wine would ruin the bed and the blanket, but the _ "
        "was't ruined.",
        "answer": "bed",
        "options": "blanket\nbed",
    },
    ("ag_news_subset", "ag_news/test.csv", 0): {
        "text": "Fears for T N pension after talks Unions representing workers at Turner   Newall "
        "say they are 'disappointed' after talks with stricken parent firm Federal Mogul.",
        "title": "Fears for T N pension after talks",
        "body": "Unions representing workers at Turner   Newall say they are 'disappointed' after "
        "talks with stricken parent firm Federal Mogul.",
        "answer": "Business",
        "options": "World\nSports\nBusiness\nScience/Tech",
    },
    ("e2e_nlg", "e2e_nlg/devset.csv", 0): {
        "data": "name[Alimentum], area[city centre], familyFriendly[no]",
        "answer": "There is a place in the city centre, Alimentum, that is not family-friendly.",
    },
    ("natural_questions", "nq_open/NQ-open.dev.jsonl", 1): {
        "question": "who wrote he ain't heavy he's my brother lyrics?",
        "answer": "Bobby Scott",
        "references": '["Bobby Scott", "Bob Russell"]',
    },
}


@pytest.fixture
def tasks():
    return {task.name: task for task in flan2021.tasks()}


@pytest.fixture(autouse=True)
def places(mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))


def test_every_name_of_the_list_is_a_task_and_no_other(mirror, tasks):
    with (mirror / "flan_collection/flan_collection_info.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if "FLAN" in row["Source"]]
    listed = Counter(
        row["Dataset"] for row in rows if not row["Specific Task Category"].startswith("Inverted ")
    )
    assert listed.pop("mnli") == 2
    assert set(listed.values()) == {1} and len(listed) == 70
    assert set(tasks) == {*listed, "mnli_matched", "mnli_mismatched"}


def test_twelve_clusters(tasks):
    assert len({task.cluster for task in tasks.values()}) == 12
    assert all(task.licence and task.citation for task in tasks.values())
    assert all(task.dataset.hub or task.dataset.manual for task in tasks.values())


def test_the_held_in_tasks_have_training_and_validation_sets_of_the_published_sizes(tasks):
    sizes = {
        name: (tasks[name].splits["train"], tasks[name].splits["validation"]) for name in HELD_IN
    }
    assert sizes == {
        "bool_q": (9427, 3270),
        "arc_easy": (2251, 570),
        "arc_challenge": (1119, 299),
        "unified_qa_science_inst": (293, 65),
        "anli_r1": (16946, 1000),
        "anli_r2": (45460, 1000),
        "anli_r3": (100459, 1200),
        "rte": (2490, 277),
    }


def test_the_table_of_files_is_complete(mirror, tasks):
    folders = {path.split("/")[0] for _, _, path in FILES}
    there = {
        str(path.relative_to(mirror)) for folder in folders for path in (mirror / folder).iterdir()
    }
    assert there - {path for _, _, path in FILES} == {"ag_news/classes.txt"}


@pytest.mark.parametrize("name, split, path", FILES)
def test_every_file_is_read_in_full(tasks, name, split, path):
    task = tasks[name]
    records = task.reader.read(task.dataset, split, path)
    assert len(records) == FILES[name, split, path]
    named = {"answer", *named_fields(task)}
    for record in records:
        assert named <= set(record)
        assert all(text.strip() for text in record.values())
        if "options" in record:
            assert record["answer"] in record["options"].split("\n")


def test_splits_are_had_from_the_mirror_by_name(tasks):
    assert len(tasks["rte"].records("train")) == 2490
    assert len(tasks["anli_r3"].records("validation")) == 1198
    assert tasks["bool_q"].missing("validation") == ""
    assert "cs.rochester.edu" in tasks["story_cloze"].missing("train")


def test_labels_are_the_files_own(mirror, tasks):
    task = tasks["anli_r3"]
    with (mirror / "anli/ANLI_analysis_r3_dev.csv").open(newline="") as stream:
        labels = [row["gold_label"] for row in csv.DictReader(stream)]
    words = {"e": "yes", "n": MAYBE, "c": "no"}
    answers = [record["answer"] for record in task.records("validation")]
    assert answers == [words[label] for label in labels]


@pytest.mark.parametrize("name, path, n", GOLDEN)
def test_golden_records(tasks, name, path, n):
    task = tasks[name]
    split = next(split for split, paths in task.dataset.files.items() if path in paths)
    assert task.reader.read(task.dataset, split, path)[n] == GOLDEN[name, path, n]
