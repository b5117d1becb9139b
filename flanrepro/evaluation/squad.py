"""SQuAD 2.0's exact match and F1 of words (Rajpurkar et al., 2018; official `evaluate-v2.0.py`)."""

import re
import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flanrepro.sources.flan2022.flan2021_records import UNANSWERABLE

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def words(text: str) -> list[str]:
    """The words that are compared: in lower case, without punctuation and articles.

    The model's way to say that the passage has no answer is the word that it is taught for it,
    the official script's is the empty text: both are no words.
    """
    found = _ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split()
    return [] if found == [UNANSWERABLE] else found


def exact_match_and_f1(prediction: str, references: Sequence[str]) -> tuple[float, float]:
    """The best of each over the references; none with words means that there is no answer."""
    given = words(prediction)
    expected = [found for text in references if (found := words(text))] or [[]]
    return float(given in expected), max(_f1(given, reference) for reference in expected)


def _f1(given: list[str], expected: list[str]) -> float:
    """Of two bags of words; 1 or 0 where one of them has none."""
    if not given or not expected:
        return float(given == expected)
    return 2 * (Counter(given) & Counter(expected)).total() / (len(given) + len(expected))


def squad_scores(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """`exact_match` and `f1` in per cent, of all questions and of those with and without an answer.

    Args:
        rows: each with a `prediction` and `references`, an empty list where there is no answer.

    Returns:
        also `answerable_...` and `unanswerable_...` (the official `HasAns_...` and `NoAns_...`),
        if there are such questions.
    """
    parts: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        pair = exact_match_and_f1(row["prediction"], row["references"])
        kind = "answerable_" if any(map(words, row["references"])) else "unanswerable_"
        for part in ("", kind):
            parts.setdefault(part, []).append(pair)
    return {
        f"{part}{name}": 100 * sum(values) / len(values)
        for part, pairs in parts.items()
        for name, values in zip(("exact_match", "f1"), zip(*pairs, strict=True), strict=True)
    }
