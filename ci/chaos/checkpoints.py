"""Small checkpoints of others, in every layout that is read, and what is wrong with them."""

import json
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ci.chaos import tampering as t
from flanrepro.data.vocabulary import load_vocabulary
from flanrepro.model import huggingface, tree
from flanrepro.model.huggingface import tensors_of
from flanrepro.model.huggingface_names import shapes
from flanrepro.model.model import Model
from flanrepro.model.sizes import T5Config

CONFIG = T5Config(load_vocabulary("pocket").size, 16, 2, 8, 1, 2, 24)
"""A model of 40 tensors and 38,000 numbers, approximately."""

Leaves = dict[str, np.ndarray]


def sound_model() -> Model:
    rng = np.random.default_rng(0)
    found = tree.flat(shapes(CONFIG)).items()
    leaves = {name: rng.normal(size=leaf.shape).astype(np.float32) for name, leaf in found}
    return Model("sound", CONFIG, tree.nested(leaves), load_vocabulary("pocket"))


# --- layouts ---


def _safetensors(leaves: Leaves, folder: Path) -> None:
    from safetensors.numpy import save_file

    save_file(leaves, folder / "model.safetensors")


def _shards(leaves: Leaves, folder: Path) -> None:
    from safetensors.numpy import save_file

    places = {name: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, name in enumerate(leaves)}
    for file in sorted(set(places.values())):
        save_file({name: leaves[name] for name in leaves if places[name] == file}, folder / file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))


def _torch(leaves: Leaves, folder: Path, zipped: bool = True) -> None:
    import torch

    state = {name: torch.from_numpy(np.array(leaf)) for name, leaf in leaves.items()}
    path = folder / "pytorch_model.bin"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)


def _older_torch(leaves: Leaves, folder: Path) -> None:
    _torch(leaves, folder, zipped=False)


def _msgpack(leaves: Leaves, folder: Path) -> None:
    from flax import serialization

    contents = {"version": 3, "optimizer": {"target": tree.nested(leaves), "state": {}}}
    (folder / "checkpoint").write_bytes(serialization.msgpack_serialize(contents))


def _zarr(leaves: Leaves, folder: Path) -> None:
    from flanrepro.model import t5x_checkpoint

    t5x_checkpoint.write(tree.nested(leaves), CONFIG, folder)


def _database(leaves: Leaves, folder: Path) -> None:
    import orbax.checkpoint as ocp

    ocp.PyTreeCheckpointer().save(folder.absolute() / "state", {"target": tree.nested(leaves)})


@dataclass(frozen=True)
class Layout:
    """A way to keep a model in a folder.

    Attributes:
        write: function that writes leaves, under the layout's names, into a folder.
        ours: true if it has our names of leaves (T5X), false: the Hub's, beside its other files.
        odd: what may be wrong with the leaves that it writes: `any`, `numbers` or nothing.
        weights: patterns of the files with numbers and their claims.
        texts: patterns of JSON files.
    """

    write: Callable[[Leaves, Path], None]
    ours: bool = False
    odd: str = "any"
    weights: tuple[str, ...] = ()
    texts: tuple[str, ...] = ("config.json",)


LAYOUTS = {
    "safetensors": Layout(_safetensors, weights=("*.safetensors",)),
    "shards": Layout(
        _shards, weights=("*.safetensors",), texts=("config.json", *3 * ("*.index.json",))
    ),
    "PyTorch": Layout(_torch, weights=("*.bin",)),
    "older PyTorch": Layout(_older_torch, weights=("*.bin",)),
    "T5X msgpack": Layout(_msgpack, ours=True, weights=("checkpoint",), texts=()),
    "T5X Zarr": Layout(
        _zarr,
        ours=True,
        odd="",  # it is our own writer
        weights=("*/checkpoint", *3 * ("*/target.*/[0-9]*",)),
        texts=("*/target.*/.zarray",),
    ),
    "T5X OCDBT": Layout(
        _database, True, odd="numbers", weights=("state/*.ocdbt", "state/**/d/*"), texts=()
    ),
}


def write(layout: Layout, model: Model, leaves: Leaves, folder: Path) -> None:
    """Writes a model's folder with other leaves than its own."""
    if not layout.ours:
        huggingface.write(model, folder)
        (folder / "model.safetensors").unlink()
    layout.write(leaves, folder)


def leaves_of(layout: Layout, model: Model) -> Leaves:
    own = tree.flat(model.params) if layout.ours else tensors_of(model.config, model.params)
    return dict(own)


# --- what is wrong with the leaves ---

ODD_NAMES = ("a\0b", "\x1b[2J", "a\nb", "x" * 10**5, "../x", "", ".", "\u2028", "\u202e")

DTYPES = ("int8", "int64", "uint16", "bool", "float64", "float16", "complex64", "uint8")


def odd_leaves(leaves: Leaves, layout: Layout, rng: np.random.Generator) -> tuple[Leaves, str, int]:
    """Gives other leaves, what was done to them, and how many may differ where they are read."""
    name = str(rng.choice(list(leaves)))
    leaf, ways = leaves[name], [_number, _number, _shape, _gone, _dtype, _dtype, _name, _swapped]
    way = ways[int(rng.integers(len(ways)))] if layout.odd == "any" else _number
    changed, what, differ = way(name, leaf, leaves, rng)
    others = {key: leaves[key] for key in leaves if changed or key != name}
    return others | changed, what, differ


def _number(name, leaf, leaves, rng):
    value = (np.nan, np.inf, -np.inf, 1e300, -3.5e38)[int(rng.integers(5))]
    wide = abs(value) > 1e38 and np.isfinite(value)
    odd = leaf.astype(np.float64 if wide else np.float32)
    odd.flat[int(rng.integers(odd.size))] = value
    return {name: odd}, f"{value} in {name}", 0


def _shape(name, leaf, leaves, rng):
    shapes = [(0, 3), leaf.shape[::-1], (1, *leaf.shape), (leaf.size,), (2 * leaf.size,), ()]
    shape = shapes[int(rng.integers(len(shapes)))]
    return {name: np.resize(leaf, shape)}, f"shape {shape} of {name}", leaf.ndim - 1


def _gone(name, leaf, leaves, rng):
    return {}, f"without {name}", 0


def _dtype(name, leaf, leaves, rng):
    dtype = str(rng.choice(DTYPES))
    return {name: leaf.astype(dtype)}, f"{dtype} {name}", int(dtype == "float16")


def _name(name, leaf, leaves, rng):
    odd = ODD_NAMES[int(rng.integers(len(ODD_NAMES)))]
    return {odd: leaf}, f"a tensor more, {odd[:20]!r}", 0


def _swapped(name, leaf, leaves, rng):
    """Another tensor of the same shape under a name: nobody can see that."""
    same = [key for key in leaves if leaves[key].shape == leaf.shape]
    other = str(rng.choice(same))
    return {name: leaves[other]}, f"{other} as {name}", 1


# --- what is wrong with the files ---

LARGE = (2**17, 2**20, 2**31, 2**62, 2**70, 10**4000, 0, -5, 0.5, True, "x" * 10**6, [[[]]] * 9)

OTHERS = (*t.OTHERS, "../x", "/etc/passwd", "x" * 300, "<f8", "|O", "|V8", [2**20, 2**20])


def edit(path: Path, rng: np.random.Generator) -> None:
    """One to three fields of a JSON file, at any depth, are others or gone; or a key is odd."""
    whole = json.loads(path.read_text("utf-8"))
    for _ in range(int(rng.integers(1, 4))):
        inside = whole
        while True:
            keys = list(inside) if isinstance(inside, dict) else range(len(inside))
            key = keys[int(rng.integers(len(keys)))]
            if not (isinstance(inside[key], dict | list) and inside[key]) or rng.random() < 0.2:
                break
            inside = inside[key]
        values = (*OTHERS, *LARGE)
        inside[key] = values[int(rng.integers(len(values)))]
        if isinstance(inside, dict) and rng.random() < 0.2:
            inside[ODD_NAMES[int(rng.integers(len(ODD_NAMES)))]] = inside.pop(key)
    path.write_text(json.dumps(whole), "utf-8")


def claim(path: Path, rng: np.random.Generator) -> None:
    """A file claims other sizes: a safetensors header, or digits anywhere in another file."""
    content = path.read_bytes()
    if path.suffix == ".safetensors":
        (size,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8 : 8 + size])
        one = header[list(header)[int(rng.integers(len(header)))]]
        large = [2**20, 2**40, 2**63 - 1, 2**64, -1, 10**30, None, "x", 0.5]
        if isinstance(one, dict) and "shape" in one:
            key = ("shape", "data_offsets")[int(rng.integers(2))]
            one[key][-1] = large[int(rng.integers(len(large)))]
        made = json.dumps(header).encode()
        size = len(made) if rng.random() < 0.8 else int(rng.integers(2**63))
        path.write_bytes(struct.pack("<Q", size) + made + content[8 + size :])
    else:
        places = [i for i in range(len(content) - 4) if content[i] < 0x80]
        at = places[int(rng.integers(len(places)))]
        large = struct.pack("<I", int(rng.choice([2**31 - 1, 2**32 - 1, 2**30, 2**20])))
        path.write_bytes(content[:at] + large + content[at + 4 :])


def hostile_pickle(path: Path, rng: np.random.Generator) -> None:
    """The pickle of a file of PyTorch would run a command, or take hours or all memory."""
    marker = path.parent.parent / "marker"
    text = pickle.dumps((f"touch '{marker}'",), 2)[2:-1]
    number = b"\x8a\x08" + struct.pack("<q", 2**40)
    twice = b"".join(b"q%c" % i + b"h%c" % i + b"\x86" for i in range(100))
    pickles = (
        b"cos\nsystem\n" + text + b"R.",
        b"cbuiltins\nexec\n" + text + b"R.",
        b"ctorch\nload\n" + text + b"R.",
        b"})" + twice + b"K\x01s.",
        b"})" + b"\x85" * 10**5 + b"K\x01s.",
        b"cbuiltins\nbytearray\n" + number + b"\x85R.",
        b"ctorch\nFloatStorage\n" + number + b"\x85R.",
        b"N" * 2**20 + b".",
    )
    odd = b"\x80\x02" + pickles[int(rng.integers(len(pickles)))]
    if path.read_bytes()[:4] != b"PK\x03\x04":
        path.write_bytes(odd)
        return
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, odd if name.endswith("data.pkl") else content)


def odd_files(layout: Layout, folder: Path, rng: np.random.Generator) -> tuple[str, int]:
    """Tampers with a file; gives what was done, and how many leaves may differ when it is read."""
    texts, weights = (_found(folder, patterns) for patterns in (layout.texts, layout.weights))
    choice = rng.random()
    if texts and choice < 0.3:
        path, ways = texts[int(rng.integers(len(texts)))], (edit,)
    elif weights[0].suffix == ".bin" and choice < 0.5:
        path, ways = weights[0], (hostile_pickle,)
    else:
        path, ways = weights[int(rng.integers(len(weights)))], (*t.KINDS, *t.CONTENT, *3 * (claim,))
    way = ways[int(rng.integers(len(ways)))]
    way(path, rng)
    unseen = way in (t.flip, claim) and layout.write is not _torch  # a ZIP archive has checksums
    return f"{way.__name__} {path.relative_to(folder)}", int(unseen)


def _found(folder: Path, patterns: Iterable[str]) -> list[Path]:
    found = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    return [path for path in found if path.is_file() and path.stat().st_size]
