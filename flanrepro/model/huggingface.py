"""Checkpoints in the Hugging Face Hub's layout: T5 v1.1, T5-LM, Flan-T5, and mT5, in and out."""

import functools
import json
import math
import reprlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flanrepro.data.vocabulary import (
    EOS,
    PAD,
    VOCABULARY_FILES,
    Vocabulary,
    load_vocabulary,
    vocabulary_of,
)
from flanrepro.errors import InputError
from flanrepro.model import tree
from flanrepro.model.huggingface_names import EMBEDDING, shapes, tensor_names, turned
from flanrepro.model.model import Model
from flanrepro.model.sizes import T5Config
from flanrepro.model.weight_files import Tensor, float32, tensors
from flanrepro.raw import hub
from flanrepro.raw.reading import read_json_object
from flanrepro.whole import write_whole

HEAD = "lm_head.weight"

_EMBEDDINGS = ("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
"""Three names of one embedding; a file has some of them."""

_UNUSED = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
"""A tensor in files of the first T5, which `transformers` ignores too."""

_DIMENSIONS = {
    "vocab_size": "vocab_size",
    "emb_dim": "d_model",
    "num_heads": "num_heads",
    "head_dim": "d_kv",
    "num_encoder_layers": "num_layers",
    "num_decoder_layers": "num_decoder_layers",
    "mlp_dim": "d_ff",
}
"""Fields of the Hub's `config.json`, by `T5Config`'s."""

LARGEST = 1 << 20
"""The largest dimension: a damaged file may have any number, and larger ones fit no array."""

_DEFAULTS = {
    "t5": {"feed_forward_proj": "relu", "tie_word_embeddings": True},
    "mt5": {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
}
"""Values of the fields that a `config.json` leaves out, by its `model_type`."""

_ARCHITECTURE = {
    "feed_forward_proj": "gated-gelu",
    "dense_act_fn": "gelu_new",
    "is_gated_act": True,
    "is_encoder_decoder": True,
    "layer_norm_epsilon": 1e-6,
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 128,
    "pad_token_id": PAD,
    "eos_token_id": EOS,
    "decoder_start_token_id": PAD,
}
"""Values that our network has no choice of: with others it would compute something else."""

_SMALL_FILES = ("config.json", "generation_config.json", *VOCABULARY_FILES)


def download(name: str) -> Path:
    """Downloads a repository `OWNER/NAME` of the Hub, see `flanrepro.raw.hub.download`.

    Weights come as safetensors, and in PyTorch's format only where the repository has none.
    """
    folder = hub.download(name, [*_SMALL_FILES, "model*.safetensors*"])
    if any(folder.glob("model*.safetensors")):
        return folder
    return hub.download(name, [*_SMALL_FILES, "pytorch_model*.bin*"])


def read(folder: Path, vocabulary: str = "") -> Model:
    """Reads the model in a folder; its parameters are NumPy arrays, float32.

    Args:
        folder: path of `config.json`, `spiece.model` or else `tokenizer.json`, and weights in
            float32, float16 or bfloat16: `model.safetensors`, or the shards that
            `model.safetensors.index.json` lists, else `pytorch_model.bin`, or the shards that
            `pytorch_model.bin.index.json` lists.
        vocabulary: name of another vocabulary than the folder's, see
            `flanrepro.data.vocabulary.load_vocabulary`.

    Raises:
        InputError: a file is missing or damaged; the architecture is another one; a tensor is
            missing, unexpected or of another shape, or has numbers that are none; the vocabulary
            has more pieces than the model has rows.
    """
    folder = Path(folder)
    fields, config = _config(folder / "config.json")
    # Before the weights, which may be gigabytes.
    found = _vocabulary(folder, vocabulary, config)
    theirs = tensors(folder)
    embedding = _one_of(theirs, _EMBEDDINGS, folder)
    if config.logits_via_embedding:
        _one_of(theirs, (_EMBEDDINGS[0], HEAD), folder)
    elif fields["tie_word_embeddings"] and embedding:
        # Tied, without the scaling of tied logits: so transformers 5 writes T5 v1.1.
        theirs.setdefault(HEAD, embedding)
    theirs.pop(_UNUSED, None)
    _check_held(config, theirs, folder)
    names = tensor_names(config)
    expected = {
        names[path]: leaf.shape if path == EMBEDDING else leaf.shape[::-1]
        for path, leaf in tree.flat(shapes(config)).items()
    }
    tree.check({name: tensor.shape for name, tensor in theirs.items()}, expected, str(folder))
    leaves = {
        path: np.ascontiguousarray(turned(path, float32(name, theirs[name])))
        for path, name in names.items()
    }
    return Model(folder.name, config, tree.nested(leaves), found)


def write(model: Model, folder: Path) -> None:
    """Writes a model as `transformers` loads it, with its tokenizer: safetensors, float32.

    Raises:
        InputError: a file cannot be written, a parameter has numbers that are none, or T5's
            tokenizer does not know the vocabulary's kind.
    """
    from safetensors.numpy import save_file

    vocabulary, folder = model.vocabulary, Path(folder)
    pieces = vocabulary.path.read_bytes()
    _check_theirs(pieces, vocabulary.path)
    config = _ARCHITECTURE | {
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": "t5",
        "dropout_rate": model.config.dropout_rate,
        "tie_word_embeddings": model.config.logits_via_embedding,
        **{theirs: getattr(model.config, ours) for ours, theirs in _DIMENSIONS.items()},
    }
    generation = {key: value for key, value in config.items() if key.endswith("_token_id")}
    tokenizer = {
        "tokenizer_class": "T5Tokenizer",
        "extra_ids": vocabulary.extra_ids,
        "additional_special_tokens": [f"<extra_id_{i}>" for i in range(vocabulary.extra_ids)],
        "pad_token": "<pad>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
    }
    weights = functools.partial(
        save_file, tensors_of(model.config, model.params), metadata={"format": "pt"}
    )
    # `config.json` last: without it the folder is no model, should the disk be full before.
    write_whole(folder / "model.safetensors", weights)
    write_whole(folder / "spiece.model", pieces)
    for name, content in (
        ("tokenizer_config.json", tokenizer),
        ("generation_config.json", generation),
        ("config.json", config),
    ):
        write_whole(folder / name, json.dumps(content, indent=2) + "\n")


def tensors_of(config: T5Config, params: dict[str, Any]) -> dict[str, np.ndarray]:
    """Gives our parameters under the Hub's names and in its layout, float32."""
    leaves = tree.flat(params)
    expected = {path: leaf.shape for path, leaf in tree.flat(shapes(config)).items()}
    tree.check({path: np.shape(leaf) for path, leaf in leaves.items()}, expected, "the model")
    return {
        name: np.array(turned(path, tree.as_float32(path, leaves[path], "the model")), order="C")
        for path, name in tensor_names(config).items()
    }


def check_vocabulary(vocabulary: Vocabulary, config: T5Config, where: str) -> None:
    """Raises InputError if the vocabulary has pieces that the model has no embedding of."""
    # Pieces alone: mT5's embedding has no rows for 100 sentinels.
    pieces = vocabulary.first_sentinel + 1 - vocabulary.extra_ids
    if pieces > config.vocab_size:
        raise InputError(
            f"{where}: the model has {config.vocab_size} rows in its embedding, and the vocabulary "
            f"{vocabulary.path} has {pieces} pieces: give the vocabulary that it was trained with"
        )


def _config(path: Path) -> tuple[dict[str, Any], T5Config]:
    """Reads a `config.json`: its fields, defaults included, and our configuration of the model."""
    fields = read_json_object(path, ["model_type"])
    kind = fields["model_type"]
    if kind not in list(_DEFAULTS):  # it may be a list
        raise InputError(
            f"{path}: model_type is {reprlib.repr(kind)}, another architecture: expected t5 (T5 "
            f"v1.1, T5-LM, Flan-T5) or mt5; take such a checkpoint"
        )
    # null, as some files have it, says no more than leaving the field out.
    fields = _DEFAULTS[kind] | {key: value for key, value in fields.items() if value is not None}
    for key, expected in _ARCHITECTURE.items():
        if fields.get(key, expected) != expected:
            raise InputError(
                f"{path}: {key} is {reprlib.repr(fields[key])}, another architecture: expected "
                f"{expected!r}, as in T5 v1.1 and Flan-T5; take such a checkpoint"
            )
    fields.setdefault("num_decoder_layers", fields.get("num_layers"))
    for key in _DIMENSIONS.values():
        if type(fields.get(key)) is not int or not 0 < fields[key] <= LARGEST:
            raise InputError(
                f"{path}: {key} is {reprlib.repr(fields.get(key))}: expected a whole number from "
                f"1 to {LARGEST}; download the file again"
            )
    dropout = fields.get("dropout_rate", 0.1)  # `transformers`' default
    if type(dropout) not in (int, float) or not 0 <= dropout < 1:
        raise InputError(
            f"{path}: dropout_rate is {reprlib.repr(dropout)}: expected 0 to 1; mend it"
        )
    # Tied logits are scaled, unless transformers 5 says otherwise; mT5's never are.
    scaled = fields.setdefault("scale_decoder_outputs", fields["tie_word_embeddings"])
    for key in ("tie_word_embeddings", "scale_decoder_outputs"):
        if type(fields[key]) is not bool:
            raise InputError(
                f"{path}: {key} is {reprlib.repr(fields[key])}: expected true or false; mend it"
            )
    return fields, T5Config(
        **{ours: fields[key] for ours, key in _DIMENSIONS.items()},
        dropout_rate=float(dropout),
        logits_via_embedding=scaled and kind == "t5",
    )


def _check_held(config: T5Config, theirs: dict[str, Tensor], folder: Path) -> None:
    """Raises InputError if a checkpoint claims more layers than tensors, or numbers than bytes.

    A file of few bytes may name a large model; names and arrays are made after this.
    """
    layers = config.num_encoder_layers + config.num_decoder_layers
    if 9 * layers > len(theirs):
        raise InputError(
            f"{folder} has {len(theirs)} tensors, and by config.json {layers} layers: expected 9 "
            f"or more for each layer; take another copy of the checkpoint"
        )
    numbers = sum(math.prod(tensor.shape) for tensor in theirs.values())
    held = sum(file.stat().st_size for file in {tensor.file for tensor in theirs.values()})
    if numbers > held:  # two bytes each, and one matrix at most under two names
        raise InputError(
            f"{folder} claims {numbers:,} numbers in files of {held:,} bytes: expected two bytes "
            f"or more for each; take another copy of the checkpoint"
        )


def _one_of(theirs: dict[str, Tensor], names: Sequence[str], folder: Path) -> Tensor | None:
    """Merges a tensor's `names` into the first, and gives the tensor; None if it has none of them.

    Raises:
        InputError: its numbers differ from name to name.
    """
    found = [name for name in names if name in theirs]
    if not found:
        return None
    first, *others = found
    for name in others:
        pair = [theirs[one] for one in (first, name)]
        same = pair[0].shape == pair[1].shape
        if not same or not np.array_equal(*(float32(name, tensor) for tensor in pair)):
            raise InputError(
                f"{folder}: tensors '{first}' and '{name}' differ, and by config.json they are one "
                f"embedding: take another copy of the checkpoint, or set tie_word_embeddings right"
            )
        del theirs[name]
    theirs[names[0]] = theirs.pop(first)
    return theirs[names[0]]


def _vocabulary(folder: Path, name: str, config: T5Config) -> Vocabulary:
    found = load_vocabulary(name) if name else vocabulary_of(folder)
    check_vocabulary(found, config, str(folder))
    return found


def _check_theirs(model: bytes, path: Path) -> None:
    """Raises InputError if T5's tokenizer in `transformers` would split text otherwise."""
    from sentencepiece import sentencepiece_model_pb2 as proto

    kinds = proto.TrainerSpec.ModelType
    read = proto.ModelProto.FromString(model)
    kind = read.trainer_spec.model_type
    if kind != kinds.Value("UNIGRAM"):
        raise InputError(
            f"the vocabulary {path} is of the kind {kinds.Name(kind)}, and T5's tokenizer in "
            f"`transformers` knows UNIGRAM alone: write the model in T5X's layout"
        )
    if not read.normalizer_spec.remove_extra_whitespaces:
        raise InputError(
            f"the vocabulary {path} keeps line ends and indentation, and T5's tokenizer in "
            f"`transformers` makes each a space: write the model in T5X's layout"
        )
