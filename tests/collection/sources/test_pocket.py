import hashlib
import os
import subprocess
import sys

from flanrepro.collection import load_collection, load_templates, render
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
        for record in (r for split in task.splits for r in task.records(split)):
            if "options" in record:
                assert record["answer"] in record["options"].split("\n")
                assert len(set(record["options"].split("\n"))) == record["options"].count("\n") + 1


def test_held_out_answers_are_answers_that_training_uses():
    trained = {r["answer"] for task in POCKET.tasks.values() for r in task.records("train")}
    for task in POCKET.suites["held_out"].tasks:
        assert {record["answer"] for record in task.records("validation")} <= trained


def test_all_text_is_in_the_vocabulary():
    vocabulary = load_vocabulary("pocket")
    for task in EVERY_TASK.values():
        for template in load_templates(task.templates):
            for split in task.splits:
                for i in range(0, task.size(split), 2):
                    shots = (i % task.size("train"),)
                    prompt = render(task, i, split=split, template=template, exemplars=shots)
                    assert UNK not in vocabulary.encode(prompt.inputs + " " + prompt.targets)


PRINT_DIGEST = """
import hashlib
from flanrepro.collection import load_collection
pocket = load_collection("pocket")
names = sorted({*pocket.tasks, *(task.name for s in pocket.suites.values() for task in s.tasks)})
text = str([(n, s, pocket.task(n).records(s)) for n in names for s in pocket.task(n).splits])
print(hashlib.sha256(text.encode()).hexdigest())
"""


def test_records_are_the_same_in_every_process():
    tasks = sorted(EVERY_TASK.items())
    text = str(
        [(name, split, task.records(split)) for name, task in tasks for split in task.splits]
    )
    expected = hashlib.sha256(text.encode()).hexdigest()
    for seed in ("1", "2"):
        result = subprocess.run(
            [sys.executable, "-c", PRINT_DIGEST],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        assert result.stdout.strip() == expected
