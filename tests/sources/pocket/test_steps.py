"""Operations do what their steps say, and a grammar that cannot be computed is one sentence."""

import copy
import re

import pytest

from flanrepro.errors import InputError
from flanrepro.sources.pocket import steps
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.steps import HELD_OUT_PAIRS, PROBLEMS, Operation, read_grammar


@pytest.fixture
def rows():
    """The content of `steps.yaml`, to be changed."""
    return copy.deepcopy(steps.GRAMMAR)


def problem(rows, **changes):
    """Changes a problem that takes a list of names."""
    rows["bbh"] = {"web_of_lies": {"list": "name", "steps": [], "answer": "all"} | changes}
    return rows


@pytest.mark.parametrize("section", ["steps", "answers"])
def test_a_part_that_no_function_computes_is_one_sentence(rows, section):
    rows[section]["shuffle"] = {"say": ["mix it."], "bbh": "it is mixed.", "done": "mixed:"}
    sentence = rf"^mine: `{section}` has shuffle, which cannot be computed: there is \w+, "
    with pytest.raises(InputError, match=sentence):
        read_grammar(rows, "mine")


@pytest.mark.parametrize("field", ["say", "bbh", "done"])
def test_a_missing_wording_is_one_sentence(rows, field):
    del rows["steps"]["reverse"][field]
    with pytest.raises(InputError, match=rf"^mine: reverse lacks {field}: say it in words$"):
        read_grammar(rows, "mine")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"list": "planet"}, "'planet' is no kind of list"),
        ({"steps": ["shuffle"]}, "'shuffle' is not among `steps`"),
        ({"answer": "product"}, "'product' is not among `answers`"),
        ({"answer": "largest"}, "largest is not for a list of names"),
        ({"list": "number", "steps": ["sort"]}, "sort is not for a list of numbers"),
        (
            {"list": "number", "steps": ["add_one", "keep_big"]},
            "keep_big has to be the first step",
        ),
        (
            {"list": "food", "steps": ["pocketish", "reverse"]},
            "pocketish has to be the last step",
        ),
        (
            {"list": "mixed", "steps": ["keep_foods", "drop_tools"]},
            "two of its steps leave words out, which can leave none",
        ),
    ],
)
def test_a_composition_that_cannot_be_computed_is_one_sentence(rows, changes, why):
    sentence = f"mine: problem web_of_lies cannot be computed: {why}; expected a kind of `lists`"
    with pytest.raises(InputError, match=f"^{re.escape(sentence)}"):
        read_grammar(problem(rows, **changes), "mine")


def test_an_operation_that_leaves_no_list_is_one_sentence():
    short = Operation("name", ("drop_first", "drop_last", "drop_first", "drop_second"), "all")
    with pytest.raises(
        InputError, match=r"^steps.yaml: name_list_then_\w+ leaves no two words of "
    ):
        steps.case(Dice("any"), short)


def test_a_problem_that_can_be_computed_is_read(rows):
    read = read_grammar(problem(rows, steps=["reverse", "sort"], answer="first"), "mine")
    assert read == {"web_of_lies": Operation("name", ("reverse", "sort"), "first")}


WORDS = {
    "keep_animals": ("cat rice cow", "cat cow"),
    "keep_foods": ("cat rice cow", "rice"),
    "keep_tools": ("saw rice cow", "saw"),
    "drop_animals": ("cat rice cow", "rice"),
    "drop_foods": ("cat rice cow", "cat cow"),
    "drop_tools": ("saw rice cow", "rice cow"),
    "drop_first": ("ann ben leo", "ben leo"),
    "drop_last": ("ann ben leo", "ann ben"),
    "drop_second": ("ann ben leo", "ann leo"),
    "reverse": ("ann ben leo", "leo ben ann"),
    "last_to_front": ("ann ben leo", "leo ann ben"),
    "first_to_end": ("ann ben leo", "ben leo ann"),
    "first_again": ("ann ben leo", "ann ben leo ann"),
    "swap_ends": ("ann ben cara leo", "leo ben cara ann"),
    "sort": ("leo ann ben", "ann ben leo"),
    "keep_big": ("9 10 11 3 14", "11 14"),
    "keep_small": ("9 10 11 3 14", "9 3"),
    "add_one": ("9 0 19", "10 1 20"),
    "add_ten": ("9 0 19", "19 10 29"),
    "opposite": ("yes no no", "no yes yes"),
    "pocketish": ("cat rice barn red", "miko riso baro rubo"),
}
"""A list before and after each step."""

WRITTEN = {
    "all": ("ann ben leo", "ann ben leo"),
    "first": ("ann ben leo", "ann"),
    "second": ("ann ben leo", "ben"),
    "last": ("ann ben leo", "leo"),
    "ends": ("ann ben leo", "ann leo"),
    "count": ("ann ben leo", "3"),
    "largest": ("9 10 2", "10"),
    "smallest": ("9 10 2", "2"),
    "kind_first": ("cat saw", "animal"),
    "kind_last": ("cat saw", "tool"),
    "any_yes": ("no yes no", "yes"),
    "all_yes": ("no yes no", "no"),
}
"""A list and what is written, for each answer."""


def test_every_step_and_answer_does_what_its_name_says():
    assert set(WORDS) == set(steps.STEPS) and set(WRITTEN) == set(steps.ANSWERS)
    for name, (before, after) in WORDS.items():
        assert " ".join(steps.STEPS[name](before.split())) == after, name
    for name, (words, answer) in WRITTEN.items():
        assert steps.ANSWERS[name](words.split()) == answer, name
    assert steps.ANSWERS["any_yes"](["no", "no"]) == "no"
    assert steps.ANSWERS["all_yes"](["yes", "yes"]) == "yes"


def test_tuning_may_teach_every_part_and_no_pair_of_bbh():
    taught = steps.operations()
    assert len(taught) == len(set(taught)) == len({one.name for one in taught}) > 1560
    assert len(PROBLEMS) == 23 and not set(taught) & set(PROBLEMS.values())
    assert not HELD_OUT_PAIRS & {pair for one in taught for pair in one.pairs}
    assert {name for one in taught for name in (*one.steps, one.answer)} == {*WORDS, *WRITTEN}
    # A problem's parts are taught on lists of its kind, in other company.
    for problem in PROBLEMS.values():
        parts = {n for one in taught if one.kind == problem.kind for n in (*one.steps, one.answer)}
        assert {*problem.steps, problem.answer} <= parts


def test_a_case_is_worked_out_step_by_step():
    for problem in PROBLEMS.values():
        words, after, answer = steps.case(Dice("a case"), problem)
        assert 3 <= len(words) <= steps.LONGEST and len(after) == len(problem.steps)
        for name in problem.steps:
            words = steps.STEPS[name](words)
        assert words == after[-1] and steps.ANSWERS[problem.answer](words) == answer
        assert steps.worked(problem, after).count(".") == len(problem.steps)
