"""The table of contamination has a row per task and suite, and per task of a suite that is hit."""

import subprocess
import sys

from flanrepro.cards.contamination import table
from flanrepro.collection import Suite, Task

ITEM = " ".join(f"word{n}" for n in range(13))


def task(name, records, split="train", missing=""):
    return Task(
        name,
        "cot",
        "math",
        lambda split: records,
        {split: len(records)},
        "cot",
        citation="none",
        find_missing=lambda split: missing,
    )


def test_the_table_has_a_row_per_task_and_suite_and_says_how_many_tasks_a_suite_has():
    question = {"question": "What comes next?", "options": ITEM.replace(" ", "\n"), "answer": "14"}
    other = {"question": "Who is it?", "options": "me\nyou", "answer": "me"}
    exam = task("exam", [question, other], "test")
    suite = Suite("mmlu", (exam, task("gone", [other], "test", "not here")), "test")
    tasks = [task("copied", [{"text": ITEM, "answer": "no"}, {"text": "x", "answer": ITEM}])]
    found = table([*tasks, task("clean", [{"text": "x", "answer": "14"}])], [suite])
    assert list(found.columns) == (
        "task suite evaluated tasks records records_hit items items_hit items_short "
        "longest_example".split()
    )
    assert found.values.tolist() == [
        ["copied", "mmlu", "all", "1 of 2", 2, 2, 2, 1, 1, ITEM],
        ["copied", "mmlu", "exam", "", 2, 2, 2, 1, 1, ITEM],
        ["clean", "mmlu", "all", "1 of 2", 1, 0, 2, 0, 1, ""],
    ]


def test_importing_it_does_not_import_pandas():
    code = "import sys, flanrepro.cards.contamination; assert 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
