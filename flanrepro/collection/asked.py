"""What an evaluation item asks, and what a training record says, as texts to be compared.

What tells an item from others of its task is its question, its hypothesis or its pair of sentences.
A passage or a premise does not: training records may ask about it, too, as SQuAD's do. What all
items of a task share does not either: the options `yes` and `no`, or the question "Which sentence
is true?" in front of different options.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from flanrepro.collection.overlap import SHORTEST, N, words_of
from flanrepro.collection.task import Record

_PASSAGES = ("passage", "premise")
_QUESTIONS = ("question", "hypothesis")
_PAIR = ("sentence1", "sentence2")


def item_texts(records: Iterable[Record]) -> list[tuple[str, ...]]:
    """Texts of a task's evaluation items, each of which betrays the item where it occurs.

    They are the question alone, unless another item has the same; the question with its options,
    unless all items have the same; and a question that is too short, or is another item's as well,
    with the passage's words beside it: a copy has the passage just before or behind it.
    """
    parts = [
        (_question(record), record.get("options", ""), _first(record, _PASSAGES))
        for record in records
    ]
    asked = Counter(question for question, _, _ in set(parts))
    several = len({tuple(sorted(options.split("\n"))) for _, options, _ in parts}) > 1
    made = []
    for question, options, passage in parts:
        texts = [question] if asked[question] == 1 else []
        if options and several:
            texts.append(f"{question}\n{options}")
        if len(words_of(question)) < SHORTEST or asked[question] > 1:
            texts += _beside(passage, question)
        made.append(tuple(texts))
    return made


def record_texts(record: Record) -> Iterator[str]:
    """Texts of a training record: its fields, those of what it asks as one text.

    A record that has a field for each part of an item is a copy of it as well.
    """
    asks = (*_QUESTIONS, *_PAIR, "options")
    yield from (text for name, text in record.items() if name not in asks)
    tail = " ".join(words_of(_first(record, _PASSAGES))[-N:])
    yield "\n".join(filter(None, (tail, *(record.get(name) for name in asks))))


def _question(record: Record) -> str:
    pair = [record[name] for name in _PAIR if record.get(name)]
    return _first(record, _QUESTIONS) or "\n".join(pair)


def _first(record: Record, names: Sequence[str]) -> str:
    return next((record[name] for name in names if record.get(name)), "")


def _beside(passage: str, question: str) -> Iterator[str]:
    """The nearest words of the question and the passage, 13 in all, for both of their orders."""
    said, words = words_of(passage), words_of(question)
    near = min(len(words), SHORTEST - 1)  # a short question as a whole
    if near and len(said) >= N - near:
        yield " ".join((*said[near - N :], *words[:near]))
        yield " ".join((*words[-near:], *said[: N - near]))
