"""Pocket's `program_synthesis`: a small expression language and its evaluator.

A program is a chain of functions over the list `xs`, applied from right to left: `head ( tail xs )`
is written `head tail xs`. Numbers before a function are its first argument: `take 2 rev xs`.
"""

from collections.abc import Callable

from flanrepro.collection.task import Record, Task
from flanrepro.errors import InputError
from flanrepro.sources.pocket.world import Dice, task

SPLITS = {"train": 400, "validation": 50}

LISTS: dict[str, tuple[Callable[[list[int]], list[int]], str]] = {
    "rev": (lambda xs: xs[::-1], "turned around"),
    "tail": (lambda xs: xs[1:], "without its first"),
    "init": (lambda xs: xs[:-1], "without its last"),
    "dup": (lambda xs: xs + xs, "twice"),  # the one that lengthens a list
}
"""Functions from a list to a list, with their words, by name."""
COUNTED: dict[str, tuple[Callable[[int, list[int]], list[int]], str]] = {
    "take": (lambda n, xs: xs[:n], "its first {n}"),
    "skip": (lambda n, xs: xs[n:], "all but its first {n}"),
    "add": (lambda n, xs: [n + x for x in xs], "each with {n} added"),
}
"""Functions from a number and a list to a list, with their words, by name."""
ENDS: dict[str, tuple[Callable[[list[int]], int], str]] = {
    "head": (lambda xs: xs[0], "the first of it"),
    "end": (lambda xs: xs[-1], "the last of it"),
    "max": (max, "the largest of it"),
    "min": (min, "the smallest of it"),
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


def written(dice: Dice, steps: int, counted: bool, end: bool) -> Record:
    """Describes a program of `steps` list functions; the answer is the program.

    With `counted` the first function takes a number, with `end` a function to a number comes last.
    """
    program, says = "xs", []
    for i in range(steps):
        if counted and i == 0:
            name, n = dice.one(tuple(COUNTED)), dice.number(2, 4)
            program = f"{name} {n} {program}"
            says.append(COUNTED[name][1].format(n=n))
        else:
            name = dice.one(tuple(LISTS))
            program = f"{name} {program}"
            says.append(LISTS[name][1])
    if end:
        name = dice.one(tuple(ENDS))
        program = f"{name} {program}"
        says.append(ENDS[name][1])
    # Six numbers: a count leaves two at least, another step one: one for every function.
    xs = dice.some(range(1, 16), 6)
    return dict(
        description=f"the list {', then '.join(says)}.",
        answer=program,
        example=f"{show(xs)} gives {show(run_program(program, xs))}.",
    )


def output(dice: Dice, steps: int, counted: bool, end: bool) -> Record:
    """Shows a program and a list; the answer is what the program gives."""
    program = written(dice, steps, counted, end)["answer"]
    xs = dice.some(range(1, 16), 6)
    return dict(description=program, example=show(xs), answer=show(run_program(program, xs)))


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
