import dataclasses

import pytest

from flanrepro.collection import Suite, Task
from flanrepro.collection.suites import at_hand, instruction, suite_items, suite_prompts
from flanrepro.collection.task import Protocol, protocol
from flanrepro.errors import InputError
from flanrepro.sources import load_collection

RECORDS = {
    "train": [
        {"question": "one and two?", "answer": "three", "options": "three\nfour"},
        {"question": "two and two?", "answer": "four", "options": "three\nfour"},
        {"question": "one and one?", "answer": "two", "options": "two\nsix"},
    ],
    "validation": [{"question": "no and no?", "answer": "no", "options": "yes\nno"}] * 4,
}


def task(records=RECORDS, templates: str = "flan2021/openbookqa", **fields) -> Task:
    sizes = {split: len(rows) for split, rows in records.items()}
    return Task("toy", "niv2", "sums", records.__getitem__, sizes, templates, **fields)


TASK = task()


def test_suite_prompts_are_the_same_each_time_and_at_most_items_per_task():
    suite = load_collection("pocket").suites["held_in"]
    prompts = suite_prompts(suite, shots=3, items=5)
    assert prompts == suite_prompts(suite, shots=3, items=5)
    assert len(prompts) == 5 * len(suite.tasks)
    assert {prompt.split for prompt in prompts} == {"validation"}
    assert all(len(set(prompt.exemplars)) == 3 for prompt in prompts)


@pytest.mark.parametrize("items", [None, 4, 9])
def test_all_items_of_a_suite_are_each_asked_once(items):
    prompts = suite_prompts(Suite("toy", (TASK,)), shots=0, items=items)
    assert [prompt.record for prompt in prompts] == [0, 1, 2, 3]
    assert {prompt.template for prompt in prompts} == {"answer"}  # the file's first


@pytest.mark.parametrize("items", [0, -1])
def test_a_suite_of_no_items_is_refused(items):
    with pytest.raises(InputError, match=f"items is {items}: expected at least 1, or None"):
        suite_prompts(Suite("toy", (TASK,)), shots=0, items=items)


def test_a_suite_that_cannot_give_exemplars_names_the_task():
    with pytest.raises(InputError, match="task 'toy' has 3 training records, too few for 3"):
        suite_prompts(Suite("toy", (TASK,)), shots=3)


def test_a_suite_of_training_records_has_no_question_among_its_exemplars():
    for prompt in suite_prompts(Suite("toy", (TASK,), split="train"), shots=2):
        assert prompt.record not in prompt.exemplars


def test_published_exemplars_are_the_first_ones_in_their_order():
    suite = Suite("toy", (TASK,), protocol=Protocol(exemplars="published"))
    for prompt in suite_prompts(suite, shots=2):
        assert prompt.exemplars == (0, 1)


def test_a_task_without_the_suites_split_is_evaluated_on_its_validation_split():
    tested = task({**RECORDS, "test": RECORDS["validation"][:1]})
    suite = Suite("toy", (tested, TASK), split="test")
    assert [suite.split_of(one) for one in suite.tasks] == ["test", "validation"]


def test_choices_are_targets_and_the_right_one_is_the_prompts():
    (item, *_) = suite_items(Suite("toy", (TASK,)), 0)
    assert item.choices == ("yes", "no")
    assert item.right == 1
    assert item.choices[item.right] == item.prompt.targets
    assert item.references == ("no",)


def test_choices_of_a_step_by_step_target_leave_out_the_reasoning():
    record = {"question": "is it?", "rationale": "because", "answer": "no", "options": "yes\nno"}
    made = task({"train": RECORDS["train"], "validation": [record]}, "cot/gsm8k")
    (item,) = suite_items(Suite("toy", (made,)), 0)
    assert item.prompt.targets == "because\nSo the answer is no."
    assert item.choices == ("So the answer is yes.", "So the answer is no.")


@pytest.mark.parametrize(
    ("choices", "answer", "expected"),
    [
        ("A. a dog\nB. a cat", "B", ("A", "B")),
        ("(A) a dog\n(B) a cat", "(A)", ("(A)", "(B)")),
    ],
)
def test_choices_may_be_labels(choices, answer, expected):
    record = {"question": "?", "choices": choices, "options": "A\na cat", "answer": answer}
    record |= {"subject": "pets"}
    made = task({"train": RECORDS["train"], "validation": [record]}, "mmlu")
    (item,) = suite_items(Suite("toy", (made,)), 0)
    assert item.choices == expected
    assert item.choices[item.right] == answer


def test_an_item_whose_answer_is_no_option_has_no_choices():
    for options in ({"options": "yes\nno"}, {}):
        record = {"question": "?", "answer": "perhaps", **options}
        made = task({"train": RECORDS["train"], "validation": [record]})
        (item,) = suite_items(Suite("toy", (made,)), 0)
        assert (item.choices, item.right) == ((), None)


def test_items_on_one_passage_are_one_group():
    asked = [("a text", "1"), ("another", "2"), ("a text", "3")]
    rows = [{"passage": p, "question": q, "answer": "x"} for p, q in asked]
    made = task({"validation": rows}, "flan2021/drop")
    first, second, third = (item.group for item in suite_items(Suite("toy", (made,)), 0))
    assert first == third != second
    assert len({item.group for item in suite_items(Suite("toy", (TASK,)), 0)}) == 4


def test_references_are_all_that_a_record_has():
    row = {"passage": "p", "question": "q", "answer": "a dog", "references": '["the dog"]'}
    (item,) = suite_items(Suite("t", (task({"validation": [row]}, "flan2021/drop"),)), 0)
    assert item.references == ("a dog", "the dog")
    assert item.prompt.targets == "a dog"


def test_a_task_is_at_hand_zero_shot_that_has_no_exemplars():
    alone = task({"validation": RECORDS["validation"]})
    suite = Suite("toy", (alone, dataclasses.replace(TASK, name="whole")))
    assert at_hand(suite, 0) == (suite, {})
    here, missing = at_hand(suite, 2)
    assert [one.name for one in here.tasks] == ["whole"]
    assert "no training split to draw few-shot exemplars from" in missing["toy"]


def test_the_instruction_is_what_the_prompt_begins_with():
    for suite in load_collection("pocket").suites.values():
        for one in suite.tasks[:3]:
            (prompt,) = suite_prompts(dataclasses.replace(suite, tasks=(one,)), 2, 1)
            assert prompt.inputs.startswith(instruction(one, prompt))


def test_every_suite_of_the_real_collection_has_a_protocol_with_its_source():
    for name, suite in load_collection("flan2022").suites.items():
        assert suite.protocol == protocol("flan2022", name)
        assert len(suite.protocol.source) > 40
    assert load_collection("pocket").suites["held_in"].protocol == Protocol()
