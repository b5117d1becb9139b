import dataclasses

import pytest
from wording import QUESTION

from flanrepro.collection import Collection, Suite, Task
from flanrepro.collection.task import by_name
from flanrepro.errors import InputError
from flanrepro.sources import load_collection


def make_task(declared: int, calls: list[str] | None = None) -> Task:
    """A task of two training records that declares `declared` of them."""

    def load(split: str) -> list[dict[str, str]]:
        if calls is not None:
            calls.append(split)
        return [{"answer": "one"}, {"answer": "two"}]

    return Task("t", "niv2", "c", load, {"train": declared, "test": 2}, QUESTION)


def test_records_are_read_once_per_split_and_not_before_they_are_asked_for():
    calls: list[str] = []
    task = make_task(2, calls)
    assert task.size("train") == 2
    assert calls == []
    assert task.records("train") is task.records("train")
    assert [record["answer"] for record in task.records("test")] == ["one", "two"]
    assert calls == ["train", "test"]


def test_a_task_made_of_another_one_reads_its_own_records():
    task = make_task(2)
    assert task.records("train")[0]["answer"] == "one"
    changed = [{"answer": "three"}, {"answer": "four"}]
    other = dataclasses.replace(task, load=lambda split: changed)
    assert other.records("train") == changed
    assert task.records("train")[0]["answer"] == "one"


def test_an_unknown_split_is_named_with_those_there_are():
    for asked in (make_task(2).size, make_task(2).records):
        with pytest.raises(InputError, match=r"^task 't' has no split 'dev': it has train, test$"):
            asked("dev")


@pytest.mark.parametrize("declared", [1, 3])
def test_another_number_of_records_than_declared_is_refused(declared):
    expected = f"task 't', split 'train': 2 records were read and {declared} are declared; the data"
    for _ in range(2):  # nothing of it is kept
        with pytest.raises(InputError, match=expected):
            make_task(declared).records("train")


def test_an_unknown_collection_lists_the_choices():
    with pytest.raises(
        InputError, match="unknown collection 'flan': choose one of pocket, flan2022"
    ):
        load_collection("flan")


def test_a_collection_finds_tasks_of_training_and_of_suites_by_name():
    made = {
        name: dataclasses.replace(make_task(2), name=name)
        for name in ("exam_sums", "exam_words", "seen", "spare")
    }
    seen_by_suite = dataclasses.replace(made["seen"], cluster="other")
    suites = (
        Suite("exam", (made["exam_sums"], made["exam_words"])),
        Suite("both", (seen_by_suite, made["exam_words"])),
    )
    found = Collection(
        name="made up",
        tasks=by_name([made["seen"]]),
        suites={suite.name: suite for suite in suites},
        vocabulary="pocket",
        other=by_name([made["spare"]]),
    )
    for name, task in made.items():  # the training task `seen`, not the suite's of that name
        assert found.task(name) == task
    said = "collection 'made up' has no task 'exam' among its 4: there is exam_sums, exam_words$"
    with pytest.raises(InputError, match=said):
        found.task("exam")
