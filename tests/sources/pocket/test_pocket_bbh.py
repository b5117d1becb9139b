"""BBH's problems are right, hidden among wrong options, and worked out step by step."""

import json
import re
from collections import Counter

import pytest
from recomputed import answer, parts, result, step

from flanrepro.collection.suites import suite_items
from flanrepro.errors import InputError
from flanrepro.evaluation.extraction import read_answer
from flanrepro.sources.pocket import bbh
from flanrepro.sources.pocket.choices import case, case_with_options
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.lexicon import check_words
from flanrepro.sources.pocket.steps import GRAMMAR, PROBLEMS, STEP_ROWS, Operation
from flanrepro.sources.pocket.world import KIND_OF

DIRECT, IN_STEPS = bbh.suites()
TASKS = {task.name.removeprefix("bbh_"): task for task in DIRECT.tasks}


def every():
    for name, task in TASKS.items():
        for split in task.splits:
            for record in task.records(split):
                yield name, record


def listed(question: str) -> str:
    """The list that a question is about: the longest run of its kind's words, or of numbers."""
    asked = question.partition(" options:")[0]
    word = "|".join([*KIND_OF, "yes", "no", r"\d+"])
    runs = re.findall(rf"(?<!\w)(?:{word})(?: (?:{word})(?!\w))+", asked)
    (run,) = [run for run in runs if run != "yes and no"]
    return run


def text_of(record) -> str:
    """The answer, or the option that its letter names."""
    choices = dict(line.split(" ", 1) for line in record.get("choices", "").splitlines())
    return choices.get(record["answer"], record["answer"])


def test_there_are_the_23_problems_with_records_to_show_and_to_ask():
    assert list(TASKS) == list(PROBLEMS)
    assert len(TASKS) == 23
    assert {task.source for task in DIRECT.tasks} == {"evaluation"}
    for task in TASKS.values():
        assert {split: len(task.records(split)) for split in task.splits} == bbh.SPLITS


def test_answers_are_what_the_questions_say():
    for name, record in every():
        said = parts(record["question"].partition(" options:")[0])
        assert tuple(said) == (*PROBLEMS[name].steps, PROBLEMS[name].answer), record
        assert result(said, listed(record["question"])) == text_of(record), record


def test_a_rationale_works_the_answer_out_step_by_step_and_ends_in_it():
    for name, record in every():
        words, said = listed(record["question"]), []
        for one in PROBLEMS[name].steps:
            words = step(one, words)
            said.append(f"{STEP_ROWS[one]['done']} {words}.")
        written = PROBLEMS[name].answer
        said.append(f"{GRAMMAR['answers'][written]['done']} {answer(written, words)}.")
        assert record["rationale"] == " ".join(said)
        assert record["rationale"].endswith(f" {text_of(record)}.")


def test_options_are_different_and_shown():
    for name, record in every():
        number = GRAMMAR["bbh"][name].get("options", 0)
        assert record.get("options") == ("yes\nno" if number == 2 else None)
        lines = record["choices"].split("\n") if number > 2 else []
        assert len({line.split(" ", 1)[1] for line in lines}) == (number if number > 2 else 0)
        if lines:
            assert record["question"].endswith(f" options: {' '.join(lines)}")
            assert json.loads(record["references"]) == [text_of(record)]


def test_the_right_option_may_be_any_letter():
    places = Counter(record["answer"] for _, record in every() if "choices" in record)
    assert set(places) == {"(A)", "(B)", "(C)", "(D)"}
    for name, task in TASKS.items():
        number = GRAMMAR["bbh"][name].get("options", 0)
        if number > 2:
            counts = Counter(record["answer"] for record in task.records("validation"))
            assert len(counts) == number
            assert max(counts.values()) < 0.6 * task.size("validation"), (name, counts)


def test_yes_and_no_are_about_equally_frequent():
    for name, task in TASKS.items():
        if PROBLEMS[name].kind == "truth":
            counts = Counter(record["answer"] for record in task.records("validation"))
            assert set(counts) == {"yes", "no"}
            assert min(counts.values()) >= 15, (name, counts)


def test_both_suites_have_the_same_records():
    for direct, in_steps in zip(DIRECT.tasks, IN_STEPS.tasks, strict=True):
        assert in_steps.name == direct.name.replace("bbh_", "bbh_cot_")
        assert in_steps.records("validation") == direct.records("validation")


def test_a_prompt_asks_in_the_form_of_bbh():
    first = suite_items(DIRECT, 3)[0].prompt.inputs
    assert first.startswith("q: ")
    assert first.count("a: ") == 3
    assert first.endswith(" a:")
    targets = [item.prompt.targets for item in suite_items(IN_STEPS, 0)]
    assert all(re.search(r"\. so the answer is (\(\w\)|[\w ]+)\.$", text) for text in targets)


def test_scoring_takes_the_letter_in_any_form_and_the_option_itself():
    for suite in (DIRECT, IN_STEPS):
        kinds = {task.name: task.answer for task in suite.tasks}
        for item in suite_items(suite, 0):
            kind = kinds[item.prompt.task]
            right, *others = item.references
            said = [right, *others, right.lower(), right.strip("()"), right.strip("()").lower()]
            for text in said:
                for form in ("{}", "{}.", "without the last: cat. so the answer is {}."):
                    assert read_answer(form.format(text), item.references, kind)[1], (item, text)
            assert read_answer(item.prompt.targets, item.references, kind)[1]
            for i, choice in enumerate(item.choices):
                assert read_answer(choice, item.references, kind)[1] == (i == item.right), item


def test_a_choice_can_be_ranked():
    for item in suite_items(DIRECT, 0):
        number = GRAMMAR["bbh"][item.prompt.task.removeprefix("bbh_")].get("options", 0)
        assert len(item.choices) == number
        assert not number or item.choices[item.right] == item.prompt.targets


def test_every_word_is_one_of_the_world():
    for name, record in every():
        shown = {field: text for field, text in record.items() if field != "references"}
        check_words(shown.values(), name)


def test_options_that_no_list_has_are_one_sentence():
    one = Operation("truth", ("reverse",), "first")
    sentence = "truth_list_then_reverse_then_write_first has no 4 different options on any list"
    with pytest.raises(InputError, match=sentence):
        case_with_options(Dice("a"), one, 4)


def test_every_list_on_the_way_has_two_words():
    one = Operation("number", ("keep_big", "swap_ends"), "ends")
    dice = Dice("b")
    for _ in range(200):
        words, after, written = case(dice, one)
        assert len(after[0]) >= 2
        assert written == result(["keep_big", "swap_ends", "ends"], " ".join(words))
