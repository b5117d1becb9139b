"""Source `program_synthesis`: from a problem to code that solves it, and from broken code to whole.

Records have the fields `problem` and `answer`, the code; of DrRepair also `code`, the broken
program, and there the problem is what the compiler says of it. Code is kept as it is, indentation
too: only blank lines around it go, and its line ends are line feeds (972 of MBPP's 974 programs
have carriage returns).

`dmcc_python` and the four `dr_repair_*` are the Flan Collection's, `mbpp`, `conala` and `apps` are
ours beside them. `humaneval` is for evaluation alone: `tasks` does not have it.
"""

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flanrepro.collection.task import Record, Task
from flanrepro.errors import InputError
from flanrepro.raw.dataset import read_datasets
from flanrepro.raw.reader import tasks_of
from flanrepro.raw.reading import read_jsonl

Row = tuple[str, Mapping[str, Any]]

EVALUATION = ("humaneval",)
"""Data sets that are never trained on."""


def tasks() -> tuple[Task, ...]:
    """The training tasks of `program_synthesis.yaml`; no data file is read."""
    datasets = [d for d in read_datasets("program_synthesis") if d.name not in EVALUATION]
    return tasks_of(datasets, "program_synthesis", __name__)


def evaluation_tasks() -> tuple[Task, ...]:
    """HumanEval, with its one split `test`; no data file is read."""
    datasets = [d for d in read_datasets("program_synthesis") if d.name in EVALUATION]
    return tasks_of(datasets, "evaluation", __name__)


def code(text: str) -> str:
    """Code without blank lines around it, its line ends as line feeds."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(r"\A(?:[ \t]*\n)+", "", lines).rstrip()


# MBPP: the publisher's splits are ranges of `task_id` in one file.

MBPP_SPLITS = {
    "prompt": range(1, 11),
    "test": range(11, 511),
    "validation": range(511, 601),
    "train": range(601, 975),
}


def _mbpp_split(split: str, path: Path) -> Iterator[Row]:
    for n, row in enumerate(read_jsonl(path, ("task_id", "text", "code", "test_list")), 1):
        if row["task_id"] in MBPP_SPLITS[split]:
            yield f"{path}, line {n}", row


def mbpp(row: Mapping[str, Any]) -> list[Record]:
    """The problem is the text and the tests, which alone tell the function's name."""
    tests = [row.get("test_setup_code") or "", *row["test_list"]]
    shown = "\n".join(filter(None, map(code, tests)))
    problem = f"{row['text'].strip()}\nYour code should pass these tests:\n{shown}"
    return [{"problem": problem, "answer": code(row["code"])}]


def conala(row: Mapping[str, Any]) -> list[Record]:
    """The problem is the rewritten intent, which names variables; the intent where it is null."""
    problem = (row["rewritten_intent"] or "").strip() or row["intent"].strip()
    return [{"problem": problem, "answer": code(row["snippet"])}]


def humaneval(row: Mapping[str, Any]) -> list[Record]:
    """The problem is the head of a function, the answer its body, indented."""
    return [{"problem": code(row["prompt"]), "answer": code(row["canonical_solution"])}]


def apps(row: Mapping[str, Any]) -> list[Record]:
    """The first solution, after the starter code where there is some; without one, nothing."""
    try:
        solutions = json.loads(row["solutions"] or "[]")
    except json.JSONDecodeError as error:
        raise InputError(
            f"the column 'solutions' is no JSON list ({error}); mend the file or replace it"
        ) from None
    problem = row["question"].strip()
    if code(row.get("starter_code") or ""):
        problem += f"\n\nBegin with:\n{code(row['starter_code'])}"
    return _first(problem, solutions)


PYTHON3 = 3
"""CodeContests' number of the language."""


def code_contests(row: Mapping[str, Any]) -> list[Record]:
    """The first right solution in Python 3; problems without one give nothing."""
    solved = row["solutions"]
    pairs = zip(solved["language"], solved["solution"], strict=False)
    return _first(row["description"].strip(), [text for kind, text in pairs if kind == PYTHON3])


def _first(problem: str, solutions: Sequence[str]) -> list[Record]:
    found = [text for text in map(code, solutions) if text]
    return [{"problem": problem, "answer": found[0]}] if problem and found else []


# DrRepair: one object per line with `code_lines` (the broken program), `gold_code_lines` (the whole
# one), both lists of {code, indent}, and `err_line` {lineno, from 0, msg}. The paper names four
# tasks and shows none; what they show of the error is our reading of the names.

_UNKNOWN = "The program does not compile."


def _indented(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    return ["  " * line["indent"] + line["code"] for line in lines]


def _repair(row: Mapping[str, Any], problem: str, broken: Sequence[str]) -> list[Record]:
    whole = "\n".join(_indented(row["gold_code_lines"]))
    return [{"problem": problem, "code": code("\n".join(broken)), "answer": code(whole)}]


def dr_repair_plain_code(row: Mapping[str, Any]) -> list[Record]:
    """The program alone."""
    return _repair(row, _UNKNOWN, _indented(row["code_lines"]))


def dr_repair_no_errors(row: Mapping[str, Any]) -> list[Record]:
    """The program with numbered lines, without the compiler's message."""
    return _repair(row, _UNKNOWN, _numbered(row["code_lines"]))


def dr_repair_line_numbers(row: Mapping[str, Any]) -> list[Record]:
    """The program with numbered lines, and the message with the number of the line."""
    number, message = row["err_line"]["lineno"] + 1, row["err_line"]["msg"].strip()
    return _repair(row, f"Line {number}: {message}", _numbered(row["code_lines"]))


def dr_repair_error_comments(row: Mapping[str, Any]) -> list[Record]:
    """The program with the message as a comment in the line that it is about."""
    lines, error = _indented(row["code_lines"]), row["err_line"]
    lines[error["lineno"]] += f"  // error: {error['msg'].strip()}"
    return _repair(row, "The compiler's message stands in a comment.", lines)


def _numbered(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"{n} {text}" for n, text in enumerate(_indented(lines), 1)]


PARSERS = {
    **{f"mbpp_{split}": functools.partial(_mbpp_split, split) for split in MBPP_SPLITS},
}
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
