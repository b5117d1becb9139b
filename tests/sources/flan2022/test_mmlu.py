"""MMLU: all 57 subjects whole, from original files and from the Hub's layout."""

import csv
import shutil
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flanrepro.collection import render
from flanrepro.collection.suites import suite_items
from flanrepro.errors import InputError
from flanrepro.sources.flan2022 import mmlu


@pytest.fixture(autouse=True)
def places(mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    mmlu.tasks.cache_clear()
    yield tmp_path
    mmlu.tasks.cache_clear()


def tasks():
    return {task.name: task for task in mmlu.tasks()}


def test_every_subject_is_read_whole(mirror):
    counts = {"exemplars": 0, "test": 0}
    for name, task in tasks().items():
        for split, folder in {"exemplars": "dev", "test": "test"}.items():
            file = mirror / "mmlu" / folder / f"{name.removeprefix('mmlu_')}_{folder}.csv"
            with file.open(newline="", encoding="utf-8") as stream:
                rows = list(csv.reader(stream))
            records = task.records(split)
            assert len(records) == len(rows) == task.splits[split]
            for record, row in zip(records, rows, strict=True):
                assert record["question"] == row[0].strip().replace("\ufeff", "")
                assert record["answer"] == row[5]
                assert record["options"].split("\n") == [" ".join(c.split()) for c in row[1:5]]
            counts[split] += len(rows)
    assert counts == {"exemplars": 285, "test": 14042}
    assert sum(task.splits["validation"] for task in tasks().values()) == 1531


def test_a_prompt_is_as_in_the_published_evaluation():
    prompt = render(tasks()["mmlu_abstract_algebra"], 0, split="test", exemplars=(0,))
    assert prompt.inputs == (
        "The following are multiple choice questions (with answers) about abstract algebra.\n\n"
        "Find all c in Z_3 such that Z_3[x]/(x^2 + c) is a field.\n"
        "A. 0\nB. 1\nC. 2\nD. 3\nAnswer: B\n\n"
        "Find the degree for the given field extension Q(sqrt(2), sqrt(3), sqrt(18)) over Q.\n"
        "A. 0\nB. 4\nC. 2\nD. 6\nAnswer:"
    )
    assert prompt.targets == "B"


def test_five_shots_are_the_development_questions_in_their_order():
    for item in suite_items(mmlu.suite(), 5, 1):
        assert item.prompt.exemplars == (0, 1, 2, 3, 4)
        assert item.choices == ("A", "B", "C", "D")
        assert item.choices[item.right] == item.prompt.targets


def test_categories_are_the_release_s():
    sizes = Counter(task.cluster for task in mmlu.tasks())
    assert sizes == {"STEM": 18, "humanities": 13, "social sciences": 12, "other": 14}


def test_the_hubs_layout_gives_the_same_records(mirror, places, monkeypatch):
    task = tasks()["mmlu_anatomy"]
    original = list(task.records("test"))
    with (mirror / "mmlu/test/anatomy_test.csv").open(newline="", encoding="utf-8") as stream:
        rows = [
            {
                "question": row[0],
                "subject": "anatomy",
                "choices": row[1:5],
                "answer": "ABCD".index(row[5]),
            }
            for row in csv.reader(stream)
        ]
    folder = places / "hub_mirror" / "hub" / "cais" / "mmlu"
    (folder / "anatomy").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "anatomy" / "test-00000-of-00001.parquet")
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: anatomy\n  data_files:\n  - split: test\n"
        "    path: anatomy/test-*\n---\n"
    )
    monkeypatch.setenv("FLANREPRO_MIRROR", str(places / "hub_mirror"))
    mmlu.tasks.cache_clear()
    assert list(tasks()["mmlu_anatomy"].records("test")) == original


def test_a_validation_file_of_the_original_release_reads_too(mirror, places, monkeypatch):
    target = places / "other" / "mmlu" / "val" / "anatomy_val.csv"
    target.parent.mkdir(parents=True)
    shutil.copy(mirror / "mmlu" / "dev" / "anatomy_dev.csv", target)
    monkeypatch.setenv("FLANREPRO_MIRROR", str(places / "other"))
    mmlu.tasks.cache_clear()
    assert len(tasks()["mmlu_anatomy"].records("validation")) == 5


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no record"),
        (b"q,a,b,c,d,E\n", "line 1: expected a question, four choices and a letter from A to D"),
        (b"q,a,b,c,d\n", "line 1: expected a question, four choices"),
        (b"q,a,b,c,d,A\nq,\xff,b,c,d,A\n", "line 2: not UTF-8"),
    ],
)
def test_a_bad_file_is_one_sentence(places, monkeypatch, content, said):
    path = places / "bad" / "mmlu" / "val" / "anatomy_val.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    monkeypatch.setenv("FLANREPRO_MIRROR", str(places / "bad"))
    mmlu.tasks.cache_clear()
    with pytest.raises(InputError, match=said):
        tasks()["mmlu_anatomy"].records("validation")
