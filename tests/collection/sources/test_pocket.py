import os
import subprocess
import sys

from flanrepro.collection import load_collection, suite_prompts
from flanrepro.data.vocabulary import UNK, load_vocabulary

POCKET = load_collection("pocket")
EVERY_TASK = {
    task.name: task
    for tasks in (POCKET.tasks.values(), *(suite.tasks for suite in POCKET.suites.values()))
    for task in tasks
}


def test_it_has_training_tasks_in_at_least_three_clusters_and_three_suites():
    assert len(POCKET.tasks) == 13
    assert len({task.cluster for task in POCKET.tasks.values()}) == 8
    assert {name: len(suite.tasks) for name, suite in POCKET.suites.items()} == {
        "held_in": 8,
        "held_out": 5,
        "cot": 1,
    }


def test_held_in_tasks_are_trained_and_held_out_tasks_are_not():
    held_in, held_out = POCKET.suites["held_in"].tasks, POCKET.suites["held_out"].tasks
    assert {task.name for task in held_in} <= set(POCKET.tasks)
    assert not {task.name for task in held_out} & set(POCKET.tasks)


def test_no_record_is_in_two_splits_or_twice_in_one():
    for task in EVERY_TASK.values():
        records = [tuple(r.items()) for split in task.splits for r in task.records(split)]
        assert len(set(records)) == len(records) == 1000


def test_the_answer_is_among_the_options():
    for task in EVERY_TASK.values():
        for record in task.records("validation"):
            if "options" in record:
                assert record["answer"] in record["options"].split("\n")
                assert len(set(record["options"].split("\n"))) == record["options"].count("\n") + 1


def test_held_out_answers_are_answers_that_training_uses():
    trained = {r["answer"] for task in POCKET.tasks.values() for r in task.records("train")}
    for task in POCKET.suites["held_out"].tasks:
        assert {record["answer"] for record in task.records("validation")} <= trained


def test_all_text_is_in_the_vocabulary():
    vocabulary = load_vocabulary("pocket")
    for suite in POCKET.suites.values():
        for prompt in suite_prompts(suite, shots=2, items=50):
            assert UNK not in vocabulary.encode(prompt.inputs + " " + prompt.targets)


def test_records_are_the_same_in_every_process():
    code = (
        "from flanrepro.collection import load_collection;"
        "print(load_collection('pocket').task('sentiment').records('train')[:3])"
    )
    for seed in ("1", "2"):
        result = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        assert result.stdout.strip() == str(EVERY_TASK["sentiment"].records("train")[:3])
