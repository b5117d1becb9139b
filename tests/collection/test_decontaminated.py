"""A decontaminated mixture has no training record that shares text with an evaluation item."""

import dataclasses
import pickle

import pytest
from wording import QUESTION

from flanrepro.collection import Collection, Suite, Task
from flanrepro.collection.content import InMemory
from flanrepro.collection.decontaminated import finder, without
from flanrepro.collection.named import named_mixture
from flanrepro.errors import InputError

ITEMS = [f"How many apples does the farmer with {n} trees sell on a market day?" for n in (25, 38)]
COPIES = {3: ITEMS[0], 7: ITEMS[1].upper(), 19: f"Context: an exam.\n\n Question: {ITEMS[0]}"}
SIZE = 24


def record(question: str) -> dict[str, str]:
    return {"question": question, "options": "30\n40", "answer": "30"}


class Records(list):
    """Records that can be pickled with their task, as those that are read can."""

    def __call__(self, split: str) -> list[dict[str, str]]:
        return self[0][split]


def available(split: str) -> str:
    return ""


def task(name: str, source: str = "cot", missing=available, **splits: list[str]) -> Task:
    load = Records([{split: list(map(record, asked)) for split, asked in splits.items()}])
    sizes = {split: len(asked) for split, asked in splits.items()}
    return Task(name, source, "math", load, sizes, QUESTION, find_missing=missing)


def questions(name: str, size: int = SIZE) -> list[str]:
    return [f"{name}: what is {n} and {n}?" for n in range(size)]


def collection(items=tuple(ITEMS), **tasks: Task) -> Collection:
    planted = [COPIES.get(n, question) for n, question in enumerate(questions("planted"))]
    made = {
        "planted": task("planted", train=planted),
        "shown": task(
            "shown", train=questions("shown"), exemplars=[*questions("own", 6), ITEMS[0]]
        ),
        "clean": task("clean", train=questions("clean")),
    }
    exam = Suite("exam", (task("sums", "evaluation", test=list(items)),), "test")
    return Collection("made up", made | tasks, {"exam": exam}, "pocket")


@pytest.mark.parametrize("few_shot", [0, 1])
def test_a_planted_copy_is_counted_and_left_out_in_both_settings(few_shot):
    every = collection()
    made = named_mixture("flan2022_decontaminated", every, few_shot_fraction=few_shot)
    assert made.left_out == {"planted": (3, SIZE), "shown": (1, SIZE + 7)}
    drawn = [made.mixture[i] for i in range(400)]
    assert {bool(prompt.exemplars) for prompt in drawn} == {bool(few_shot)}
    said = " ".join(prompt.inputs for prompt in drawn).lower()
    assert "apples" not in said
    for name in ("planted", "shown", "clean"):
        left = [q for n, q in enumerate(questions(name)) if name != "planted" or n not in COPIES]
        asked = {prompt.inputs for prompt in drawn if prompt.task == name}
        assert all(any(f"{q}\n" in text for text in asked) for q in left)
    whole = named_mixture("flan2022", every, few_shot_fraction=few_shot).mixture
    assert "apples" in " ".join(whole[i].inputs for i in range(400)).lower()


def test_exemplars_come_from_clean_records_only():
    made = named_mixture("flan2022_decontaminated", collection(), few_shot_fraction=1.0)
    tasks = {task.name: task for task in made.mixture.tasks}
    shown = {"planted": set(), "shown": set()}
    for i in range(600):
        prompt = made.mixture[i]
        if prompt.task in shown:
            pool = tasks[prompt.task].records(tasks[prompt.task].exemplar_split)
            shown[prompt.task] |= {pool[n]["question"] for n in prompt.exemplars}
    assert shown["shown"] == set(questions("own", 6))
    assert len(shown["planted"]) == SIZE - len(COPIES)
    assert not shown["planted"] & set(COPIES.values())


def test_the_digest_changes_with_what_is_left_out():
    plain = named_mixture("flan2022", collection())
    clean = named_mixture("flan2022_decontaminated", collection())
    fewer = named_mixture("flan2022_decontaminated", collection(ITEMS[:1]))
    assert fewer.left_out["planted"] == (2, SIZE)
    assert len({plain.digest, clean.digest, fewer.digest}) == 3
    nothing = named_mixture(
        "flan2022_decontaminated", collection(["Something else is asked here."])
    )
    assert nothing.left_out == {}
    assert nothing.digest == plain.digest


def test_it_goes_to_another_process():
    mixture = named_mixture("flan2022_decontaminated", collection()).mixture
    copy = pickle.loads(pickle.dumps(mixture))
    assert [copy[i] for i in range(50)] == [mixture[i] for i in range(50)]


def test_other_splits_and_the_order_of_records_stay():
    planted = collection().tasks["planted"]
    made = without(planted, {"train": [0, 3, SIZE - 1]})
    left = [n for n in range(SIZE) if n not in (0, 3, SIZE - 1)]
    assert list(made.records("train")) == [planted.records("train")[n] for n in left]
    assert made.size("train") == SIZE - 3
    shown = collection().tasks["shown"]
    assert without(shown, {"train": [1]}).records("exemplars") == shown.records("exemplars")


def test_the_report_says_how_many_records_of_which_tasks_and_what_was_not_compared():
    every = collection()
    gone = task("gone", "evaluation", lambda split: "not here", test=ITEMS)
    exam = dataclasses.replace(every.suites["exam"], tasks=(*every.suites["exam"].tasks, gone))
    partly = dataclasses.replace(every, suites={"exam": exam})
    report = named_mixture("flan2022_decontaminated", partly, rates={"cot": 1}).report()
    assert report.splitlines() == [
        "mixture flan2022_decontaminated: 4 records of 2 tasks share text with evaluation items "
        "and are left out.",
        f"  planted: 3 of {SIZE}",
        f"  shown: 1 of {SIZE + 7}",
        "evaluation items that training records could not be compared with:",
        "  exam: gone has no test data here",
    ]
    assert named_mixture("flan2022", every, rates={"cot": 1}).report() == ""


def test_a_task_with_too_few_clean_records_is_missing_and_says_why():
    few = [*questions("few", 4), *ITEMS, *ITEMS]
    made = named_mixture("flan2022_decontaminated", collection(few=task("few", train=few)))
    assert "few" not in {task.name for task in made.mixture.tasks}
    assert "few" not in made.left_out
    source, why = made.missing["few"]
    assert source == "cot"
    assert why.startswith("after decontamination, task 'few' has 4 training records, too few")


def test_without_evaluation_data_there_is_no_decontaminated_mixture():
    every = collection()
    gone = Suite("exam", (task("sums", "evaluation", lambda split: "gone", test=ITEMS),), "test")
    for suites in ({}, {"exam": gone}):
        with pytest.raises(InputError, match="'made up' has no evaluation data here"):
            named_mixture("flan2022_decontaminated", dataclasses.replace(every, suites=suites))


def test_records_are_compared_once_per_content_of_tasks_and_items():
    found = {}

    class Counted(InMemory):
        def __call__(self, name, make):
            return super().__call__(name, lambda: found.setdefault(name, make()))

    keep = Counted()

    def compare(every: Collection) -> list:
        find = finder(dataclasses.replace(every, keep=keep))
        return [find(task) for task in every.tasks.values()]

    first = compare(collection())
    assert first == [{"train": sorted(COPIES)}, {"exemplars": [6]}, {}]
    number = len(found)
    assert number == 4  # a task has two splits
    assert compare(collection()) == first
    assert len(found) == number
    mended = collection(clean=task("clean", train=[*questions("clean"), ITEMS[0]]))
    assert compare(mended)[2] == {"train": [SIZE]}
    assert len(found) == number + 1
    compare(collection(ITEMS[:1]))
    assert len(found) == 2 * number + 1
