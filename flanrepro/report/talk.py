"""The examples of FLAN 2021's talk, asked of models: what the templates do not ask for."""

from collections.abc import Mapping, Sequence

import pandas as pd

from flanrepro.collection.task import Collection
from flanrepro.data.vocabulary import EOS
from flanrepro.evaluation.predict import decode
from flanrepro.model.model import Model

_REVIEW = "Movie review: This movie is the best RomCom since Pretty Woman. Did this critic"
_OPTIONS = "OPTIONS:\n- yes\n- no"

EXAMPLES = (
    f"{_REVIEW} like the movie?\n{_OPTIONS}",
    f"{_REVIEW} dislike the movie?\n{_OPTIONS}",
    "Jason Wei is reading the paper. Change to past tense.",
    "Jason Wei is reading the paper. What is the second word in the sentence?",
)
"""Prompts of the talk, two of them shortened; the last one is among its failure cases."""


def of_pocket(pocket: Collection) -> tuple[str, ...]:
    """The talk's first pair in pocket's words: a review, and whether the reviewer likes it."""
    review = pocket.task("sst2").records("validation")[0]["review"]
    verbs, options = ("like", "hate"), "Options:\n- yes\n- no"
    return tuple(f"{review} did the reviewer {verb} it?\n{options}" for verb in verbs)


def answers(models: Mapping[str, Model], prompts: Sequence[str], length: int = 16) -> pd.DataFrame:
    """The greedy answers of models to prompts, at most `length` tokens each, a row per prompt."""
    said = {
        name: decode(model, [[*model.vocabulary.encode(text), EOS] for text in prompts], length)
        for name, model in models.items()
    }
    return pd.DataFrame({"prompt": prompts} | said)
