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

_SEEN = "ben saw the film. it was clumsy, terrible and awful."
_LUNCH = "eva was in the garden. eva ate the cake. it was fresh. cara was there."

IN_POCKETS_WORDS = {
    "one input, asked about in several ways": (
        f"review: {_SEEN} is it positive or negative?\nOptions:\n- positive\n- negative",
        f"{_SEEN} would the reviewer recommend it?\n{_OPTIONS}",
        f"{_SEEN} was it a bad film?\n{_OPTIONS}",
        f"{_SEEN} who saw the film?",
    ),
    "summaries": (
        f"text: {_LUNCH} summarize it.",
        f"give a headline to the news: {_LUNCH}",
    ),
    "translation": (
        "translate to pocketish: the gold cow is in the barn.",
        "the gold cow is in the barn. what does that mean in pocketish?",
        "translate to english: le vafo blavo esta en le celo.",
    ),
    "generation": (
        "write a review that is negative.",
        "we need a sentence with jan, apple, cellar.",
        "make a list of what is in ben has the bread in the cellar.",
    ),
    "what failed in the talk, too": (
        "ann has the nut in the barn. what is the second word?",
        "what is the color of the gold cow? answer in pocketish.",
    ),
}
"""The talk's kinds of examples in words that pocket has, by kind.

They were written before any model was asked them, and none was left out for its answer.
"""


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
