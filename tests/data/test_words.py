import random
import sys

import pytest

from flanrepro.collection import Mixture
from flanrepro.data import words
from flanrepro.data.vocabulary import Vocabulary, load_vocabulary, train_vocabulary
from flanrepro.sources import load_collection

PROSE = ["The pig and the hen.\n\nIn  the garden: 12 + 3 = 15", "def f(x):\n    return x  # yes\n"]

# What Unicode's normalization makes a space, takes away, joins with its neighbour or spells out;
# SentencePiece's own sign for a space; and names of pieces.
ODD = [" ", "  ", "\n", " \n", "\n ", "\n\n", "\t", "\r\n", "\x00", "\x0b", "\x0c", "\x1c", "\x85"]
ODD += ["\xa0", "\u1680", "\u200b", "\u2028", "\u3000", "\ufeff", "\ufffd", "\u2581", "\u2581a"]
ODD += ["\u0301", "\u0308", "\u0345", "e\u0301", "\xa8", "\u1fed", "\u1100\u1161", "\u0e33"]
ODD += ["\ufdfa", "\ufb01", "\uff5e", "\xbd", "\u4e16\u754c", "\U0001f468\u200d\U0001f469"]
ODD += ["a", "the", "Hmmm", "15", "`", "<unk>", "</s>", "x" * 99]


def odd_texts(number: int) -> list[str]:
    draw = random.Random(0)
    mixed = ["".join(draw.choices(ODD, k=draw.randint(0, 9))) for _ in range(number)]
    every = map(chr, [*range(1, 0x3100), *range(0xF900, 0x10000)])
    return mixed + [f"a {sign} b{sign} {sign}c d{sign}\n{sign} \n" for sign in every]


def check(vocabulary: Vocabulary, texts: list[str]) -> None:
    """Every text's ids are SentencePiece's own, the first time and again."""
    alone = [vocabulary._pieces.encode(text) for text in texts]
    for _ in range(2):
        assert [vocabulary.encode(text) for text in texts] == alone


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Vocabulary:
    path = tmp_path_factory.mktemp("own") / "own.model"
    return Vocabulary(train_vocabulary([*PROSE * 20, "".join(ODD)], path, 300, "bpe"))


def test_a_bpe_vocabulary_of_our_own_gives_sentencepieces_ids_of_any_text(own):
    assert own._words is not None
    check(own, odd_texts(5000))
    assert len(own._words) > 1000


def test_prompts_of_every_pocket_task_have_sentencepieces_ids(own):
    tasks = load_collection("pocket").tasks.values()
    mixture = Mixture(tuple(tasks), weights=(1,) * len(tasks))  # each of them once
    prompts = [mixture[i] for i in range(len(tasks))]
    texts = [text for prompt in prompts for text in (prompt.inputs, prompt.targets)]
    for vocabulary in (own, load_vocabulary("pocket")):
        check(vocabulary, texts)


def test_words_are_forgotten_when_they_are_many(own, monkeypatch):
    monkeypatch.setattr(words, "KEPT", 3)
    own._words.clear()
    for text in ("the pig", "the hen", "the\npig and the garden", "x" * 99):
        assert own.encode(text) == own._pieces.encode(text)
        assert len(own._words) <= 3
    assert "x" * 99 not in own._words


class Counting:
    """SentencePiece, and what it was asked to split."""

    def __init__(self, pieces):
        self.id_to_piece, self._pieces, self.asked = pieces.id_to_piece, pieces, []

    def encode_as_numpy(self, text: str):
        self.asked.append(text)
        return self._pieces.encode_as_numpy(text)


def test_a_word_is_split_once_and_a_text_with_two_spaces_as_a_whole(own):
    pieces = Counting(own._pieces)
    kept = words.Words(pieces)
    for _ in range(3):
        kept.ids("the pig the\nhen")
    assert pieces.asked == ["the", "pig", "\nhen"]
    kept.ids("the  pig")
    assert pieces.asked[3:] == ["", "the  pig"]


def test_models_whose_words_depend_on_the_text_before_are_left_to_sentencepiece(
    tmp_path, pieces_like_t5s
):
    unigram = train_vocabulary(PROSE * 20, tmp_path / "unigram.model", 90)
    across = pieces_like_t5s(
        ["in the garden of the pig"] * 11,
        60,
        model_type="bpe",
        split_by_whitespace=False,
        remove_extra_whitespaces=False,
        user_defined_symbols=["\n"],
    )
    for path in (unigram, across, pieces_like_t5s(PROSE, 60), load_vocabulary("pocket").path):
        found = Vocabulary(path)
        assert found._words is None
        check(found, odd_texts(500)[:2000])


def test_t5s_words_are_not_kept_for_the_text_before_them_decides(t5):
    found = Vocabulary(t5)
    alone = found.encode("Hmmm")
    after = [found.encode("the pig and the hen " * n + "Hmmm")[-len(alone) :] for n in range(400)]
    assert found._words is None
    assert any(ids != alone for ids in after)
    check(found, odd_texts(2000)[:4000])


def test_no_protobuf_is_needed_to_read_a_vocabulary(own, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece.sentencepiece_model_pb2", None)
    monkeypatch.setitem(sys.modules, "google.protobuf", None)
    assert Vocabulary(own.path)._words is not None
