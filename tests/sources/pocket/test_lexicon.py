"""The vocabulary is the lexicon's, byte for byte, and a word outside it is one sentence."""

import pytest
from typer.testing import CliRunner

from flanrepro.cli.app import app
from flanrepro.data.vocabulary import load_vocabulary
from flanrepro.errors import InputError
from flanrepro.sources import SAID
from flanrepro.sources.pocket import lexicon


def test_a_word_outside_the_lexicon_is_one_sentence():
    with pytest.raises(InputError) as error:
        lexicon.check_words(["the cat sat.", "the dog"], "template file mine.yaml, 'first'")
    assert str(error.value) == (
        "template file mine.yaml, 'first' says 'sat', which is no word of the pocket world: add it "
        "to lexicon.yaml and pretrain again, or say it in other words"
    )


def test_words_numbers_and_signs_of_the_world_pass():
    lexicon.check_words(['The cat, (A) 31 -> "rice"! {}'], "here")


def test_the_lexicon_is_in_order_and_has_no_word_twice():
    assert list(lexicon.WORDS) == sorted(set(lexicon.WORDS))


def test_the_command_makes_the_shipped_vocabulary_again(tmp_path):
    path = tmp_path / "words.model"
    arguments = ["vocabulary", str(path), "--collection", "pocket", "--model-type", "words"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert path.read_bytes() == load_vocabulary("pocket").path.read_bytes()


def test_what_is_said_of_pocket_beside_its_scores_has_the_number_of_its_words():
    nearest = 50 * round(len(lexicon.WORDS) / 50)
    assert f"made-up world of some {nearest} words" in SAID["pocket"]


def test_every_word_of_the_lexicon_is_one_piece():
    vocabulary = load_vocabulary("pocket")
    assert all(len(vocabulary.encode(word)) == 1 for word in lexicon.WORDS)
    assert all(len(vocabulary.encode(str(number))) == 1 for number in range(lexicon.MOST + 1))
