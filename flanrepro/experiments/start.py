"""Finds what a run's parameters start from: a finished run, a shipped checkpoint, or the Hub's."""

import dataclasses
from pathlib import Path

from flanrepro.errors import InputError
from flanrepro.fields import make, shown
from flanrepro.model import huggingface, pretrained
from flanrepro.training.spec import HUB, RUN_ID, RunSpec
from flanrepro.whole import read_json


def start_params(spec: RunSpec, root: Path) -> dict | None:
    """The parameters that `spec.start` names, or None for random ones.

    Args:
        spec: the run that starts there.
        root: folder of the run store.

    Raises:
        InputError: there is no such run or checkpoint, or its model or vocabulary is another one.
    """
    if not spec.start:
        return None
    if RUN_ID.fullmatch(spec.start):
        return _of_run(spec, root / spec.start)
    if HUB.fullmatch(spec.start):
        return _of_hub(spec)
    row = pretrained.find(spec.start)
    _check_same(spec, row.model, row.vocabulary)
    # The name is not enough: a vocabulary's file may have changed since the checkpoint was made.
    if vocabulary_digest(spec) != row.vocabulary_sha256:
        raise InputError(
            f"start '{spec.start}' was trained with another vocabulary '{spec.vocabulary}' than "
            "this version's, its ids mean other words: pretrain again (`flanrepro pretrain`)"
        )
    return pretrained.load(spec.start)


def start_input(spec: RunSpec, root: Path) -> dict:
    """`start_params` as a keyword argument of `flanrepro.training.loop.train`."""
    return {"start": start_params(spec, root)}


def vocabulary_digest(spec: RunSpec) -> str:
    """The SHA-256 of the vocabulary's file."""
    return spec.load_vocabulary().sha256


def _of_hub(spec: RunSpec) -> dict:
    # `flanrepro.load` would prefer a local folder of this name. The run id would then stand for
    # whatever weights lie in the current folder.
    model, wanted = huggingface.read(huggingface.download(spec.start)), spec.model_config()
    # Dropout and precision are the run's choice; everything else is the checkpoint's architecture.
    same = {"dropout_rate": wanted.dropout_rate, "dtype": wanted.dtype}
    if model.vocabulary.sha256 != vocabulary_digest(spec):
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
        started = make(RunSpec, **read_json(folder / "spec.json"))
    except InputError as error:
        raise InputError(
            f"the run starts from run {spec.start}, whose {folder / 'spec.json'} cannot be read "
            f"({shown(error, 300)}): move the folder away and train that run again"
        ) from None
    vocabulary = started.vocabulary
    if started.vocabulary_digest != spec.vocabulary_digest:
        vocabulary = f"{vocabulary} (digest {started.vocabulary_digest or 'not said'})"
    elif spec.vocabulary_digest:
        vocabulary = spec.vocabulary  # the same file by another path
    _check_same(spec, started.model, vocabulary)
    return restore_params(folder / "checkpoints", started.steps)


def _check_same(spec: RunSpec, model: str, vocabulary: str) -> None:
    if (model, vocabulary) != (spec.model, spec.vocabulary):
        raise InputError(
            f"start '{spec.start}' is of model '{model}' with vocabulary '{vocabulary}', and the "
            f"run of model '{spec.model}' with vocabulary '{spec.vocabulary}': expected the same; "
            "change the run's, or start from another checkpoint"
        )
