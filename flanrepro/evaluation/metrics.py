"""How an answer is read from generated text, and compared."""

import re
import string
from decimal import Decimal

from flanrepro.collection.task import Task

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?|-?\.\d+")
_LETTER = re.compile(r"\(([A-Za-z])\)")
_CUE = "answer is"


def extract_answer(text: str, kind: str) -> str:
    """The answer in a generated or reference text, in a form that can be compared.

    A chain of thought ends in 'the answer is X' (the convention of Wei et al., 2022): what follows
    the last such cue counts, or the whole text where there is none. Of this

    - `number` takes the first number behind a cue, the last one where there is no cue, without
      thousands commas and trailing zeros;
    - `option` takes the first letter in brackets; without one, as `text`;
    - `text` takes the words, in lower case without punctuation at the ends (so that `No.` is `no`).

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
    return " ".join(tail.lower().split()).strip(string.punctuation + " ")


def is_correct(prediction: str, target: str, task: Task) -> bool:
    """Exact match of the answers; a reference without an answer is matched by nothing."""
    expected = extract_answer(target, task.answer)
    return expected != "" and extract_answer(prediction, task.answer) == expected


def chance(task: Task, split: str, records: list[int]) -> float:
    """Expected accuracy of picking an option at random; 0 for tasks without options."""
    given = [task.records(split)[i].get("options") for i in records]
    return sum(1 / len(options.split("\n")) for options in given if options) / len(given)
