"""What `transformers` writes beside or instead of `spiece.model`: `tokenizer.json`, added tokens.

Finetuned T5s have them. `transformers` 5 writes `tokenizer.json` alone, from which the
SentencePiece model is made anew. Tokens that were added to T5's split text otherwise than
SentencePiece does, so that they are refused.
"""

import base64
import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flanrepro.errors import InputError
from flanrepro.fields import shown
from flanrepro.raw.files import cache_folder, status_of
from flanrepro.raw.reading import read_json_object
from flanrepro.whole import write_whole

FILES = ("tokenizer_config.json", "added_tokens.json", "tokenizer.json")
"""Names of the files in a folder of the Hub's layout that may say how text is split."""

_SENTINEL = re.compile(r"<extra_id_(\d{1,4})>")
_STEPS = {"Precompiled", "Strip", "Replace", "WhitespaceSplit", "Metaspace"}
"""Steps before the pieces that do what SentencePiece does by itself."""


def check_files(folder: Path, pieces, extra_ids: int) -> None:
    """Raises InputError if a file in the folder splits text otherwise than the SentencePiece model.

    Args:
        folder: folder of `FILES`, each of which may be missing.
        pieces: the `SentencePieceProcessor`.
        extra_ids: number of sentinels behind its pieces.
    """
    number = pieces.vocab_size()
    expected = {f"<extra_id_{i}>": number + extra_ids - 1 - i for i in range(extra_ids)}
    for name in FILES:
        path = folder / name
        if not status_of(path):
            continue
        file = read_json_object(path)
        others = [
            (token, at)
            for token, at in _added(name, file)
            if expected.get(token) != at
            and not (type(at) is int and 0 <= at < number and pieces.id_to_piece(at) == token)
        ]
        if others:
            token, at = others[0]
            more = f" and {len(others) - 1} more" if len(others) > 1 else ""
            raise InputError(
                f"{path} adds the token {shown(token)} with the id {shown(at)}{more} to the pieces "
                f"and {extra_ids} sentinels, by which text is split otherwise than by "
                f"SentencePiece: take a checkpoint without added tokens, or name a vocabulary "
                f"(`t5`) to do without them"
            )
        if name == "tokenizer.json" and (changed := _changed(_vocab(path, file), pieces)):
            raise InputError(
                f"{path} and spiece.model beside it differ, first in the piece with the id "
                f"{changed[0]}: take away the one that the model was not trained with"
            )


def _added(name: str, file: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Yields (token, id) of the tokens that a file adds to the pieces."""
    if name == "added_tokens.json":
        yield from file.items()
        return
    if name == "tokenizer_config.json":
        decoder = file.get("added_tokens_decoder")
        rows = decoder.items() if isinstance(decoder, dict) else ()
        found = [(_content(row), int(at) if str(at).isdecimal() else at) for at, row in rows]
    else:
        rows = file.get("added_tokens")
        rows = rows if isinstance(rows, list) else ()
        found = [(_content(row), row.get("id") if isinstance(row, dict) else row) for row in rows]
    yield from found


def _content(row: Any) -> Any:
    return row.get("content") if isinstance(row, dict) else row


def _vocab(path: Path, file: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Gives the pieces of a `tokenizer.json` with their scores, without sentinels at the end."""
    model = file.get("model")
    model = model if isinstance(model, dict) else {}
    kind, rows = model.get("type"), model.get("vocab")
    if kind != "Unigram" or model.get("unk_id") != 2 or model.get("byte_fallback"):
        raise InputError(
            f"{path}: the model is of the type {shown(kind)}: expected T5's, Unigram with unk_id 2 "
            f"and no byte_fallback; take a T5 checkpoint"
        )
    if not (isinstance(rows, list) and len(rows) > 2 and all(map(_is_piece, rows))):
        raise InputError(
            f"{path}: the model's vocab is no list of pieces with scores; download the file again"
        )
    end = len(rows)
    while _SENTINEL.fullmatch(rows[end - 1][0]):
        end -= 1
    return [(piece, float(score)) for piece, score in rows[:end]]


def _is_piece(row: Any) -> bool:
    if not (isinstance(row, list) and len(row) == 2 and isinstance(row[0], str)):
        return False
    # A lone surrogate, which JSON can write, is no text.
    text = row[0].encode(errors="ignore").decode() == row[0] != ""
    return text and type(row[1]) in (int, float) and math.isfinite(row[1])


def _changed(rows: list[tuple[str, float]], pieces) -> list[int]:
    """Gives the ids whose piece or score is another one in a SentencePiece model."""
    import numpy as np

    number = pieces.vocab_size()
    if len(rows) != number:
        return [min(len(rows), number)]
    texts = pieces.id_to_piece(list(range(number)))
    same = np.array([row[0] for row in rows], object) == np.array(texts, object)
    # Special ones have a score of 0 in one and none in the other.
    scores = np.array([[row[1] for row in rows], pieces.get_score(list(range(number)))], np.float32)
    same &= np.isclose(*scores) | (np.arange(number) < 3)
    return np.flatnonzero(~same).tolist()


def sentencepiece_of(path: Path) -> Path:
    """Makes a SentencePiece model of T5's kind from a `tokenizer.json`.

    Returns:
        path of the model, in the cache, named by the file's content.

    Raises:
        InputError: the file is damaged or splits text by other rules than T5's.
    """
    from sentencepiece import sentencepiece_model_pb2 as proto

    file = read_json_object(path)
    rows = _vocab(path, file)
    steps = [*_steps(file.get("normalizer")), *_steps(file.get("pre_tokenizer"))]
    kinds = [step.get("type") for step in steps]
    prefix = [step.get("prepend_scheme") for step in steps if step.get("type") == "Metaspace"]
    if not all(kind in list(_STEPS) for kind in kinds) or not prefix or "never" in prefix:
        raise InputError(
            f"{path}: text is prepared by {shown(kinds)}, otherwise than in T5: expected some of "
            f"{', '.join(sorted(_STEPS))}, with Metaspace, which begins a text with a space; put "
            f"the model's spiece.model beside it"
        )
    model = proto.ModelProto()
    trainer = model.trainer_spec
    trainer.model_type = proto.TrainerSpec.UNIGRAM
    trainer.vocab_size, trainer.pad_id, trainer.eos_id, trainer.unk_id = len(rows), 0, 1, 2
    trainer.bos_id = -1
    trainer.pad_piece, trainer.eos_piece, trainer.unk_piece = (piece for piece, _ in rows[:3])
    kind = proto.ModelProto.SentencePiece
    special = {0: kind.CONTROL, 1: kind.CONTROL, 2: kind.UNKNOWN}
    for i, (piece, score) in enumerate(rows):
        model.pieces.add(piece=piece, score=score, type=special.get(i, kind.NORMAL))
    model.normalizer_spec.name = "identity"
    for rules in (step["precompiled_charsmap"] for step in steps if "precompiled_charsmap" in step):
        try:
            model.normalizer_spec.precompiled_charsmap = base64.b64decode(rules, validate=True)
        except (TypeError, ValueError):
            raise InputError(
                f"{path}: the normalizer's precompiled_charsmap is no base64; download it again"
            ) from None
        model.normalizer_spec.name = "precompiled"
    content = model.SerializeToString()
    digest = hashlib.sha256(content).hexdigest()[:16]
    made = cache_folder() / "vocabularies" / f"tokenizer-{digest}.model"
    if not made.is_file():
        write_whole(made, content)
    return made


def _steps(part: Any) -> list[dict]:
    """Gives the steps of a normalizer or a pre-tokenizer, one after the other."""
    if not isinstance(part, dict):
        return []
    inner = part.get("normalizers") or part.get("pretokenizers")
    if part.get("type") == "Sequence" and isinstance(inner, list):
        return [step for one in inner for step in _steps(one)]
    return [part]
