"""The words of the world: what its texts and its prompts may say."""

import re
from collections.abc import Iterable, Iterator

from flanrepro.collection.formats import (
    number_of_option_styles,
    number_of_turn_styles,
    option_style,
    turn_style,
)
from flanrepro.errors import InputError
from flanrepro.packaged import read_yaml
from flanrepro.sources.pocket.world import NUMBERS

PACKAGE = __package__
WORDS: tuple[str, ...] = tuple(read_yaml(PACKAGE, "lexicon")["words"].split())
"""Every word, in alphabetical order."""
SIGNS = ". , : ; ? ! ( ) [ ] - -- -> / // + * = < > # ... \" '".split()
_FOLLOWING = ". , : ; ? ! ) ]".split()
MOST = 31
"""Largest number of the world: sums do not leave it, though one more than it may be asked for."""


def texts() -> Iterator[str]:
    """Yields texts that have every piece of the vocabulary: words, numbers, signs, formats."""
    yield from WORDS
    yield " ".join(str(number) for number in range(max(*NUMBERS, MOST) + 1))
    yield " ".join(SIGNS)
    yield from (f"a{sign}" for sign in _FOLLOWING)
    for i in range(number_of_option_styles()):
        yield option_style(i).block("a\nb\nc\nd\ne")
    for i in range(number_of_turn_styles()):
        style = turn_style(i)
        yield f"{style.heading} {' '.join(f'{mark}a{style.end}' for mark in style.marks)}"


def check_words(texts: Iterable[str], where: str) -> None:
    """Raises InputError if a text has a word that is not in `lexicon.yaml`."""
    known = set(WORDS)
    for text in texts:
        strange = [word for word in re.findall(r"[a-z]+", text.lower()) if word not in known]
        if strange:
            raise InputError(
                f"{where} says '{strange[0]}', which is no word of the pocket world: add it to "
                "lexicon.yaml and pretrain again, or say it in other words"
            )
