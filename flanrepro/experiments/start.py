"""Where a run's parameters start: a finished run, a shipped checkpoint, or one on the Hub."""

import dataclasses
import hashlib
import json
from pathlib import Path

from flanrepro.data.vocabulary import Vocabulary
from flanrepro.errors import InputError
from flanrepro.model import huggingface, pretrained
from flanrepro.training.spec import HUB, RUN_ID, RunSpec


def start_params(spec: RunSpec, root: Path) -> dict | None:
    """The parameters that `spec.start` names; None: random ones.

    Args:
        spec: the run that starts there.
        root: of the run store.

    Raises:
        InputError: no such run or checkpoint, or one of another model or vocabulary.
    """
    if not spec.start:
        return None
    if RUN_ID.fullmatch(spec.start):
        return _of_run(spec, root / spec.start)
    if HUB.fullmatch(spec.start):
        return _of_hub(spec)
    row = pretrained.find(spec.start)
    _check_same(spec, row.model, row.vocabulary)
    if vocabulary_digest(spec) != row.vocabulary_sha256:
        raise InputError(
            f"start '{spec.start}' was trained with another vocabulary '{spec.vocabulary}' than "
            "this version's, its ids mean other words: pretrain again (`flanrepro pretrain`)"
        )
    return pretrained.load(spec.start)


def start_input(spec: RunSpec, root: Path) -> dict:
    """The start as an argument of `flanrepro.training.loop.train`; see `start_params`."""
    return {"start": start_params(spec, root)}


def vocabulary_digest(spec: RunSpec) -> str:
    """The SHA-256 of the vocabulary's file."""
    return _digest(spec.load_vocabulary())


def _digest(vocabulary: Vocabulary) -> str:
    return hashlib.sha256(vocabulary.path.read_bytes()).hexdigest()


def _of_hub(spec: RunSpec) -> dict:
    # Not `flanrepro.load`, which prefers a folder of this name: a run's name would then stand for
    # whatever lies in the folder that it is started from.
    model, wanted = huggingface.read(huggingface.download(spec.start)), spec.model_config()
    same = {"dropout_rate": wanted.dropout_rate, "dtype": wanted.dtype}
    if _digest(model.vocabulary) != vocabulary_digest(spec):
        raise InputError(
            f"start '{spec.start}' has another vocabulary than the run's '{spec.vocabulary}': take "
            f"'{spec.start}' as the vocabulary, too"
        )
    if (found := dataclasses.replace(model.config, **same)) != wanted:
        raise InputError(
            f"start '{spec.start}' is not of model '{spec.model}': it is {found}, expected "
            f"{wanted}; choose the size that it has"
        )
    return model.params


def _of_run(spec: RunSpec, folder: Path) -> dict:
    from flanrepro.training.checkpoint import restore_params

    if not (folder / "manifest.json").is_file():
        raise InputError(
            f"the run starts from run {spec.start}, which is not finished in {folder.parent}: "
            "train that one first, in the same store"
        )
    try:
        fields = json.loads((folder / "spec.json").read_text("utf-8"))
        model, vocabulary = fields["model"], fields["vocabulary"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"the run starts from run {spec.start}, whose {folder / 'spec.json'} cannot be read "
            f"({error!r}): move the folder away and train that run again"
        ) from None
    _check_same(spec, model, vocabulary)
    return restore_params(folder / "checkpoints")


def _check_same(spec: RunSpec, model: str, vocabulary: str) -> None:
    if (model, vocabulary) != (spec.model, spec.vocabulary):
        raise InputError(
            f"start '{spec.start}' is of model '{model}' with vocabulary '{vocabulary}', and the "
            f"run of model '{spec.model}' with vocabulary '{spec.vocabulary}': expected the same; "
            "change the run's, or start from another checkpoint"
        )
