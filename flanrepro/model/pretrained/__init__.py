"""Checkpoints that ship with the package: a safetensors file each, listed in `index.yaml`.

A file holds the parameter tree's leaves under their paths (`encoder/encoder_norm/scale`) in
float16: half the size, and three decimal digits are finer than a trained weight's noise. A
checkpoint's name ends with the first 8 digits of its file's SHA-256, so that a run that starts from
it has another name when the weights change. No JAX import here.
"""

import functools
import hashlib
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from flanrepro.errors import InputError
from flanrepro.model.tree import as_float32, flat, nested
from flanrepro.packaged import parse_yaml
from flanrepro.whole import write_whole

FOLDER = Path(str(resources.files(__name__)))


@dataclass(frozen=True)
class Pretrained:
    """A row of `index.yaml`.

    Attributes:
        file: name of the file, which is in the same folder.
        sha256: digest of the file.
        collection, model, vocabulary: names, see `flanrepro.training.spec.RunSpec`.
        vocabulary_sha256: digest of the vocabulary's file: ids of another one mean other words.
        runs: specs of the runs that made it, one after the other.
        tuned_from: name of the checkpoint that the run tuned; empty: it is pretrained alone.
    """

    file: str
    sha256: str
    collection: str
    model: str
    vocabulary: str
    vocabulary_sha256: str
    runs: list[dict[str, Any]] = field(hash=False)
    tuned_from: str = ""

    @property
    def short_name(self) -> str:
        return Path(self.file).stem

    @property
    def name(self) -> str:
        return f"{self.short_name}-{self.sha256[:8]}"


def index(folder: Path | None = None) -> dict[str, Pretrained]:
    """Lists the checkpoints in `folder` (None: the shipped ones) by name."""
    path = (folder or FOLDER) / "index.yaml"
    if not path.is_file():
        return {}
    try:
        rows = _rows(path.read_text("utf-8"))
    except (yaml.YAMLError, TypeError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path} cannot be read ({reason}): expected a list of checkpoints; install the "
            "package anew, or export the checkpoint again"
        ) from None
    return {row.name: row for row in rows}


# Cached, since every spec that starts from a checkpoint asks for its name.
@functools.lru_cache(maxsize=4)
def _rows(text: str) -> tuple[Pretrained, ...]:
    return tuple(Pretrained(**row) for row in parse_yaml(text) or ())


def full_name(collection: str, model: str) -> str:
    """Gives the name of the pretrained checkpoint for a collection and a model size, or ''."""
    for name, row in index().items():
        if (row.collection, row.model, row.tuned_from) == (collection, model, ""):
            return name
    return ""


def tuned_name(collection: str, model: str = "") -> str:
    """Gives the name of the tuned checkpoint for a collection and a size (empty: any), or ''."""
    for name, row in index().items():
        if row.tuned_from and row.collection == collection and model in ("", row.model):
            return name
    return ""


def find(name: str, folder: Path | None = None) -> Pretrained:
    """Finds a checkpoint by name; InputError lists the names if it is unknown."""
    rows = index(folder)
    if name not in rows:
        raise InputError(
            f"no checkpoint '{name}' ships with this version: choose one of "
            f"{', '.join(rows) or '(there is none)'}, or make it with `flanrepro pretrain`"
        )
    return rows[name]


def load(name: str, folder: Path | None = None) -> dict:
    """Loads a checkpoint's parameters: a tree of NumPy float32 arrays.

    Raises:
        InputError: the name is unknown, the file is missing or damaged, or it has numbers that are
            none.
    """
    from safetensors.numpy import load as parse

    row, folder = find(name, folder), folder or FOLDER
    try:
        content = (folder / row.file).read_bytes()
    except OSError as error:
        raise InputError(
            f"checkpoint '{name}': {folder / row.file} cannot be read ({error.strerror}): install "
            "the package anew"
        ) from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != row.sha256:
        raise InputError(
            f"checkpoint '{name}': {folder / row.file} is damaged (SHA-256 {digest[:12]}..., "
            f"expected {row.sha256[:12]}...): install the package anew"
        )
    where = str(folder / row.file)
    return nested({name: as_float32(name, leaf, where) for name, leaf in parse(content).items()})


def save(params: dict, path: Path) -> str:
    """Writes a parameter tree to a safetensors file; gives the file's SHA-256.

    Raises:
        InputError: a value is not finite in float16, or the file cannot be written.
    """
    from safetensors.numpy import save as serialize

    leaves = {}
    for name, leaf in flat(params).items():
        # An overflow is found below, and told with the parameter's name.
        with np.errstate(over="ignore"):
            leaves[name] = np.ascontiguousarray(leaf, np.float16)
        if not np.isfinite(leaves[name]).all():
            raise InputError(
                f"{path}: parameter {name} is not finite in float16 (largest {np.abs(leaf).max()}):"
                " expected at most 65504; train with a lower learning rate"
            )
    content = serialize(leaves)
    write_whole(path, content)
    return hashlib.sha256(content).hexdigest()
