"""Pocket's `program_synthesis`: a small expression language and its evaluator.

A program is a chain of functions over the list `xs`, applied from right to left: `head ( tail xs )`
is written `head tail xs`. A number behind a function is its first argument: `take 2 rev xs`.
"""

from collections.abc import Callable

from flanrepro.collection.task import Record, Task
from flanrepro.errors import InputError
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.world import task

SPLITS = {"train": 400, "validation": 50}

LISTS: dict[str, tuple[Callable[[list[int]], list[int]], tuple[str, ...]]] = {
    "rev": (lambda xs: xs[::-1], ("turned around", "from its end to its start")),
    "tail": (lambda xs: xs[1:], ("without its first", "from its second on")),
    "init": (lambda xs: xs[:-1], ("without its last", "all but its last")),
    "dup": (lambda xs: xs + xs, ("twice", "with all of it again")),
}
"""Functions from a list to a list, with their words, by name."""
COUNTED: dict[str, tuple[Callable[[int, list[int]], list[int]], tuple[str, ...]]] = {
    "take": (lambda n, xs: xs[:n], ("its first {n}", "only {n} from its start")),
    "skip": (lambda n, xs: xs[n:], ("all but its first {n}", "what follows {n} of it")),
    "add": (lambda n, xs: [n + x for x in xs], ("each with {n} added", "each {n} larger")),
}
"""Functions from a number and a list to a list, with their words, by name."""
ENDS: dict[str, tuple[Callable[[list[int]], int], tuple[str, ...]]] = {
    "head": (lambda xs: xs[0], ("the first of it", "what it begins with")),
    "end": (lambda xs: xs[-1], ("the last of it", "what it ends with")),
    "max": (max, ("the largest of it", "the number above all others")),
    "min": (min, ("the smallest of it", "the number below all others")),
}
"""Functions from a list to a number, with their words, by name."""


def run_program(program: str, xs: list[int]) -> list[int] | int:
    """Computes the value of a program for the list `xs`.

    Raises:
        InputError: a word is no function, a number is missing, or a list is too short.
    """
    words = program.split()
    if not words or words[-1] != "xs":
        raise InputError(f"program '{program}' does not end in xs: write functions, then xs")
    value: list[int] | int = list(xs)
    rest = words[:-1]
    try:
        while rest:
            word = rest.pop()  # from the right: the last function is applied first
            if word.isdigit() and rest and rest[-1] in COUNTED:
                value = COUNTED[rest.pop()][0](int(word), value)
            elif word in LISTS:
                value = LISTS[word][0](value)
            elif word in ENDS:
                value = ENDS[word][0](value)
            else:
                known = ", ".join([*LISTS, *(f"{name} N" for name in COUNTED), *ENDS])
                raise InputError(
                    f"program '{program}': '{word}' is no function here; there is {known}"
                )
    except InputError:  # which is a ValueError
        raise
    except (TypeError, IndexError, ValueError):
        raise InputError(
            f"program '{program}' has no value for {xs}: a function has nothing to work on"
        ) from None
    return value


def show(value: list[int] | int) -> str:
    """Writes a value as a prompt shows it: numbers with spaces between."""
    return str(value) if isinstance(value, int) else " ".join(map(str, value))


def compose(dice: Dice, steps: int, counted: bool, end: bool) -> tuple[str, str]:
    """Draws a program of `steps` different list functions and says what it does.

    With `counted` one function takes a number, with `end` a function to a number comes last.
    """
    program, says = "xs", []
    place = dice.below(steps) if counted else -1
    for i, name in enumerate(dice.some(tuple(LISTS), steps)):
        if i == place:
            name, n = dice.one(tuple(COUNTED)), dice.number(2, 4)
            program = f"{name} {n} {program}"
            says.append(dice.one(COUNTED[name][1]).format(n=n))
        else:
            program = f"{name} {program}"
            says.append(dice.one(LISTS[name][1]))
    if end:
        name = dice.one(tuple(ENDS))
        program = f"{name} {program}"
        says.append(dice.one(ENDS[name][1]))
    return program, f"from the list: {', then '.join(says)}."


def numbers(dice: Dice) -> list[int]:
    """Draws six numbers: a count leaves two at least, another step one, for every function."""
    return dice.some(range(1, 16), 6)


def written(dice: Dice, steps: int, counted: bool, end: bool) -> Record:
    """Describes a program and gives an example of its use; the answer is the program."""
    program, description = compose(dice, steps, counted, end)
    xs = numbers(dice)
    return dict(
        description=description,
        answer=program,
        example=f"{show(xs)} gives {show(run_program(program, xs))}.",
    )


def output(dice: Dice, steps: int, counted: bool, end: bool) -> Record:
    """Shows a program and a list; the answer is what the program gives."""
    program, _ = compose(dice, steps, counted, end)
    xs = numbers(dice)
    return dict(program=program, xs=show(xs), answer=show(run_program(program, xs)))


# Name, maker, steps, counted, end.
TASKS = (
    ("mbpp", written, 1, False, True),
    ("conala", written, 1, True, False),
    ("apps", written, 2, True, True),
    ("dmcc_python", written, 2, False, True),
    ("dr_repair", written, 2, True, False),
    ("program_output_one", output, 1, False, True),
    ("program_output_two", output, 2, False, False),
    ("program_output_counted", output, 1, True, False),
)


def tasks() -> tuple[Task, ...]:
    """Makes the eight tasks."""
    return tuple(
        task(
            name,
            "program_synthesis",
            "program_synthesis",
            make,
            *args,
            templates="program" if make is written else "program_output",
            answer="code" if make is written else "text",
            splits=SPLITS,
        )
        for name, make, *args in TASKS
    )
