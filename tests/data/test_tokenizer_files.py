"""What a folder of the Hub's layout says of its tokens beside, or instead of, `spiece.model`."""

import base64
import json
import shutil

import pytest
from sentencepiece import sentencepiece_model_pb2 as proto

from flanrepro.data.vocabulary import Vocabulary, vocabulary_of
from flanrepro.errors import InputError

TEXTS = [
    "The pig and the hen, in the garden.",
    "½ a hen",
    "no\n\n  line ends",
    "",
    "<extra_id_0> x",
]


@pytest.fixture(scope="module")
def pieces(pieces_like_t5s):
    return pieces_like_t5s(["the pig and the hen in the garden, half a hen. No 1 2 3 4"], 60)


@pytest.fixture
def folder(pieces, tmp_path, monkeypatch):
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "model"
    folder.mkdir()
    shutil.copy(pieces, folder / "spiece.model")
    return folder


def fast(pieces, sentinels=100, **changed):
    """The content of `tokenizer.json` as `transformers` 5 writes it for these pieces."""
    model = proto.ModelProto.FromString(pieces.read_bytes())
    vocab = [[row.piece, row.score] for row in model.pieces]
    names = [f"<extra_id_{i}>" for i in reversed(range(sentinels))]
    special = [(i, vocab[i][0]) for i in range(3)]
    special += [(len(vocab) + i, name) for i, name in enumerate(names)]
    rules = base64.b64encode(model.normalizer_spec.precompiled_charsmap).decode()
    return {
        "version": "1.0",
        "added_tokens": [{"id": at, "content": token, "special": True} for at, token in special],
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": rules},
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "WhitespaceSplit"},
                {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"},
            ],
        },
        "model": {"type": "Unigram", "unk_id": 2, "vocab": vocab + [[name, 0.0] for name in names]},
    } | changed


def put(folder, name, content):
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


def same(found, pieces):
    own = Vocabulary(pieces)
    assert found.encode_batch(TEXTS) == own.encode_batch(TEXTS)
    assert (found.size, found.first_sentinel) == (own.size, own.first_sentinel)


def test_pieces_are_read_from_tokenizer_json_where_there_is_no_model(folder, pieces):
    (folder / "spiece.model").unlink()
    put(folder, "tokenizer.json", fast(pieces))
    found = vocabulary_of(folder)
    same(found, pieces)
    # The second time it is there, under the name of its content.
    assert vocabulary_of(folder).path == found.path
    assert [path.name for path in found.path.parent.iterdir()] == [found.path.name]


def test_files_that_say_what_the_model_says_change_nothing(folder, pieces):
    first = Vocabulary(pieces).first_sentinel
    put(folder, "tokenizer.json", fast(pieces))
    put(folder, "added_tokens.json", {f"<extra_id_{i}>": first - i for i in range(100)})
    decoder = {"0": {"content": "<pad>"}, str(first): {"content": "<extra_id_0>"}}
    put(folder, "tokenizer_config.json", {"extra_ids": 100, "added_tokens_decoder": decoder})
    same(vocabulary_of(folder), pieces)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("added_tokens.json", {"\n": 160}, r"adds the token '\\n' with the id 160 to the pieces"),
        (
            "added_tokens.json",
            {"{": 160, "}": 161},
            r"adds the token '{' with the id 160 and 1 mor",
        ),
        ("added_tokens.json", {"<extra_id_0>": 60}, r"'<extra_id_0>' with the id 60 to"),
        ("added_tokens.json", {"<extra_id_100>": 60}, r"adds the token '<extra_id_100>' with"),
        (
            "tokenizer_config.json",
            {"added_tokens_decoder": {"160": {"content": "<tab>"}}},
            r"tokenizer_config.json adds the token '<tab>' with the id 160",
        ),
        ("tokenizer.json", {"added_tokens": [{"id": 160, "content": "~"}]}, r"adds the token '~' "),
        ("tokenizer.json", {"added_tokens": [7]}, r"adds the token 7 with the id 7"),
    ],
)
def test_added_tokens_are_refused_in_a_sentence(name, content, said, folder, pieces):
    put(folder, name, fast(pieces) | content if name == "tokenizer.json" else content)
    with pytest.raises(InputError, match=said) as error:
        vocabulary_of(folder)
    assert "take a checkpoint without added tokens, or name a vocabulary" in str(error.value)


def test_two_files_with_other_pieces_are_refused(folder, pieces):
    content = fast(pieces)
    content["model"]["vocab"][7][1] -= 1.0
    put(folder, "tokenizer.json", content)
    with pytest.raises(InputError, match=r"spiece.model beside it differ, first in the .* id 7:"):
        vocabulary_of(folder)
    del content["model"]["vocab"][20:]
    put(folder, "tokenizer.json", content)
    with pytest.raises(InputError, match=r"differ, first in the piece with the id 20:"):
        vocabulary_of(folder)


def _model(**changed):
    def change(content):
        content["model"] |= changed
        return content

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_model(type="BPE"), r"the model is of the type 'BPE': expected T5's, Unigram"),
        (_model(unk_id=0), r"expected T5's, Unigram with unk_id 2"),
        (_model(byte_fallback=True), r"and no byte_fallback"),
        (_model(vocab={"<pad>": 0}), r"the model's vocab is no list of pieces"),
        (_model(vocab=[["<pad>", 0], ["</s>", 0], ["<unk>", 0], ["\ud800", 0]]), r"vocab is no li"),
        (lambda content: content | {"model": None}, r"the model is of the type None"),
        (
            lambda content: content | {"pre_tokenizer": None},
            r"text is prepared by \['Precompiled'\]",
        ),
        (
            lambda content: content | {"pre_tokenizer": {"type": "ByteLevel"}},
            r"text is prepared by \['Precompiled', 'ByteLevel'\], otherwise than in T5",
        ),
        (
            lambda content: (
                content | {"pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "never"}}
            ),
            r"with Metaspace, which begins a text with a space",
        ),
        (
            lambda content: (
                content | {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "?"}}
            ),
            r"the normalizer's precompiled_charsmap is no base64",
        ),
    ],
)
def test_a_tokenizer_of_another_kind_is_refused_in_a_sentence(change, said, folder, pieces):
    (folder / "spiece.model").unlink()
    put(folder, "tokenizer.json", change(fast(pieces)))
    with pytest.raises(InputError, match=said):
        vocabulary_of(folder)


def test_a_folder_without_either_says_what_to_do(folder):
    (folder / "spiece.model").unlink()
    with pytest.raises(InputError, match=r"has neither spiece.model nor tokenizer.json: put"):
        vocabulary_of(folder)


@pytest.mark.slow
def test_what_transformers_saves_is_read(folder, pieces, tmp_path):
    transformers = pytest.importorskip(
        "transformers", reason="transformers is not installed (extra `interop`)"
    )
    put(folder, "config.json", {"model_type": "t5"})
    put(folder, "tokenizer_config.json", {"tokenizer_class": "T5Tokenizer", "extra_ids": 100})
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    theirs.save_pretrained(tmp_path / "saved")
    assert not (tmp_path / "saved" / "spiece.model").exists()
    same(vocabulary_of(tmp_path / "saved"), pieces)
    theirs.add_tokens(["\n", "{"])
    theirs.save_pretrained(tmp_path / "saved")
    with pytest.raises(InputError, match=r"tokenizer.json adds the token '\\n' with the id "):
        vocabulary_of(tmp_path / "saved")
