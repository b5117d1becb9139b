"""ROUGE and exact match of Super-Natural Instructions, and ROUGE of FLAN 2021.

The former as its authors compute them (Wang et al., 2022, and src/compute_metrics.py of
Tk-Instruct): each the best over the references, then the mean over the items. ROUGE-L's words are
stems of runs of a-z and 0-9. Where languages other than English are asked for, the authors take
GPT-2's pieces instead, which are no part of this package: such tasks have exact match alone.

FLAN 2021's as `t5/evaluation/metrics.py` computes them, without stems: F-measures of single words,
of pairs of words, and of the longest common subsequence, line by line (`rougeLsum`).
"""

import functools
import re
import string
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_WORD = re.compile("[a-z0-9]")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


FLAN2021 = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeLsum"}
"""Metrics of FLAN 2021's Table 1, and what `rouge_score` calls them."""


@functools.cache
def _scorer(stems: bool = True):
    # Here: it imports NLTK for the stems, which takes a second.
    from rouge_score import rouge_scorer

    return rouge_scorer.RougeScorer(["rougeL"] if stems else [*FLAN2021.values()], stems)


def rouge_l(prediction: str, references: Sequence[str]) -> float:
    """Computes the F-measure of the longest common subsequence of words, best over references."""
    score = _scorer().score
    return max(score(reference, prediction)["rougeL"].fmeasure for reference in references)


def flan2021_rouge(prediction: str, references: Sequence[str]) -> dict[str, float]:
    """Computes the metrics of `FLAN2021`, 0 to 1, each the best over the references."""

    def lines(text: str) -> str:
        return text.replace(" . ", " .\n")

    found = [_scorer(False).score(lines(text), lines(prediction)) for text in references]
    return {name: max(one[key].fmeasure for one in found) for name, key in FLAN2021.items()}


def exact_match(prediction: str, references: Sequence[str]) -> float:
    """Gives 1 if a reference has the same words in lower case and without punctuation, else 0."""
    return float(_words(prediction) in map(_words, references))


def _words(text: str) -> str:
    return " ".join(text.lower().translate(_NO_PUNCTUATION).split())


def item_scores(rows: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Computes `rouge_l` and `exact_match` of each item, 0 to 1, [items].

    Args:
        rows: rows with a `prediction` and `references`.

    Returns:
        both; ROUGE-L is NaN if most items have no reference with a word of a-z and 0-9.
    """
    functions = {"rouge_l": rouge_l, "exact_match": exact_match}
    scores = {
        name: np.array([function(row["prediction"], row["references"]) for row in rows], float)
        for name, function in functions.items()
    }
    known = [any(_WORD.search(text.lower()) for text in row["references"]) for row in rows]
    if 2 * sum(known) < len(known):
        scores["rouge_l"][:] = np.nan
    return scores
