"""Pocket's programs: what they give, and that their descriptions name one program."""

import itertools
import re

import pytest

from flanrepro.collection.templates import load_wordings
from flanrepro.errors import InputError
from flanrepro.sources.pocket import program_synthesis
from flanrepro.sources.pocket.lexicon import MOST
from flanrepro.sources.pocket.program_synthesis import COUNTED, ENDS, LISTS, run_program
from flanrepro.sources.pocket.steps import HELD_OUT_PAIRS, STEPS

TASKS = {task.name: task for task in program_synthesis.tasks()}
WRITTEN = [name for name, task in TASKS.items() if task.answer == "code"]

TWINS = {"rev": "reverse", "tail": "drop_first", "init": "drop_last", "add 10": "add_ten"}
"""Step of `steps.yaml` that does what a function does."""


def records(name: str) -> list[dict[str, str]]:
    return [record for split in TASKS[name].splits for record in TASKS[name].records(split)]


def functions(program: str) -> list[str]:
    """A program's functions with their numbers, in the order in which they are applied."""
    assert program.endswith(" xs")
    return re.findall(r"[a-z]+(?: \d+)?", program.removesuffix("xs"))[::-1]


def by_hand(program: str, xs: list[int]) -> str:
    """Works a program out by rules of its own."""
    for name in functions(program):
        name, _, number = name.partition(" ")
        n = int(number or 0)
        first, last = (0, n) if name == "take" else (n, len(xs))
        if name in ("take", "skip"):
            xs = [x for i, x in enumerate(xs) if first <= i < last]
        elif name in ("tail", "init"):
            xs = [x for i, x in enumerate(xs) if i != (0 if name == "tail" else len(xs) - 1)]
        elif name == "add":
            xs = [x + n for x in xs]
        elif name == "rev":
            xs = [xs[len(xs) - 1 - i] for i in range(len(xs))]
        elif name == "dup":
            xs = [xs[i % len(xs)] for i in range(2 * len(xs))]
        else:
            place = {"head": 0, "end": -1, "min": 0, "max": -1}[name]
            xs = [(sorted(xs) if name in ("min", "max") else xs)[place]]
    return " ".join(map(str, xs))


def words(text: str) -> list[int]:
    return [int(word) for word in text.split()]


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_its_records_and_none_twice(name):
    made = [tuple(record.items()) for record in records(name)]
    assert len(set(made)) == len(made) == 450


@pytest.mark.parametrize("name", WRITTEN)
def test_examples_are_what_the_program_gives(name):
    for record in records(name):
        xs, _, given = record["example"].removesuffix(".").partition(" gives ")
        assert by_hand(record["answer"], words(xs)) == given


@pytest.mark.parametrize("name", [name for name in TASKS if name not in WRITTEN])
def test_answers_are_what_the_program_gives(name):
    for record in records(name):
        assert by_hand(record["program"], words(record["xs"])) == record["answer"]


@pytest.mark.parametrize("name", WRITTEN)
def test_a_description_says_the_program_step_by_step(name):
    said = {
        phrase.format(n=n): f"{name} {n}" if name in COUNTED else name
        for name, (_, phrases) in (LISTS | COUNTED | ENDS).items()
        for phrase in phrases
        for n in (2, 3, 4)
    }
    assert len(said) == 2 * (len(LISTS) + 3 * len(COUNTED) + len(ENDS))
    for record in records(name):
        steps = record["description"].removeprefix("from the list: ").removesuffix(".")
        assert [said[step] for step in steps.split(", then ")] == functions(record["answer"])


def test_no_number_leaves_the_world_and_no_program_is_a_held_out_composition():
    assert set(TWINS.values()) <= set(STEPS)
    for name in TASKS:
        for record in records(name):
            assert max(map(int, re.findall(r"\d+", " ".join(record.values())))) <= MOST
            steps = functions(record.get("program", record["answer"]))
            twins = [TWINS.get(step, step) for step in steps]
            assert not HELD_OUT_PAIRS.intersection(itertools.pairwise(twins))


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("tail rev", "program 'tail rev' does not end in xs: write functions, then xs"),
        ("", "program '' does not end in xs"),
        ("sort xs", "program 'sort xs': 'sort' is no function here; there is rev, tail,"),
        ("take xs", "program 'take xs': 'take' is no function here; there is rev"),
        ("head take 0 xs", "has no value for [1, 2]: a function has nothing to work on"),
        ("rev max xs", "program 'rev max xs' has no value for [1, 2]"),
    ],
)
def test_a_bad_program_is_one_sentence(program, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)) as error:
        run_program(program, [1, 2])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["program", "program_output"])
def test_wordings_are_ten_and_ten_of_which_three_are_turned_around(name):
    for templates in load_wordings(f"pocket/{name}"):
        assert len(templates) == 10
        assert sum(template.inverted for template in templates) == 3
        assert not any(
            "{answer}" in template.targets for template in templates if template.inverted
        )
