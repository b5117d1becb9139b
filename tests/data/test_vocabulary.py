import hashlib
import os
import re
import string
import sys
from pathlib import Path

import numpy as np
import pytest
import sentencepiece

from flanrepro.cli.vocabulary import vocabulary as vocabulary_command
from flanrepro.data.vocabulary import (
    EOS,
    PAD,
    REAL_TEXT_COVERAGE,
    UNK,
    Vocabulary,
    load_vocabulary,
    train_vocabulary,
    vocabulary_of,
)
from flanrepro.errors import InputError
from flanrepro.sources import load_collection


def test_pocket_gives_whole_words_and_reads_them_back():
    vocabulary = load_vocabulary("pocket")
    text = "What is the home of the pig? Options: - attic - garden"
    ids = vocabulary.encode(text)
    assert vocabulary.decode(ids) == text.lower()
    assert len(ids) == 14  # words and punctuation marks
    assert UNK not in ids
    assert (vocabulary.size, vocabulary.extra_ids) == (896, 16)
    assert vocabulary.first_sentinel == 889  # behind 874 pieces, the last of 16


def test_every_pocket_piece_reads_back_and_special_ids_are_t5s():
    vocabulary = load_vocabulary("pocket")
    assert (PAD, EOS, UNK) == (0, 1, 2)
    assert vocabulary.size % 128 == 0
    for task in load_collection("pocket").every_task.values():
        split = list(task.splits)[-1]
        for record in task.records(split):
            text = " ".join(" ".join(record.values()).split())
            ids = vocabulary.encode(text)
            # A letter of an option is lower-cased, and what looks like a bullet is set apart.
            read = re.sub("[-+*]", r"\g<0> ", text.lower())
            assert vocabulary.decode(ids) == " ".join(read.split())
            assert min(ids) > UNK
            assert max(ids) < vocabulary.size - vocabulary.extra_ids
    texts = [record["answer"] for record in task.records(split)]
    assert vocabulary.encode_batch(texts) == [vocabulary.encode(text) for text in texts]


def test_line_breaks_and_spaces_are_one_space_as_in_t5():
    vocabulary = load_vocabulary("pocket")
    assert vocabulary.encode("the pig\n\n the hen") == vocabulary.encode("the pig the hen")


def test_decoding_stops_at_eos_and_leaves_out_what_is_no_piece():
    vocabulary = load_vocabulary("pocket")
    ids = vocabulary.encode("the pig")
    assert vocabulary.decode([0, *ids, EOS, *ids]) == "the pig"
    assert vocabulary.decode([*ids, vocabulary.size - 1]) == "the pig"
    assert vocabulary.decode(np.array([EOS, *ids])) == ""
    assert vocabulary.decode([]) == ""


def test_the_shipped_model_is_what_its_card_says_it_is(tmp_path):
    made = tmp_path / "made.model"
    vocabulary_command(made, model_type="words", collection="pocket")
    assert made.read_bytes() == Path(load_vocabulary("pocket").path).read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["made.model"]


CODE = """\
def count(words):
    found = {}
    for word in words:
\tfound[word] = ~(1 << 2) if word < "\\\\" else 0

        #    four spaces, then eight
    return found
"""


@pytest.mark.parametrize("model_type", ["bpe", "unigram"])
def test_a_vocabulary_that_we_train_keeps_code_as_it_is(model_type, tmp_path):
    texts = [CODE, "the pig and the hen", "in the garden"] * 20
    made = Vocabulary(train_vocabulary(texts, tmp_path / "made.model", 90, model_type))
    for text in (CODE, CODE.strip(), "\nthe  pig", " a\t\n", "\n\n", "    return word"):
        assert made.decode(made.encode(text)) == text
    assert UNK not in made.encode(CODE)
    assert len(made.encode("\n" + 8 * " ")) <= 4  # indentation is a piece or two


def test_ascii_has_pieces_however_rare_it_is_in_the_text(tmp_path):
    path = tmp_path / "made.model"
    texts = ["the pig and the hen in the garden {"] * 99
    made = Vocabulary(train_vocabulary(texts, path, 200, "bpe", REAL_TEXT_COVERAGE))
    signs = string.digits + string.ascii_letters + string.punctuation
    assert made.decode(made.encode(signs)) == signs
    assert UNK in Vocabulary(train_vocabulary(texts, path, 200, "bpe")).encode("~")


@pytest.fixture(scope="module")
def seqio():
    from flanrepro.data.seqio_tasks import import_seqio

    return import_seqio()


def test_seqio_splits_a_text_with_line_ends_as_we_do(seqio, tmp_path):
    made = Vocabulary(train_vocabulary([CODE] * 20, tmp_path / "made.model", 90, "bpe"))
    theirs = seqio.SentencePieceVocabulary(str(made.path), extra_ids=100)
    assert made.encode(CODE) == theirs.encode(CODE) == theirs.encode_tf(CODE).numpy().tolist()
    assert theirs.decode(made.encode(CODE)) == CODE


def test_t5s_vocabulary_is_the_published_one(t5, mirror, monkeypatch):
    digest = hashlib.sha256(t5.read_bytes()).hexdigest()
    assert digest == "d60acb128cf7b7f2536e8f38a5b18a05535c9e14c7a355904270e15b0945ea86"
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    found = load_vocabulary("t5")
    assert found.path == t5
    assert found.size == 32128  # 32,000 pieces and 100 sentinels, to a multiple of 128
    assert (found.first_sentinel, found.first_sentinel - found.extra_ids + 1) == (32099, 32000)
    assert found.encode("Translate this.") == [30355, 15, 48, 5]
    assert found.decode([30355, 15, 48, 5, EOS, 3]) == "Translate this."


def test_t5s_vocabulary_has_no_line_ends_and_lacks_seven_signs_of_ascii(t5):
    found = Vocabulary(t5)
    signs = string.digits + string.ascii_letters + string.punctuation
    assert "".join(sign for sign in signs if UNK in found.encode(sign)) == "<\\^`{}~"
    assert found.decode(found.encode("a\n\n  b\tc")) == "a b c"


def test_what_is_no_model_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no vocabulary at .*: give a SentencePiece .model file"):
        load_vocabulary(str(tmp_path / "none.model"))
    path = tmp_path / "text.model"
    for content in ("no model", ""):
        path.write_text(content)
        with pytest.raises(InputError, match=r"text.model is no SentencePiece model") as error:
            Vocabulary(path)
        assert "\n" not in str(error.value)


def test_a_model_with_other_special_ids_is_refused(tmp_path):
    path = tmp_path / "llama.model"
    with path.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["the pig and the hen"] * 20),
            model_writer=file,
            vocab_size=30,
            hard_vocab_limit=False,
            minloglevel=2,
        )
    expected = r"llama.model: pad, eos and unk have the ids \(-1, 2, 0\); expected T5's \(0, 1, 2\)"
    with pytest.raises(InputError, match=expected):
        Vocabulary(path)


def test_a_vocabulary_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "made.model"
    path.parent.mkdir()
    path.write_bytes(b"the old one")

    def full(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(InputError, match=r"made.model could not be written \(No space left"):
            train_vocabulary(["the pig and the hen"] * 20, path, 40, "bpe")
    assert path.read_bytes() == b"the old one"
    train_vocabulary(["the pig and the hen"] * 20, path, 40, "bpe")
    assert [file.name for file in path.parent.iterdir()] == ["made.model"]
    made = Vocabulary(path)
    assert made.decode(made.encode("the pig")) == "the pig"
    assert made.size == 256  # 34 pieces and 100 sentinels, to a multiple of 128
    assert Vocabulary(path, extra_ids=0).size == 128


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["the pig"] * 9, r"of 4 pieces can be trained \(Vocabulary size is smaller than .* 4 vs "),
        ([], r"of 4 pieces can be trained \(there is no text\): ask for more pieces"),
    ],
)
def test_a_text_that_gives_no_vocabulary_says_why(tmp_path, texts, said):
    with pytest.raises(InputError, match=said):
        train_vocabulary(texts, tmp_path / "made.model", 4)
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_is_no_utf8_is_as_good_as_any(tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    shipped = load_vocabulary("pocket")
    (folder / "spiece.model").write_bytes(shipped.path.read_bytes())
    assert vocabulary_of(folder).encode("the red cup") == shipped.encode("the red cup")


@pytest.mark.parametrize("name", ["t6", "flan2022-\u00b2", "flan2022-" + "9" * 5000])
def test_an_unknown_name_lists_the_choices(name):
    with pytest.raises(InputError, match=r"unknown vocabulary '.*': choose pocket, t5, flan2022-"):
        load_vocabulary(name)


def test_t5_without_the_hubs_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"Hugging Face Hub: pip install 'flanrepro\[hub\]'"):
        load_vocabulary("t5")


def test_t5_without_the_hub_says_what_to_do(monkeypatch):
    hub = pytest.importorskip("huggingface_hub")

    def unreachable(*args, **how):
        raise OSError("no route to host")

    monkeypatch.setattr(hub, "snapshot_download", unreachable)
    said = (
        "'google/t5-v1_1-small' could not be downloaded from the Hugging Face Hub "
        ".no route to host.; check"
    )
    with pytest.raises(InputError, match=said):
        load_vocabulary("t5")


def test_a_vocabulary_is_trained_once_from_a_collections_text(tmp_path, monkeypatch, mirror):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    vocabulary = load_vocabulary("flan2022-800")
    (kept,) = (tmp_path / "vocabularies").iterdir()
    assert vocabulary.path == kept
    assert re.fullmatch(r"flan2022-800-[0-9a-f]{12}\.model", kept.name)
    assert vocabulary.size == 1024  # 800 pieces and 100 sentinels, to a multiple of 128
    text = "Natalia sold clips to 48 of her friends\n\n    {in April}."
    assert vocabulary.decode(vocabulary.encode(text)) == text
    load_collection.cache_clear()


def test_words_are_listed_by_a_generated_collection_alone(tmp_path):
    with pytest.raises(InputError, match="collection 'flan2022' has no list of its words: choose"):
        vocabulary_command(tmp_path / "m", model_type="words", collection="flan2022")
    assert not (tmp_path / "m").exists()
