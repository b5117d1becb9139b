"""How an answer is read from generated text, and compared."""

import re
import string
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from flanrepro.collection.metrics import table_3_metrics
from flanrepro.collection.task import Task

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?|-?\.\d+")
_LETTER = re.compile(r"\(([A-Za-z])\)")
_CUE = "answer is"
_NO_BRACKETS = "".join(set(string.punctuation) - set("()[]{}<>")) + " "


def extract_answer(text: str, kind: str) -> str:
    """The answer in a generated or reference text, in a form that can be compared.

    A chain of thought ends in 'the answer is X' (the convention of Wei et al., 2022): what follows
    the last such cue counts, or the whole text where there is none. Of this

    - `number` takes the first number behind a cue, the last one where there is no cue, without
      thousands commas and trailing zeros;
    - `option` takes the first letter in brackets; without one, as `text`;
    - `text` takes the words, in lower case without punctuation at the ends (so that `No.` is `no`);
      of a text without words the brackets (BIG-Bench Hard's Dyck languages).

    An answer that is not there is the empty string.
    """
    _, cue, tail = text.rpartition(_CUE)
    if kind == "number":
        numbers = _NUMBER.findall(tail)
        if not numbers:
            return ""
        number = Decimal((numbers[0] if cue else numbers[-1]).replace(",", ""))
        return f"{number.normalize():f}"
    if kind == "option" and (letter := _LETTER.search(tail)):
        return letter[1].upper()
    words = " ".join(tail.lower().split())
    return words.strip(string.punctuation + " ") or words.strip(_NO_BRACKETS)


def is_correct(prediction: str, target: str, task: Task) -> bool:
    """Exact match of the answers; a reference without an answer is matched by nothing."""
    expected = extract_answer(target, task.answer)
    return expected != "" and extract_answer(prediction, task.answer) == expected


def task_score(task: Task, rows: Sequence[Mapping[str, Any]]) -> tuple[str, float]:
    """The metric of Table 3 for a task, accuracy where it has none, and its value in per cent.

    Args:
        task: of the predictions.
        rows: of `flanrepro.evaluation.evaluate.evaluate`, all of this task.

    F1 is the mean over the classes of the references (Table 3: 3-class F1); Spearman's correlation
    is of the numbers, an answer that is none being worse than all, and 0 where all are equal.
    """
    expected = [extract_answer(row["targets"], task.answer) for row in rows]
    given = [row["answer"] for row in rows]
    (name, *_) = table_3_metrics(task) or ("accuracy",)
    if name == "f1":
        from sklearn.metrics import f1_score

        labels = sorted(set(expected))
        return name, 100 * f1_score(
            expected, given, labels=labels, average="macro", zero_division=0
        )
    if name == "spearman":
        from scipy.stats import spearmanr

        pairs = [[_as_number(answer) for answer in answers] for answers in (expected, given)]
        constant = any(len(set(numbers)) < 2 for numbers in pairs)
        return name, 0.0 if constant else 100 * float(spearmanr(*pairs).statistic)
    return "accuracy", 100 * sum(row["correct"] for row in rows) / len(rows)


def _as_number(answer: str) -> float:
    return float(answer) if _NUMBER.fullmatch(answer) else -1.0


def chance(task: Task, split: str, records: list[int]) -> float:
    """Expected accuracy of picking an option at random; 0 for tasks without options."""
    given = [task.records(split)[i].get("options") for i in records]
    return sum(1 / len(options.split("\n")) for options in given if options) / len(given)
