"""T5X's checkpoints are read and written here; T5X itself is not needed.

    checkpoint_1000/
      checkpoint                            msgpack: `version`, `optimizer` {`target`, `state`}
      target.encoder.encoder_norm.scale/    Zarr, one folder per tensor
      state/manifest.ocdbt                  or, from Orbax: all tensors in one database

A leaf in `checkpoint` is a tensor itself, or the TensorStore spec of its folder. In Orbax's first
layout, which has `state/checkpoint`, it is a string that names the folder. `target` is our tree of
parameters; `state` is the optimizer's, and is not read.
"""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import tensorstore as ts
from flax import serialization, traverse_util

from flanrepro.errors import InputError
from flanrepro.model import tree, zarr_claims
from flanrepro.model.network import param_shapes
from flanrepro.model.sizes import DecoderOnlyConfig, T5Config

VERSION = 3
"""Version number of T5X's msgpack file; T5X reads 2 and above."""

GCS_PLACEHOLDER = "t5x-dummy-bucket"
"""Name that T5X writes for the bucket, so that a checkpoint can be moved: it is never read."""

DTYPES = ("float32", "bfloat16", "float16")
"""Names of the dtypes that a model's tensors may have."""

CHUNK_ELEMENTS = 2**24
"""Number of elements in a chunk, 64 MB of float32, as in T5X, whose hosts read tensors in parts."""

MARKS = ("state/manifest.ocdbt", "state/checkpoint", "checkpoint")
"""Paths of the files that tell a checkpoint's layout; the first one that is there counts."""

PLACEHOLDER = "PLACEHOLDER://"
"""Prefix of a folder's name in Orbax's first layout."""

MEND = "take another copy of the checkpoint"


def is_checkpoint(folder: Path) -> bool:
    """Tell if a folder looks like a checkpoint of T5X, or like a model's folder of them."""
    folder = _newest(folder)
    return any((folder / name).is_file() for name in MARKS)


def read(folder: Path) -> tuple[dict, T5Config]:
    """Read the parameters of a T5 1.1 model, in NumPy's float32, and tell its dimensions from them.

    A decoder-only model's do not tell if it is causal: its configuration is a prefix language
    model's.

    Args:
        folder: path of a checkpoint, or of a model's folder, whose newest `checkpoint_N` is read.

    Raises:
        InputError: the folder is no checkpoint, a damaged one, or another architecture's, or it
            has numbers that are none; the sentence names the file and the tensor. Nothing outside
            the folder is opened, whatever its specs say.
    """
    folder = _newest(folder.absolute())
    mark = next((folder / name for name in MARKS if (folder / name).is_file()), None)
    if mark is None:
        raise InputError(
            f"{folder} is no T5X checkpoint, expected one of {', '.join(MARKS)} in it or in a "
            "folder 'checkpoint_N' below it: name the folder that holds a model's checkpoints"
        )
    held = zarr_claims.size_of(folder, MEND)
    found = _of_database(mark.parent) if mark.name == "manifest.ocdbt" else _of_msgpack(mark)
    opened = {name: _done(name, leaf, folder) for name, leaf in found.items()}
    zarr_claims.check(opened, held, folder, MEND)
    shapes = {name: tuple(array.shape) for name, array in opened.items()}
    config = _config(shapes, folder)
    expected = {name: leaf.shape for name, leaf in tree.flat(param_shapes(config)).items()}
    tree.check(shapes, expected, str(folder))
    for name, array in opened.items():
        dtype = array.dtype.name
        if dtype not in DTYPES:
            raise InputError(
                f"{folder}: tensor '{name}' is of {dtype}, expected one of {', '.join(DTYPES)}: "
                f"{MEND}"
            )
    # All reads are begun before the first is waited for.
    reading = {
        name: array if isinstance(array, np.ndarray) else array.read()
        for name, array in opened.items()
    }
    leaves = {
        name: tree.as_float32(name, _done(name, leaf, folder), str(folder))
        for name, leaf in reading.items()
    }
    return tree.nested(leaves), config


def _newest(folder: Path) -> Path:
    """Find the `checkpoint_N` of the largest N in a model's folder, else the folder itself."""
    # Whole names only: what a writer that was killed leaves is called `checkpoint_N.tmp-...`.
    numbered = {
        int(path.name.removeprefix("checkpoint_")): path
        for path in folder.glob("checkpoint_*")
        if re.fullmatch(r"checkpoint_[0-9]{1,18}", path.name)
    }
    return numbered[max(numbered)] if numbered else folder


def _done(name: str, leaf: np.ndarray | ts.Future, folder: Path) -> Any:
    """Wait for what TensorStore opens or reads in the background; InputError if it could not."""
    if isinstance(leaf, np.ndarray):
        return leaf
    try:
        return leaf.result()
    except Exception as error:  # TensorStore reports damage by several classes
        reason = " ".join(str(error).split()).partition(" [tensorstore_spec=")[0]
        raise InputError(f"{folder}: tensor '{name}' cannot be read ({reason}): {MEND}") from None


def _opening(kvstore: dict[str, Any]) -> ts.Future:
    # By default a missing chunk reads as zeros. T5X and Orbax write every chunk: it is damage.
    spec = {"driver": "zarr", "kvstore": kvstore, "fill_missing_data_reads": False}
    return ts.open(spec, open=True, read=True)


def _of_database(state: Path) -> dict[str, ts.Future]:
    """Open the tensors of Orbax's layout, in the database in `state`, in the background."""
    database = {"driver": "ocdbt", "base": {"driver": "file", "path": f"{state}/"}}
    try:
        keys = ts.KvStore.open(database).result().list().result()
    except Exception as error:  # by several classes, as in `_done`
        reason = " ".join(str(error).split())
        raise InputError(f"{state} cannot be read ({reason[:300]}): {MEND}") from None
    names = [key.decode(errors="replace") for key in keys]
    paths = [name.removesuffix(".zarray") for name in names if name.endswith("/.zarray")]
    return {
        path[:-1].removeprefix("target.").replace(".", "/"): _opening(database | {"path": path})
        for path in paths
        if path.startswith("target.")
    }


def _of_msgpack(file: Path) -> dict[str, np.ndarray | ts.Future]:
    """Read a msgpack file's own tensors, and open those in folders beside it in the background."""
    try:
        contents = serialization.msgpack_restore(file.read_bytes())
        # Orbax's file has the parameters without an optimizer around them.
        target = contents.get("optimizer", contents)["target"]
        # A spec is a mapping too, and a leaf.
        leaves = traverse_util.flatten_dict(target, is_leaf=lambda _, node: "kvstore" in node)
        leaves = {"/".join(path): leaf for path, leaf in leaves.items()}
    except Exception as error:  # whatever a damaged file makes of msgpack and of the tree
        raise InputError(
            f"{file} is no T5X checkpoint file or a damaged one ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:200]}), expected msgpack with the model's parameters "
            f"under 'target': {MEND}"
        ) from None
    return {name: _tensor(name, leaf, file) for name, leaf in leaves.items()}


def _tensor(name: str, leaf: Any, file: Path) -> np.ndarray | ts.Future:
    """Open a leaf of the msgpack file; a spec gives the path alone, and only if it stays inside."""
    if isinstance(leaf, np.ndarray):
        return leaf
    if isinstance(leaf, str) and leaf.startswith(PLACEHOLDER):
        path = leaf.removeprefix(PLACEHOLDER)
    else:
        path = _path_of(leaf)
    inside = isinstance(path, str) and "\0" not in path
    if not inside or file.parent.resolve() not in (file.parent / path).resolve().parents:
        raise InputError(
            f"{file}: tensor '{name}' is said to be at {str(leaf)[:300]}, expected a Zarr folder "
            "beside the file; nothing was opened: take the checkpoint from a place that you trust"
        )
    return _opening({"driver": "file", "path": str(file.parent / path)})


def _path_of(spec: Any) -> Any:
    """Find a TensorStore spec's path, as relative to the checkpoint; None if it may not be read."""
    if not isinstance(spec, Mapping) or spec.get("driver") != "zarr":
        return None
    store = spec.get("kvstore")
    if not isinstance(store, Mapping):
        return None
    here = store.get("driver") in ("file", "gfile")
    moved = store.get("driver") == "gcs" and store.get("bucket") == GCS_PLACEHOLDER
    # TensorStore before 0.1.14 had the path beside the store.
    return store.get("path", spec.get("path")) if here or moved else None


OTHERS = {
    r"(encoder|decoder)/(encoder|decoder|layers)/": "has all layers in one tensor (scanned)",
    r".*/mlp/wi/kernel": "has a feed-forward layer without a gate (T5 1.0)",
}
"""Patterns of tensors' names that T5 1.1 does not have, each with what they say of a checkpoint."""


def _config(shapes: Mapping[str, tree.Shape], folder: Path) -> T5Config:
    """Tell a model's dimensions from its tensors; InputError if they are another architecture's."""
    reasons = [r for p, r in OTHERS.items() if any(re.match(p, name) for name in shapes)]
    # The token embedding is the decoder's own where there is no encoder to share it with.
    decoder_only = "decoder/token_embedder/embedding" in shapes
    if not decoder_only and not any(name.startswith("encoder/") for name in shapes):
        reasons.append("has no encoder (decoder-only)")
    if reasons:
        raise InputError(
            f"{folder} {reasons[0]}, expected an encoder-decoder of T5 1.1, layer by layer, such "
            "as T5 v1.1, T5-LM or Flan-T5: take the checkpoint of one of these"
        )

    def size(name: str, axis: int) -> int:
        shape = shapes.get(name)
        if shape is None or len(shape) != 2 or 0 in shape:
            raise InputError(
                f"{folder}: expected a matrix '{name}', found "
                + (f"one of shape {shape}: {MEND}" if shape else f"none: {MEND}")
            )
        return shape[axis]

    def layers(stack: str) -> int:
        return len({name.split("/")[1] for name in shapes if name.startswith(f"{stack}/layers_")})

    stack, attention = ("decoder", "self_attention") if decoder_only else ("encoder", "attention")
    embedding = f"{'decoder/' if decoder_only else ''}token_embedder/embedding"
    heads = size(f"{stack}/relpos_bias/rel_embedding", 0)
    return (DecoderOnlyConfig if decoder_only else T5Config)(
        vocab_size=size(embedding, 0),
        emb_dim=size(embedding, 1),
        num_heads=heads,
        head_dim=size(f"{stack}/layers_0/{attention}/query/kernel", 1) // heads,
        num_encoder_layers=layers("encoder"),
        num_decoder_layers=layers("decoder"),
        mlp_dim=size(f"{stack}/layers_0/mlp/wi_0/kernel", 1),
        logits_via_embedding="decoder/logits_dense/kernel" not in shapes,
    )


def write(params: Mapping[str, Any], config: T5Config, folder: Path, step: int = 0) -> Path:
    """Write `folder/checkpoint_<step>` for T5X's `restore_checkpoint_cfg`, and return its path.

    The checkpoint is in T5X's own layout, which both of T5X's readers take. Beside the parameters
    it has the empty state of T5X's default optimizer, Adafactor without momentum: T5X restores no
    checkpoint that lacks its optimizer's state, unless `fallback_to_scratch` is set.

    Args:
        params: tree of arrays, as `init_params` makes it; they are written as float32.
        config: dimensions of `params`.
        step: number of steps from which T5X's run counts on. Adafactor's averages, which are empty,
            count on from there too: if it is not 0, set T5X's `adafactor.Adafactor.step_offset` to
            it.

    Raises:
        InputError: the folder has a checkpoint of that step already, a parameter has numbers that
            are none, or the disk does not take it: then nothing is left of it.
    """
    leaves = tree.flat(params)
    expected = {name: leaf.shape for name, leaf in tree.flat(param_shapes(config)).items()}
    tree.check({name: np.shape(leaf) for name, leaf in leaves.items()}, expected, "the model")
    path = folder / f"checkpoint_{step}"
    if os.path.lexists(path):
        raise InputError(f"{path} exists, expected a new checkpoint: choose another folder or step")
    # Renamed when it is whole: nobody ever reads half a checkpoint.
    part = folder / f"{path.name}.tmp-{os.getpid()}"
    try:
        part.mkdir(parents=True)
        specs = {name: _write_array(part, name, leaf) for name, leaf in leaves.items()}
        state = {"step": np.int32(step), "param_states": tree.nested(_fresh_adafactor(params))}
        optimizer = {"target": tree.nested(specs), "state": state}
        contents = serialization.msgpack_serialize({"version": VERSION, "optimizer": optimizer})
        (part / "checkpoint").write_bytes(contents)
        part.rename(path)
    except (OSError, ValueError) as error:  # TensorStore reports a full disk as a ValueError
        if isinstance(error, InputError):
            raise
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path} could not be written ({reason}): free some space, or choose another folder"
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return path


def _write_array(part: Path, name: str, leaf: Any) -> dict[str, Any]:
    """Write a tensor's folder, and return the spec that finds it from the checkpoint's folder."""
    array = tree.as_float32(name, leaf, "the model")
    relative = "target." + name.replace("/", ".")
    spec = {"driver": "zarr", "dtype": "float32"}
    metadata = {"compressor": {"id": "gzip", "level": 1}, "shape": list(array.shape)}
    kvstore = {"driver": "file", "path": str(part.absolute() / relative)}
    schema = {"chunk_layout": {"write_chunk": {"elements": CHUNK_ELEMENTS}}}
    here = spec | {"kvstore": kvstore, "metadata": metadata, "schema": schema}
    # The path is absolute here, and relative in the file: T5X prepends the checkpoint's folder.
    store = ts.open(here, create=True).result()
    store.write(array).result()
    metadata |= {"chunks": list(store.chunk_layout.write_chunk.shape)}
    return spec | {"kvstore": {"driver": "file", "path": f"{relative}/"}, "metadata": metadata}


def _fresh_adafactor(params: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Make T5X's Adafactor state at step 0, which factors the same tensors as Optax's does."""
    state = jax.eval_shape(optax.scale_by_factored_rms().init, params)
    slots = {"v": state.v, "v_row": state.v_row, "v_col": state.v_col}
    leaves = {f"{name}/m": np.zeros(1, np.float32) for name in tree.flat(params)}
    for slot, shapes in slots.items():
        for name, leaf in tree.flat(shapes).items():
            leaves[f"{name}/{slot}"] = np.zeros(leaf.shape, np.float32)
    return leaves
