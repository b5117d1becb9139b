"""Source `program_synthesis`: from a problem to code that solves it, and from broken code to whole.

Records have the fields `problem` and `answer`, the code. DrRepair's have the broken program too, as
`code`, and their problem is what the compiler says of it. MBPP's and HumanEval's have the tests
that a program has to pass, as `tests`, and HumanEval's the code that it is put behind, as `head`.

`dmcc_python` and the four `dr_repair_*` are the Flan Collection's; `mbpp`, `conala` and `apps` are
our addition. `humaneval` is for evaluation alone: `tasks` does not have it.
"""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flanrepro.collection.task import Record, Task
from flanrepro.errors import InputError
from flanrepro.raw.dataset import read_datasets
from flanrepro.raw.fields import objects, optional, text, texts
from flanrepro.raw.reader import tasks_of
from flanrepro.raw.reading import parse_json, read_jsonl, shown

Row = tuple[str, Mapping[str, Any]]

EVALUATION = ("humaneval",)
"""Names of the data sets that are never trained on."""


def tasks() -> tuple[Task, ...]:
    """Makes the training tasks of `program_synthesis.yaml`; no data is read."""
    datasets = [d for d in read_datasets("program_synthesis") if d.name not in EVALUATION]
    return tasks_of(datasets, "program_synthesis", __name__)


def evaluation_tasks() -> tuple[Task, ...]:
    """Makes HumanEval's task, with its one split `test`; no data is read."""
    datasets = [d for d in read_datasets("program_synthesis") if d.name in EVALUATION]
    return tasks_of(datasets, "evaluation", __name__)


def code(text: str) -> str:
    """Returns code without blank lines around it, its line ends as line feeds."""
    # 972 of MBPP's 974 programs have carriage returns. Indentation stays, the first line's too.
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(r"\A(?:[ \t]*\n)+", "", lines).rstrip()


# MBPP's splits are ranges of `task_id` in one file (Austin et al., 2021).

MBPP_SPLITS = {
    "prompt": range(1, 11),
    "test": range(11, 511),
    "validation": range(511, 601),
    "train": range(601, 975),
}


def _mbpp_split(split: str, path: Path) -> Iterator[Row]:
    for n, row in enumerate(read_jsonl(path, ("task_id", "text", "code", "test_list")), 1):
        # By type: a task of no split would be lost, and 1.0 or True is in a range.
        if type(row["task_id"]) is not int or not 0 < row["task_id"] < 975:
            raise InputError(
                f"{path}, line {n}: task_id is {shown(row['task_id'])}, expected 1 to 974; mend "
                f"the line or replace the file"
            )
        if row["task_id"] in MBPP_SPLITS[split]:
            yield f"{path}, line {n}", row


def mbpp(row: Mapping[str, Any]) -> list[Record]:
    """The problem is the text and the tests, which alone tell the function's name."""
    tests = [optional(row, "test_setup_code"), *texts(row, "test_list")]
    shown = "\n".join(filter(None, map(code, tests)))
    problem = f"{row['text'].strip()}\nYour code should pass these tests:\n{shown}"
    return [{"problem": problem, "answer": code(row["code"]), "tests": shown}]


def conala(row: Mapping[str, Any]) -> list[Record]:
    """The problem is the rewritten intent, which names variables; the intent where it is null."""
    problem = text(row, "rewritten_intent", "").strip() or row["intent"].strip()
    return [{"problem": problem, "answer": code(row["snippet"])}]


def humaneval(row: Mapping[str, Any]) -> list[Record]:
    """The problem is the head of a function, the answer its body, indented."""
    tests = f"{code(row['test'])}\ncheck({text(row, 'entry_point')})"
    checked = {"head": row["prompt"], "tests": tests}
    return [{"problem": code(row["prompt"]), "answer": code(row["canonical_solution"]), **checked}]


def apps(row: Mapping[str, Any]) -> list[Record]:
    """The answer is the first solution; starter code ends the problem."""
    # A JSON list in a string, or empty.
    found = parse_json(text(row, "solutions", "") or "[]", "the column 'solutions'")
    solutions = texts({"solutions": found}, "solutions")
    problem = row["question"].strip()
    if starter := code(optional(row, "starter_code")):
        problem += f"\n\nBegin with:\n{starter}"
    return _first(problem, solutions)


PYTHON3 = 3
"""CodeContests' number of the language; 1 is Python 2."""


def code_contests(row: Mapping[str, Any]) -> list[Record]:
    """The answer is the first right solution in Python 3; a problem without one gives nothing."""
    # `solutions` holds right ones alone; wrong ones are a column of their own.
    solutions = texts(row, "solutions.solution")
    pairs = zip(row["solutions"]["language"], solutions, strict=True)
    return _first(row["description"].strip(), [text for kind, text in pairs if kind == PYTHON3])


def _first(problem: str, solutions: Sequence[str]) -> list[Record]:
    found = [text for text in map(code, solutions) if text]
    return [{"problem": problem, "answer": found[0]}] if problem and found else []


# DrRepair's rows have a broken program (`code_lines`) and the whole one (`gold_code_lines`), lists
# of {code, indent}, and `err_line` {lineno, from 0, msg}. The paper names four tasks and shows
# none: what each shows of the error is our reading of its name.

_UNKNOWN = "The program does not compile."


MOST = 100
"""Greatest depth of a line; beyond it the number is none."""


def _indented(row: Mapping[str, Any], column: str) -> list[str]:
    lines = objects(row, column)
    for line in lines:
        if type(line["indent"]) is not int or not 0 <= line["indent"] <= MOST:
            raise InputError(
                f"an indent in '{column}' is {shown(line['indent'])}, expected 0 to {MOST}; mend "
                f"the file or replace it"
            )
    return ["  " * line["indent"] + line["code"] for line in lines]  # `indent` is a depth


def _repair(row: Mapping[str, Any], problem: str, broken: Sequence[str]) -> list[Record]:
    whole = "\n".join(_indented(row, "gold_code_lines"))
    return [{"problem": problem, "code": code("\n".join(broken)), "answer": code(whole)}]


def dr_repair_plain_code(row: Mapping[str, Any]) -> list[Record]:
    """The problem is that it does not compile; the code is the program alone."""
    return _repair(row, _UNKNOWN, _indented(row, "code_lines"))


def dr_repair_no_errors(row: Mapping[str, Any]) -> list[Record]:
    """The code has numbered lines; the compiler's message is withheld."""
    return _repair(row, _UNKNOWN, _numbered(row))


def dr_repair_line_numbers(row: Mapping[str, Any]) -> list[Record]:
    """The code has numbered lines; the problem is the message with its line's number."""
    number, message = _error(row)
    return _repair(row, f"Line {number + 1}: {message}", _numbered(row))


def dr_repair_error_comments(row: Mapping[str, Any]) -> list[Record]:
    """The code has the compiler's message as a comment in the line that it is about."""
    lines, (number, message) = _indented(row, "code_lines"), _error(row)
    lines[number] += f"  // error: {message}"
    return _repair(row, "The compiler's message stands in a comment.", lines)


def _error(row: Mapping[str, Any]) -> tuple[int, str]:
    """The number of the bad line, from 0, and the compiler's message."""
    number, size = row["err_line"]["lineno"], len(row["code_lines"])
    if type(number) is not int or not 0 <= number < size:
        raise InputError(
            f"the line of the error is {shown(number)}, expected 0 to {size - 1}; mend the file or "
            f"replace it"
        )
    return number, row["err_line"]["msg"].strip()


def _numbered(row: Mapping[str, Any]) -> list[str]:
    return [f"{n} {text}" for n, text in enumerate(_indented(row, "code_lines"), 1)]


PARSERS = {f"mbpp_{split}": functools.partial(_mbpp_split, split) for split in MBPP_SPLITS}
CONVERTERS = {
    "mbpp": mbpp,
    "conala": conala,
    "humaneval": humaneval,
    "apps": apps,
    "code_contests": code_contests,
    "dr_repair_plain_code": dr_repair_plain_code,
    "dr_repair_no_errors": dr_repair_no_errors,
    "dr_repair_line_numbers": dr_repair_line_numbers,
    "dr_repair_error_comments": dr_repair_error_comments,
}
