"""Loads a model from anywhere, and saves it for other programs."""

import dataclasses
import re
from pathlib import Path

from flanrepro.data.vocabulary import load_vocabulary
from flanrepro.errors import InputError
from flanrepro.experiments.store import Run
from flanrepro.fields import make, shown
from flanrepro.model import huggingface, pretrained
from flanrepro.model.model import Model
from flanrepro.model.sizes import t5_config
from flanrepro.model.soft_prompt import length_of
from flanrepro.raw.files import expanded, status_of
from flanrepro.training.spec import RunSpec
from flanrepro.whole import read_json

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")

FORMATS = ("huggingface", "t5x")
DTYPES = ("float32", "bfloat16")


def load(name: str | Path, vocabulary: str = "", dtype: str = "") -> Model:
    """Loads a model by name, with float32 parameters on the host.

    The name is looked up in this order:

    1. a local folder: in the Hugging Face Hub's layout (`config.json`, weights, `spiece.model`), a
       T5X checkpoint, or a finished run in a run store;
    2. a checkpoint that ships with the package: `pocket-nano`, or its full name with digits, see
       `flanrepro.model.pretrained.index`;
    3. a repository on the Hugging Face Hub, e.g. `google/flan-t5-small`: T5 v1.1, T5-LM, Flan-T5 or
       mT5.

    Args:
        name: folder or name of the model.
        vocabulary: name or path for `flanrepro.data.vocabulary.load_vocabulary`, for a model that
            does not bring its own; empty: `t5` for T5X checkpoints.
        dtype: `float32` or `bfloat16`, the dtype of activations; empty: a run's own, else float32,
            on every device.

    Raises:
        InputError: there is no such model or dtype, the model cannot be read, or it has another
            architecture or vocabulary.
    """
    name = str(name)
    folder, shipped = expanded(name), _pretrained(name)
    if status_of(folder, folder=True):
        model = _of_folder(folder, vocabulary)
    elif shipped:
        row = pretrained.find(shipped)
        own = load_vocabulary(_same(vocabulary, row.vocabulary, name))
        config = t5_config(row.model, own.size)
        model = Model(shipped, config, pretrained.load(shipped), own)
    elif _REPOSITORY.fullmatch(name):
        read = huggingface.read(huggingface.download(name), vocabulary)
        model = dataclasses.replace(read, name=name)  # it was read from a cache folder
    else:
        raise InputError(
            f"there is no model '{name}': give the folder of a Hugging Face or T5X checkpoint or "
            f"of a finished run, one of {', '.join(_short_names())}, or a repository on the "
            f"Hugging Face Hub such as google/flan-t5-small"
        )
    if not dtype:
        return model
    if dtype not in DTYPES:
        raise InputError(f"unknown dtype '{dtype}': choose one of {', '.join(DTYPES)}")
    return dataclasses.replace(model, config=dataclasses.replace(model.config, dtype=dtype))


def save(model: Model, folder: str | Path, format: str = "huggingface", step: int = 0) -> Path:
    """Writes a model for other programs and returns the folder to load it from.

    Args:
        model: the model to write.
        folder: target folder, made if missing; a T5X checkpoint is `checkpoint_<step>` in it.
        format: `huggingface`, for `transformers`, with the vocabulary; or `t5x`, without it.
        step: step number in a T5X checkpoint; T5X counts on from it.

    Raises:
        InputError: there is no such format, it has no place for the model, or a file cannot be
            written.
    """
    folder = expanded(folder)
    if format not in FORMATS:
        raise InputError(f"unknown format '{format}': choose one of {', '.join(FORMATS)}")
    if length := length_of(model.params):
        raise InputError(
            f"model '{model.name}' has a soft prompt of {length} virtual tokens, which format "
            f"'{format}' has no place for: convert the model that it was trained for"
        )
    if format == "huggingface" and model.config.decoder_only:
        raise InputError(
            f"model '{model.name}' is T5's decoder alone, which `transformers` has no class for: "
            "convert it to format 't5x'"
        )
    if format == "t5x":
        from flanrepro.model import t5x_checkpoint

        return t5x_checkpoint.write(model.params, model.config, folder, step)
    huggingface.write(model, folder)
    return folder


def _of_folder(folder: Path, vocabulary: str) -> Model:
    if status_of(folder / "config.json"):
        return huggingface.read(folder, vocabulary)
    if status_of(folder / "spec.json"):
        return _of_run(folder, vocabulary)
    from flanrepro.model import t5x_checkpoint

    if t5x_checkpoint.is_checkpoint(folder):
        params, config = t5x_checkpoint.read(folder)
        # T5X keeps no vocabulary in a checkpoint; the public ones are of T5's own.
        found = load_vocabulary(vocabulary or "t5")
        huggingface.check_vocabulary(found, config, str(folder))
        return Model(folder.name, config, params, found)
    raise InputError(
        f"{folder} holds no model: expected config.json (Hugging Face), a checkpoint of T5X, or "
        f"spec.json and manifest.json (a finished run); give a folder that has them"
    )


def _of_run(folder: Path, vocabulary: str) -> Model:
    if not status_of(folder / "manifest.json"):
        raise InputError(f"the run in {folder} is not finished: train it first, in the same store")
    try:
        spec = make(RunSpec, **read_json(folder / "spec.json"))
    except InputError as error:
        raise InputError(
            f"{folder / 'spec.json'} cannot be read ({shown(error, 300)}): it is damaged or of "
            f"another version of flanrepro; move the folder away and train that run again"
        ) from None
    _same(vocabulary, spec.vocabulary, str(folder))
    return Run(spec, folder).model()


def _same(vocabulary: str, own: str, where: str) -> str:
    """The vocabulary `own` that a model was trained with; InputError if another one is given."""
    if vocabulary not in ("", own):
        raise InputError(
            f"model '{where}' was trained with the vocabulary '{own}', and '{vocabulary}' was "
            f"asked for, whose ids mean other words: leave `vocabulary` out"
        )
    return own


def _short_names() -> list[str]:
    return [row.short_name for row in pretrained.index().values()]


def _pretrained(name: str) -> str:
    """The full name of the shipped checkpoint with this short or full name, or ''."""
    rows = pretrained.index()
    return next((full for full, row in rows.items() if name in (full, row.short_name)), "")
