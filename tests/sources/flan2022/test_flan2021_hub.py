"""Folders in the Hub's layout, made of original files, give the same records through `datasets`."""

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flanrepro.sources.flan2022 import flan2021


def json_lines(path):
    return [json.loads(line) for line in path.read_text().strip("\n").split("\n")]


def csv_rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def boolq(path):
    return [{k: row[k] for k in ("question", "answer", "passage")} for row in json_lines(path)]


def arc(path):
    return [
        {
            "id": row["id"],
            "question": row["question"]["stem"],
            "choices": {k: [c[k] for c in row["question"]["choices"]] for k in ("text", "label")},
            "answerKey": row["answerKey"],
        }
        for row in json_lines(path)
    ]


def anli(path):
    return [
        {
            "uid": row["uid"],
            "premise": row["context"],
            "hypothesis": row["statement"],
            "label": "enc".index(row["gold_label"]),
            "reason": row["reason"],
        }
        for row in csv_rows(path)
    ]


def multirc(path):
    return [
        {
            "paragraph": row["passage"]["text"],
            "question": question["question"],
            "answer": answer["text"],
            "idx": {"paragraph": row["idx"], "question": question["idx"], "answer": answer["idx"]},
            "label": answer["label"],
        }
        for row in json_lines(path)
        for question in row["passage"]["questions"]
        for answer in question["answers"]
    ]


def squad(path):
    return [
        {
            "id": qa["id"],
            "title": article["title"],
            "context": paragraph["context"],
            "question": qa["question"],
            "answers": {k: [a[k] for a in qa["answers"]] for k in ("text", "answer_start")},
        }
        for article in json.loads(path.read_text())["data"]
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]


def ag_news(path):
    names = {"Title": "title", "Description": "description"}
    return [
        {"label": int(row["Class Index"]), **{new: row[old] for old, new in names.items()}}
        for row in csv_rows(path)
    ]


def cosmos_qa(path):
    return [{**row, "label": int(row["label"])} for row in csv_rows(path)]


def snli(path):
    """With a pair more on which the annotators do not agree."""
    names = ("entailment", "neutral", "contradiction")
    rows = [{**row, "label": names.index(row["label"])} for row in json_lines(path)]
    return [*rows, {**rows[0], "label": -1}]


# (task, the original file): how the Hub makes rows of it, and where it has them.
HUB = {
    ("bool_q", "boolq/dev.jsonl"): (boolq, "google/boolq", "default", "validation"),
    ("arc_easy", "arc/ARC-Easy-Dev.jsonl"): (arc, "allenai/ai2_arc", "ARC-Easy", "validation"),
    ("arc_challenge", "arc/ARC-Challenge-Test.jsonl"): (
        arc,
        "allenai/ai2_arc",
        "ARC-Challenge",
        "test",
    ),
    ("anli_r3", "anli/ANLI_analysis_r3_dev.csv"): (anli, "facebook/anli", "plain_text", "dev_r3"),
    ("multirc", "multirc/val.jsonl"): (multirc, "aps/super_glue", "multirc", "validation"),
    ("squad_v2", "squad_v2/dev-v2.0.json"): (
        squad,
        "rajpurkar/squad_v2",
        "squad_v2",
        "validation",
    ),
    ("ag_news_subset", "ag_news/test.csv"): (ag_news, "sh0416/ag_news", "default", "test"),
    ("cosmos_qa", "cosmosqa/valid.csv"): (cosmos_qa, "allenai/cosmos_qa", "default", "validation"),
    ("snli", "snli/dev.jsonl"): (snli, "stanfordnlp/snli", "plain_text", "validation"),
}


def write_folder(folder, config, split, rows, converted):
    """Parquet files with a card that says where they are; the Hub's own copy has no card."""
    name = f"{config}/{split}{'/0000' if converted else '-00000-of-00001'}.parquet"
    (folder / name).parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / name)
    if not converted:
        files = f"  data_files:\n  - split: {split}\n    path: {name}\n"
        (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: {config}\n{files}---\n")


@pytest.mark.parametrize("name, path", HUB)
def test_the_hubs_schema_gives_the_same_records(mirror, tmp_path, monkeypatch, name, path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    make_rows, identity, config, split = HUB[name, path]
    task = {task.name: task for task in flan2021.tasks()}[name]
    ours = next(ours for ours, paths in task.dataset.files.items() if path in paths)
    original = task.reader.read(task.dataset, ours, path)
    rows = make_rows(mirror / path)
    converted = task.dataset.hub.revision == "refs/convert/parquet"
    write_folder(tmp_path / "hub" / identity, config, split, rows, converted)
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path))
    assert task.dataset.splits[ours]["hub"] == split
    assert list(task.records(ours)) == original
