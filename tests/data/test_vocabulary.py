import pytest

from flanrepro.collection import load_collection
from flanrepro.data.vocabulary import (
    EOS,
    UNK,
    Vocabulary,
    collection_text,
    load_vocabulary,
    train_vocabulary,
)
from flanrepro.errors import InputError


def test_pocket_gives_whole_words_and_reads_them_back():
    vocabulary = load_vocabulary("pocket")
    text = "what is the home of the pig? Options: - attic - garden"
    ids = vocabulary.encode(text)
    assert vocabulary.decode(ids) == text
    assert len(ids) == 14  # words and punctuation marks
    assert UNK not in ids
    assert vocabulary.size == 640


def test_line_breaks_and_spaces_are_one_space_as_in_t5():
    vocabulary = load_vocabulary("pocket")
    assert vocabulary.encode("the pig\n\n the hen") == vocabulary.encode("the pig the hen")


def test_decoding_stops_at_eos_and_leaves_out_what_is_no_piece():
    vocabulary = load_vocabulary("pocket")
    ids = vocabulary.encode("the pig")
    assert vocabulary.decode([0, *ids, EOS, *ids]) == "the pig"
    assert vocabulary.decode([*ids, vocabulary.size - 1]) == "the pig"


def test_the_shipped_model_is_what_its_card_says_it_is(tmp_path):
    text = collection_text(load_collection("pocket"))
    made = Vocabulary(train_vocabulary(text, tmp_path / "made.model", 540, "bpe"))
    sentence = "task: say whether the text is positive or negative."
    assert made.encode(sentence) == load_vocabulary("pocket").encode(sentence)
    assert [path.name for path in tmp_path.iterdir()] == ["made.model"]


def test_what_is_no_model_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no vocabulary at .*: give a SentencePiece .model file"):
        load_vocabulary(str(tmp_path / "none.model"))
    path = tmp_path / "text.model"
    path.write_text("no model")
    with pytest.raises(InputError, match=r"text.model is no SentencePiece model"):
        Vocabulary(path)


def test_an_unknown_name_lists_the_choices():
    with pytest.raises(InputError, match="unknown vocabulary 't6': choose pocket, t5, flan2022-"):
        load_vocabulary("t6")


def test_t5_without_the_hub_says_what_to_do(monkeypatch):
    hub = pytest.importorskip("huggingface_hub")

    def unreachable(*args):
        raise OSError("no route to host")

    monkeypatch.setattr(hub, "hf_hub_download", unreachable)
    with pytest.raises(InputError, match=r"\(no route to host\); give the path of a spiece.model"):
        load_vocabulary("t5")


def test_a_vocabulary_is_trained_once_from_a_collections_text(tmp_path, monkeypatch, mirror):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    vocabulary = load_vocabulary("flan2022-800")
    assert vocabulary.path == tmp_path / "vocabularies" / "flan2022-800.model"
    assert vocabulary.size == 1024  # 800 pieces and 100 sentinels, to a multiple of 128
    text = "Natalia sold clips to 48 of her friends in April."
    assert vocabulary.decode(vocabulary.encode(text)) == text
    load_vocabulary.cache_clear()
