"""SQuAD 2.0's exact match and F1 of words, as its official `evaluate-v2.0.py` computes them.

Rajpurkar et al., 2018.
"""

import re
import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flanrepro.sources.flan2022.flan2021_records import UNANSWERABLE

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def words(text: str) -> list[str]:
    """Gives the words to compare: in lower case, without punctuation and articles.

    Where the passage has no answer, a model says the word that it was taught, and the official
    script expects the empty text: both give no words.
    """
    found = _ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split()
    return [] if found == [UNANSWERABLE] else found


def exact_match_and_f1(prediction: str, references: Sequence[str]) -> tuple[float, float]:
    """Gives both metrics, 0 to 1, each the best over the references.

    References without words mean that there is no answer, which an answer without words matches.
    """
    given = words(prediction)
    expected = [found for text in references if (found := words(text))] or [[]]
    return float(given in expected), max(_f1(given, reference) for reference in expected)


def _f1(given: list[str], expected: list[str]) -> float:
    """Computes the F1 of two bags of words; 1 or 0 where one of them is empty."""
    if not given or not expected:
        return float(given == expected)
    return 2 * (Counter(given) & Counter(expected)).total() / (len(given) + len(expected))


def squad_scores(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Computes `exact_match` and `f1` in per cent.

    Args:
        rows: rows with a `prediction` and `references`, an empty list where there is no answer.

    Returns:
        both metrics over all questions, and under `answerable_...` and `unanswerable_...` (the
        official `HasAns_...` and `NoAns_...`) over those with and without an answer, if any.
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
