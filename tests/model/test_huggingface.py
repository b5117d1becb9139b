"""Folders in the Hub's layout, in and out; computed numbers are in `test_huggingface_parity.py`."""

import dataclasses
import json
import re
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from flanrepro.data.vocabulary import load_vocabulary, train_vocabulary
from flanrepro.errors import InputError
from flanrepro.model import huggingface, pretrained
from flanrepro.model.model import Model
from flanrepro.model.sizes import t5_config
from flanrepro.model.tree import flat, nested

WEIGHTS = "model.safetensors"
BLOCK = "decoder.block.1.layer.1.EncDecAttention.q.weight"


@pytest.fixture(scope="module")
def model():
    """The shipped `nano`."""
    vocabulary = load_vocabulary("pocket")
    params = pretrained.load(pretrained.full_name("pocket", "nano"))
    return Model("nano", t5_config("nano", vocabulary.size), params, vocabulary)


@pytest.fixture
def folder(model, tmp_path):
    """The shipped `nano` as a repository of the Hub has it."""
    huggingface.write(model, tmp_path)
    return tmp_path


def change(folder, **fields):
    """Writes fields into config.json; None leaves one out."""
    path = folder / "config.json"
    config = json.loads(path.read_text()) | fields
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


def rewrite(folder, changed):
    """Replaces the weights: changed(tensors) changes them in place."""
    tensors = load_file(folder / "model.safetensors")
    changed(tensors)
    save_file(tensors, folder / "model.safetensors")


def same(found, params, rounded=lambda array: array):
    expected = flat(params)
    assert flat(found).keys() == expected.keys()
    for path, leaf in flat(found).items():
        assert leaf.dtype == np.float32 and leaf.flags.c_contiguous
        np.testing.assert_array_equal(leaf, rounded(np.asarray(expected[path])), path)


def refused(folder, said):
    with pytest.raises(InputError, match=said) as caught:
        huggingface.read(folder)
    assert "\n" not in str(caught.value)


def test_what_is_written_comes_back(model, folder):
    found = huggingface.read(folder)
    same(found.params, model.params)
    assert (found.name, found.config) == (folder.name, model.config)
    assert found.vocabulary.size == model.vocabulary.size
    assert found.vocabulary.first_sentinel == model.vocabulary.first_sentinel
    assert not list(folder.glob("*.part"))


def test_a_written_config_says_what_transformers_would_assume_otherwise(folder):
    config = json.loads((folder / "config.json").read_text())
    assert config["feed_forward_proj"] == "gated-gelu"
    assert config["tie_word_embeddings"] is False
    assert config["decoder_start_token_id"] == config["pad_token_id"] == 0
    generation = json.loads((folder / "generation_config.json").read_text())
    assert generation == {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}


@pytest.mark.slow
def test_the_written_sentinels_are_transformers_own(model, folder):
    transformers = pytest.importorskip(
        "transformers", reason="transformers is not installed (extra `interop`)"
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert tokenizer.convert_tokens_to_ids("<extra_id_0>") == model.vocabulary.first_sentinel
    assert len(tokenizer) == model.vocabulary.first_sentinel + 1


def test_a_file_of_the_first_t5_with_all_its_copies_is_read(model, folder):
    def older(tensors):
        tensors["encoder.embed_tokens.weight"] = tensors["shared.weight"].copy()
        tensors["decoder.embed_tokens.weight"] = tensors["shared.weight"].copy()
        name = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
        tensors[name] = np.ones((32, 4), np.float32)

    rewrite(folder, older)
    same(huggingface.read(folder).params, model.params)


def test_the_embedding_is_found_under_any_of_its_names(model, folder):
    def renamed(tensors):
        tensors["decoder.embed_tokens.weight"] = tensors.pop("shared.weight")

    rewrite(folder, renamed)
    same(huggingface.read(folder).params, model.params)


@pytest.mark.parametrize("copied", [True, False])
def test_a_tied_head_is_the_embedding_whether_or_not_the_file_has_a_copy(copied, folder):
    def tied(tensors):
        del tensors["lm_head.weight"]
        if copied:
            tensors["lm_head.weight"] = tensors["shared.weight"].copy()

    rewrite(folder, tied)
    change(folder, tie_word_embeddings=None)  # which means that it is tied
    found = huggingface.read(folder)
    assert found.config.logits_via_embedding
    assert "logits_dense" not in found.params["decoder"]


def test_a_head_tied_without_scaling_becomes_a_head_of_its_own(folder):
    rewrite(folder, lambda tensors: tensors.pop("lm_head.weight"))
    change(folder, tie_word_embeddings=True, scale_decoder_outputs=False)
    found = huggingface.read(folder)
    assert not found.config.logits_via_embedding
    head = found.params["decoder"]["logits_dense"]["kernel"]
    np.testing.assert_array_equal(head.T, found.params["token_embedder"]["embedding"])


def shards(folder, write=save_file, base="model.safetensors"):
    """The weights in two files and an index."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names, (stem, kind) = sorted(tensors), base.split(".")
    weight_map = {name: f"{stem}-{1 + i % 2:05}-of-00002.{kind}" for i, name in enumerate(names)}
    for file in set(weight_map.values()):
        write({n: tensors[n] for n in names if weight_map[n] == file}, folder / file)
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / f"{base}.index.json").write_text(json.dumps(index))
    return sorted(set(weight_map.values()))


def test_shards_are_read_together(model, folder):
    shards(folder)
    same(huggingface.read(folder).params, model.params)


@pytest.mark.slow
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("sharded", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_pytorch_files_are_read(zipped, sharded, dtype, model, folder):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra `interop`)")

    def write(tensors, path):
        state = {name: torch.tensor(array, dtype=kind) for name, array in tensors.items()}
        torch.save(state, path, _use_new_zipfile_serialization=zipped)

    kind = getattr(torch, dtype)
    if sharded:
        shards(folder, write, "pytorch_model.bin")
    else:
        write(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    rounded = lambda array: torch.tensor(array).to(kind).float().numpy()  # noqa: E731
    same(huggingface.read(folder).params, model.params, rounded)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_16_bit_safetensors_become_float32(dtype, model, folder):
    import ml_dtypes

    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    tensors = load_file(folder / "model.safetensors")
    save_file({k: v.astype(kind) for k, v in tensors.items()}, folder / "model.safetensors")
    rounded = lambda array: array.astype(kind).astype(np.float32)  # noqa: E731
    same(huggingface.read(folder).params, model.params, rounded)


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"model_type": "umt5"}, r"config\.json: model_type is 'umt5', another architecture"),
        ({"model_type": "longt5"}, "'longt5', another architecture: expected t5"),
        ({"model_type": "llama"}, "'llama', another architecture"),
        ({"model_type": ["t5"]}, "another architecture"),
        ({"model_type": None}, "no field 'model_type'"),
        ({"feed_forward_proj": "relu"}, "feed_forward_proj is 'relu'.*expected 'gated-gelu'"),
        ({"feed_forward_proj": None}, "feed_forward_proj is 'relu'"),
        ({"feed_forward_proj": "gated-silu"}, "'gated-silu'"),
        ({"dense_act_fn": "silu"}, "dense_act_fn is 'silu'"),
        ({"layer_norm_epsilon": 1e-5}, "layer_norm_epsilon is 1e-05.*expected 1e-06"),
        ({"relative_attention_num_buckets": 64}, "num_buckets is 64.*expected 32"),
        ({"relative_attention_max_distance": 256}, "max_distance is 256.*expected 128"),
        ({"decoder_start_token_id": 2}, "decoder_start_token_id is 2.*expected 0"),
        ({"is_encoder_decoder": False}, "is_encoder_decoder is False"),
        ({"d_model": None}, "d_model is None: expected a whole number"),
        ({"num_layers": 0}, "num_layers is 0"),
        ({"d_ff": 10**30}, "d_ff is 10+: expected a whole number from 1 to"),
        ({"num_heads": "4"}, "num_heads is '4'"),
        ({"dropout_rate": "a"}, "dropout_rate is 'a'"),
        ({"dropout_rate": 10**4000}, "dropout_rate is 10+[.]+0+: expected 0 to 1"),
        ({"model_type": ["t5" * 10**5]}, r"model_type is \['t5t.{10,40}5'\], another"),
        ({"feed_forward_proj": "x\n" * 10**4}, r"feed_forward_proj is 'x\\n.{10,40}n', another"),
        ({"d_kv": [[0] * 10**5]}, r"d_kv is \[\[0, 0, 0, 0, 0, 0, \.\.\.\]\]: expected"),
        ({"tie_word_embeddings": "no"}, "tie_word_embeddings is 'no': expected true or false"),
        ({"scale_decoder_outputs": 0}, "scale_decoder_outputs is 0: expected true or false"),
        ({"num_layers": 2**17}, "has 52 tensors, and by config.json 131074 layers: expected 9"),
        ({"num_decoder_layers": 2**20}, "by config.json 1048578 layers"),
        ({"d_model": 2**20}, r"has the shape \(64,\), expected \(1048576,\)"),
        ({"d_model": 2**20, "num_heads": 2**20, "d_kv": 2**20, "d_ff": 2**20}, "has the shape"),
        ({"num_layers": 3}, r"no tensor 'encoder\.block\.2\.layer\.[^']*', expected"),
        ({"num_decoder_layers": 1}, r"has a tensor 'decoder\.block\.1\..*does not have"),
        ({"vocab_size": 640}, "640 rows in its embedding, and the vocabulary .* 874 pieces"),
        ({"vocab_size": 880}, r"'lm_head\.weight' has the shape \(896, 64\), expected \(880, 64\)"),
        ({"tie_word_embeddings": True}, "'shared.weight' and 'lm_head.weight' differ"),
    ],
)
def test_another_architecture_is_a_sentence(fields, said, folder):
    change(folder, **fields)
    refused(folder, said)


@pytest.mark.parametrize(
    "changed, said",
    [
        (lambda t: t.pop(BLOCK), rf"no tensor '{BLOCK}', expected one of shape \(64, 64\)"),
        (lambda t: t.pop("lm_head.weight"), r"no tensor 'lm_head\.weight'"),
        (lambda t: t.pop("shared.weight"), r"no tensor 'shared\.weight'"),
        (
            lambda t: t.update({"proj.bias": np.ones(3)}),
            r"has a tensor 'proj\.bias' of shape \(3,\)",
        ),
        (lambda t: t.update({BLOCK: np.ones((64, 32))}), rf"'{BLOCK}' has the shape \(64, 32\)"),
        (lambda t: t.update({BLOCK: t[BLOCK].astype(np.int8)}), f"'{BLOCK}' is of type int8"),
        (
            lambda t: t.update({"encoder.embed_tokens.weight": t["shared.weight"] + 1}),
            "'shared.weight' and 'encoder.embed_tokens.weight' differ",
        ),
    ],
)
def test_a_wrong_tensor_is_named(changed, said, folder):
    rewrite(folder, changed)
    refused(folder, said)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 1e300])
def test_a_number_that_is_none_is_named(number, dtype, folder):
    import ml_dtypes

    def changed(tensors):
        leaf = tensors[BLOCK].astype(getattr(ml_dtypes, dtype, dtype))
        with np.errstate(over="ignore"):
            leaf[3, 4] = leaf[5, 6] = number
        tensors[BLOCK] = leaf

    rewrite(folder, changed)
    first = number if dtype == "float64" or number != 1e300 else np.inf
    said = f"model.safetensors: tensor '{BLOCK}' has 2 numbers .* the first is {first}: expected"
    refused(folder, re.escape(said).replace(r"\.\*", ".*"))


def test_a_model_with_a_number_that_is_none_is_not_written(model, tmp_path):
    params = nested(flat(model.params) | {"encoder/encoder_norm/scale": np.full(64, np.inf)})
    with pytest.raises(InputError, match="the model: tensor 'encoder/encoder_norm/scale' has 64"):
        huggingface.write(dataclasses.replace(model, params=params), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31m", "x" * 10**6, "\u2028"])
def test_the_name_of_a_tensor_breaks_no_sentence(name, folder):
    rewrite(folder, lambda tensors: tensors.update({name: np.ones(3)}))
    with pytest.raises(InputError, match=r"has a tensor '.*' of shape .3,., which") as caught:
        huggingface.read(folder)
    assert len(str(caught.value).splitlines()) == 1 and len(str(caught.value)) < 500


@pytest.mark.parametrize("size", [0, 7, 300, -1])
def test_safetensors_that_are_cut_short_are_a_sentence(size, folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    refused(folder, r"model\.safetensors is damaged or cut short")


def test_an_index_that_leads_elsewhere_is_a_sentence(folder):
    index = {"weight_map": {"shared.weight": "../model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()
    refused(folder, r"index\.json: 'weight_map' does not name files of its own folder")


@pytest.mark.parametrize(
    "file", ["a\0b", "\ud800", "a\nb", "x" * 300, "..", "~/x", "", None, ["x"]]
)
def test_an_index_with_a_name_that_no_file_has_is_a_sentence(file, folder):
    index = {"weight_map": {"shared.weight": file}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()
    refused(folder, "'weight_map' does not name|is no path|is missing|cannot read .*name too long")


def test_a_tensor_in_two_shards_is_a_sentence(folder):
    one, other = shards(folder)
    save_file(load_file(folder / one) | {BLOCK: np.ones((64, 64))}, folder / one)
    save_file(load_file(folder / other) | {BLOCK: np.ones((64, 64))}, folder / other)
    refused(folder, rf"2-of-00002\.safetensors has a tensor '{BLOCK[:50]}.*so has {one}: expected")


def test_tensors_that_show_a_few_bytes_again_and_again_are_a_sentence(folder):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra `interop`)")
    one = torch.zeros(896, 64)
    state = {k: one[: v.shape[0], : v.shape[-1]] for k, v in load_file(folder / WEIGHTS).items()}
    torch.save(state, folder / "pytorch_model.bin")
    (folder / WEIGHTS).unlink()
    refused(folder, r"claims [\d,]+ numbers in files of [\d,]+ bytes: expected two bytes or more")


def test_a_missing_shard_is_a_sentence(folder):
    (folder / shards(folder)[1]).unlink()
    refused(folder, r"model-00002-of-00002\.safetensors is missing, but the index")


@pytest.mark.parametrize(
    "file, said",
    [
        ("model.safetensors", r"has no weights: expected model\.safetensors or pytorch_model\.bin"),
        ("config.json", r"config\.json"),
        ("spiece.model", r"has neither spiece\.model.*vocabulary='t5'"),
    ],
)
def test_a_missing_file_is_a_sentence(file, said, folder):
    (folder / file).unlink()
    refused(folder, said)


def test_another_vocabulary_can_be_named(model, folder):
    (folder / "spiece.model").unlink()
    assert huggingface.read(folder, "pocket").vocabulary is model.vocabulary


def test_a_vocabulary_that_their_tokenizer_would_read_otherwise_is_not_written(model, tmp_path):
    from flanrepro.data.vocabulary import Vocabulary

    words = ["the cat sat on the mat", "a dog ran to the red house"] * 20
    for kind, said in (("bpe", "is of the kind BPE"), ("unigram", "keeps line ends and indent")):
        path = train_vocabulary(iter(words), tmp_path / "words.model", 40, kind)
        other = Model(kind, model.config, model.params, Vocabulary(path))
        with pytest.raises(InputError, match=rf"words\.model {said}.*T5X's layout"):
            huggingface.write(other, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"model\.safetensors could not be written"):
        huggingface.write(model, tmp_path / "file")


def test_a_mirror_s_folder_is_taken_and_a_missing_one_is_a_sentence(folder, tmp_path, monkeypatch):
    mirror = tmp_path / "mirror"
    (mirror / "models" / "google").mkdir(parents=True)
    (mirror / "models" / "google" / "t5").symlink_to(folder)
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    assert huggingface.read(huggingface.download("google/t5")).config.emb_dim == 64
    with pytest.raises(InputError, match=r"has no folder 'models/google/other'"):
        huggingface.download("google/other")


def test_without_the_hub_s_package_the_sentence_names_the_extra(monkeypatch):
    monkeypatch.delenv("FLANREPRO_MIRROR", raising=False)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"'google/t5'.*pip install 'flanrepro\[hub\]'"):
        huggingface.download("google/t5")


def test_without_the_network_the_sentence_says_what_to_do(tmp_path, monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.delenv("FLANREPRO_MIRROR", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match=r"'google/t5' could not be downloaded .*path of a folder"):
        huggingface.download("google/t5")


@pytest.mark.parametrize("formats", [["safetensors", "bin"], ["bin"]])
def test_one_format_of_weights_is_fetched(formats, tmp_path, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    weights = [
        f"{stem}.{kind}"
        for stem, kind in (("model", "safetensors"), ("pytorch_model", "bin"))
        if kind in formats
    ]
    published = [*weights, "config.json", "spiece.model", "tf_model.h5", "flax_model.msgpack"]

    def snapshot(name, allow_patterns):
        for file in hub.utils.filter_repo_objects(published, allow_patterns=allow_patterns):
            (tmp_path / file).touch()
        return str(tmp_path)

    monkeypatch.delenv("FLANREPRO_MIRROR", raising=False)
    monkeypatch.setattr(hub, "snapshot_download", snapshot)
    found = {path.name for path in huggingface.download("google/t5").iterdir()}
    assert found == {"config.json", "spiece.model", weights[0]}
