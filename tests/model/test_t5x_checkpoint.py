"""T5X's checkpoints without T5X; in `test_t5x_parity.py` T5X itself writes and restores them."""

import json
import os
import re
import shutil

import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest
import tensorstore as ts
from flax import serialization

from flanrepro.errors import InputError
from flanrepro.model import t5x_checkpoint, tree
from flanrepro.model.network import param_shapes
from flanrepro.model.sizes import T5Config

# Wide enough for Adafactor to factor its matrices. The stacks differ in height, so that neither can
# stand for the other.
CONFIG = T5Config(
    vocab_size=256,
    emb_dim=128,
    num_heads=4,
    head_dim=32,
    num_encoder_layers=1,
    num_decoder_layers=2,
    mlp_dim=160,
)
TIED = T5Config(**{**vars(CONFIG), "logits_via_embedding": True})


def random_leaves(config: T5Config) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = tree.flat(param_shapes(config))
    return {name: rng.normal(size=s.shape).astype(np.float32) for name, s in shapes.items()}


@pytest.fixture(scope="module")
def leaves():
    return random_leaves(CONFIG)


def assert_same(params, leaves):
    """The leaves are the same bit for bit, in float32."""
    found = tree.flat(params)
    assert set(found) == set(leaves)
    for name, leaf in leaves.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], np.asarray(leaf, np.float32), name)


def write_file(file, target: dict) -> None:
    contents = {"version": 3, "optimizer": {"target": tree.nested(target), "state": {}}}
    file.write_bytes(serialization.msgpack_serialize(contents))


def spec_of(name: str, dtype: str, shape) -> dict:
    """The spec that T5X's file has of a tensor in a folder of its own."""
    return {
        "driver": "zarr",
        "dtype": dtype,
        "kvstore": {"driver": "file", "path": f"target.{name.replace('/', '.')}/"},
        "metadata": {
            "chunks": list(shape),
            "compressor": {"id": "gzip", "level": 1},
            "shape": list(shape),
        },
    }


def write_older(folder, leaves, inline=(), change=lambda spec: spec) -> dict:
    """Write a checkpoint in T5X's own layout, and return the target that its file has."""
    folder.mkdir()
    target = {}
    for name, leaf in leaves.items():
        target[name] = leaf
        if name not in inline:
            spec = spec_of(name, leaf.dtype.name, leaf.shape)
            kvstore = {"driver": "file", "path": str(folder / spec["kvstore"]["path"])}
            ts.open(spec | {"kvstore": kvstore}, create=True).result().write(leaf).result()
            target[name] = change(spec)
    write_file(folder / "checkpoint", target)
    return target


def write_orbax(folder, leaves) -> None:
    """Write the `state` of a checkpoint as T5X's Orbax interface does."""
    item = {"state": {"step": np.int32(3)}, "target": tree.nested(leaves)}
    ocp.PyTreeCheckpointer().save(folder / "state", item)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, leaves):
    """(folder, target): a checkpoint in T5X's own layout, and the target that its file has."""
    folder = tmp_path_factory.mktemp("whole") / "checkpoint_5"
    return folder, write_older(folder, leaves)


@pytest.fixture
def older(tmp_path, whole):
    """A copy of `whole` that a test may damage."""
    return shutil.copytree(whole[0], tmp_path / "checkpoint_5"), whole[1]


def refused(folder, *words) -> str:
    """`read` refuses a folder in one sentence, which has all `words` and is returned."""
    with pytest.raises(InputError) as caught:
        t5x_checkpoint.read(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message
    return message


@pytest.mark.parametrize("config", [CONFIG, TIED], ids=["own logits", "tied logits"])
def test_what_is_written_is_read_again_bit_for_bit(tmp_path, config):
    leaves = random_leaves(config)
    path = t5x_checkpoint.write(tree.nested(leaves), config, tmp_path, step=12)
    assert path == tmp_path / "checkpoint_12"
    assert os.listdir(tmp_path) == ["checkpoint_12"]
    contents = serialization.msgpack_restore((path / "checkpoint").read_bytes())
    expected = {name: spec_of(name, "float32", leaf.shape) for name, leaf in leaves.items()}
    assert contents["optimizer"]["target"] == tree.nested(expected)
    for folder in (path, tmp_path):
        assert t5x_checkpoint.is_checkpoint(folder)
        params, found = t5x_checkpoint.read(folder)
        assert found == config
        assert_same(params, leaves)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_t5x_s_own_layout_is_read_bit_for_bit(tmp_path, leaves, dtype):
    stored = {name: leaf.astype(jnp.dtype(dtype)) for name, leaf in leaves.items()}
    inline = ["encoder/encoder_norm/scale", "decoder/relpos_bias/rel_embedding"]
    write_older(tmp_path / "checkpoint_5", stored, inline)
    params, config = t5x_checkpoint.read(tmp_path / "checkpoint_5")
    assert config == CONFIG
    assert_same(params, stored)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_orbax_s_layout_is_read_bit_for_bit(tmp_path, leaves, dtype):
    stored = {name: leaf.astype(jnp.dtype(dtype)) for name, leaf in leaves.items()}
    write_orbax(tmp_path / "checkpoint_5", stored)
    assert t5x_checkpoint.is_checkpoint(tmp_path)
    params, config = t5x_checkpoint.read(tmp_path)
    assert config == CONFIG
    assert_same(params, stored)


def test_orbax_s_first_layout_names_folders_and_is_read(tmp_path, leaves):
    state = tmp_path / "state"
    write_older(state, leaves, change=lambda spec: "PLACEHOLDER://" + spec["kvstore"]["path"][:-1])
    assert t5x_checkpoint.is_checkpoint(tmp_path)
    assert_same(t5x_checkpoint.read(tmp_path)[0], leaves)


@pytest.mark.parametrize(
    "kvstore", [{"driver": "gfile"}, {"driver": "gcs", "bucket": "t5x-dummy-bucket"}]
)
@pytest.mark.parametrize("beside", [False, True], ids=["path in the store", "path beside it"])
def test_a_checkpoint_that_was_written_elsewhere_is_read_where_it_is(
    tmp_path, leaves, kvstore, beside
):
    def change(spec):
        path = {"path": spec["kvstore"]["path"]}
        return spec | (path | {"kvstore": kvstore} if beside else {"kvstore": kvstore | path})

    write_older(tmp_path / "checkpoint_5", leaves, change=change)
    assert_same(t5x_checkpoint.read(tmp_path)[0], leaves)


def test_of_several_checkpoints_the_newest_is_read(tmp_path, leaves):
    for step in (9, 10):
        stored = {name: leaf + step for name, leaf in leaves.items()}
        t5x_checkpoint.write(tree.nested(stored), CONFIG, tmp_path, step)
    (tmp_path / "checkpoint_11.tmp-1700000000").mkdir()  # left by a writer that was killed
    assert_same(t5x_checkpoint.read(tmp_path)[0], stored)


def test_other_folders_are_no_checkpoints(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "checkpoint-500").mkdir()
    for folder in (tmp_path, tmp_path / "none"):
        assert not t5x_checkpoint.is_checkpoint(folder)
        refused(folder, str(folder), "no T5X checkpoint", "checkpoint_N")


@pytest.mark.parametrize(
    "spec",
    [
        {"kvstore": {"driver": "file", "path": "../secret/"}},
        {"kvstore": {"driver": "file", "path": "{secret}"}},
        {"kvstore": {"driver": "file", "path": "link/"}},
        {"kvstore": {"driver": "file", "path": ""}},
        {"kvstore": {"driver": "file", "path": "a\0b"}},
        {"kvstore": {"driver": "file", "path": 7}},
        {"kvstore": {"driver": "http", "base_url": "http://localhost", "path": "here/"}},
        {"kvstore": {"driver": "gcs", "bucket": "somebody", "path": "here/"}},
        {"kvstore": "file:///secret"},
        {"driver": "n5", "kvstore": {"driver": "file", "path": "here/"}},
        "PLACEHOLDER://../secret",
        "../secret",
        None,
    ],
    ids=str,
)
def test_a_spec_that_points_elsewhere_opens_nothing(older, tmp_path, monkeypatch, spec):
    folder, target = older
    name = "token_embedder/embedding"
    secret = tmp_path / "secret"
    shutil.copytree(folder / "target.token_embedder.embedding", secret)
    shutil.copytree(secret, folder / "here")
    (folder / "link").symlink_to(secret)
    if isinstance(spec, dict):
        spec = target[name] | spec
        if spec["kvstore"] == {"driver": "file", "path": "{secret}"}:
            spec["kvstore"] = {"driver": "file", "path": str(secret)}
    write_file(folder / "checkpoint", target | {name: spec})
    opened = []
    really = ts.open
    monkeypatch.setattr(ts, "open", lambda s, **how: opened.append(s) or really(s, **how))
    refused(folder, str(folder / "checkpoint"), f"'{name}'", "nothing was opened")
    assert {s["kvstore"]["driver"] for s in opened} <= {"file"}
    assert all(s["kvstore"]["path"].startswith(f"{folder}/target.") for s in opened)


def test_a_damaged_file_is_named(older):
    folder, _ = older
    file = folder / "checkpoint"
    whole = file.read_bytes()
    no_target = serialization.msgpack_serialize({"version": 3, "optimizer": {"params": 1}})
    mesh_tensorflow = b'model_checkpoint_path: "model.ckpt-1000000"\n'
    for contents in (whole[: len(whole) // 2], whole + b"x", b"", mesh_tensorflow, no_target):
        file.write_bytes(contents)
        refused(folder, str(file), "no T5X checkpoint file or a damaged one")


def test_a_damaged_tensor_is_named(older):
    folder, _ = older
    array = folder / "target.encoder.layers_0.mlp.wo.kernel"
    chunk = array / "0.0"
    tensor = "'encoder/layers_0/mlp/wo/kernel'"
    os.truncate(chunk, chunk.stat().st_size // 2)
    refused(folder, str(folder), tensor, str(chunk))
    chunk.unlink()
    refused(folder, str(folder), tensor, str(chunk), "missing")
    (array / ".zarray").write_text('{"chunks"')
    refused(folder, str(folder), tensor, ".zarray")
    shutil.rmtree(array)
    refused(folder, str(folder), tensor, ".zarray")


@pytest.mark.parametrize(
    ("shape", "chunks", "claimed"),
    [
        ((2**20, 2**20), (2**20, 2**20), "(1048576, 1048576)"),
        ((160, 128), (2**20, 2**20), "(160, 128) in chunks of (1048576, 1048576)"),
        ((2**12, 2**12), (1, 1), "(4096, 4096) in chunks of (1, 1)"),
    ],
)
def test_a_tensor_that_claims_more_than_the_files_hold_is_not_read(older, shape, chunks, claimed):
    folder, _ = older
    path = folder / "target.encoder.layers_0.mlp.wo.kernel" / ".zarray"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"shape": shape, "chunks": chunks}))
    refused(folder, str(folder), "'encoder/layers_0/mlp/wo/kernel'", claimed, "cannot hold it")


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(older):
    folder, _ = older
    path = folder / "target.encoder.layers_0.mlp.wo.kernel" / ".zarray"
    path.unlink()
    os.mkfifo(path)
    refused(folder, f"{path} is no file")


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_tensor_with_a_number_that_is_none_is_named(tmp_path, leaves, number, dtype):
    name = "decoder/relpos_bias/rel_embedding"
    leaf = leaves[name].astype(jnp.dtype(dtype))
    leaf[1, 2] = number
    write_file(tmp_path / "checkpoint", leaves | {name: leaf})
    refused(tmp_path, f"tensor '{name}' has 1 numbers", f"the first is {number}")


def test_a_damaged_database_of_orbax_is_named(tmp_path, leaves):
    write_orbax(tmp_path, leaves)
    state = tmp_path / "state"
    largest = max(state.rglob("d/*"), key=lambda file: file.stat().st_size)
    os.truncate(largest, largest.stat().st_size // 2)
    refused(tmp_path, str(tmp_path), "tensor '", "cannot be read")
    os.truncate(state / "manifest.ocdbt", 20)
    refused(tmp_path, str(state), "cannot be read")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"decoder/layers_1/mlp/wo/kernel": None}, ["decoder/layers_1/mlp/wo/kernel", "no tensor"]),
        ({"token_embedder/embedding": None}, ["'token_embedder/embedding'", "none"]),
        ({"token_embedder/embedding": (256,)}, ["'token_embedder/embedding'", "(256,)"]),
        ({"encoder/relpos_bias/rel_embedding": (0, 32)}, ["rel_embedding'", "(0, 32)"]),
        ({"encoder/relpos_bias/rel_embedding": (4, 64)}, ["rel_embedding'", "(4, 64)", "(4, 32)"]),
        ({"decoder/adapter/kernel": (8, 8)}, ["'decoder/adapter/kernel'", "does not have"]),
        ({"encoder/layers_7/mlp/wo/kernel": (160, 128)}, ["'encoder/layers_1/"]),
    ],
    ids=str,
)
def test_a_tensor_that_is_missing_or_too_many_or_misshapen_is_named(
    tmp_path, leaves, change, words
):
    changed = {name: shape and np.ones(shape, np.float32) for name, shape in change.items()}
    target = {name: leaf for name, leaf in (leaves | changed).items() if leaf is not None}
    write_file(tmp_path / "checkpoint", target)
    refused(tmp_path, str(tmp_path), *words)


def test_a_tensor_of_integers_is_named(tmp_path, leaves):
    name = "encoder/encoder_norm/scale"
    write_file(tmp_path / "checkpoint", leaves | {name: np.ones(128, np.uint16)})
    refused(tmp_path, f"'{name}'", "uint16", "bfloat16")


def test_other_architectures_are_named(tmp_path, leaves):
    scanned = {re.sub(r"coder/layers_.", "coder/encoder", n): x for n, x in leaves.items()}
    ungated = {n.replace("wi_0", "wi"): x for n, x in leaves.items() if "wi_1" not in n}
    decoder = {n: x for n, x in leaves.items() if not n.startswith("encoder")}
    cases = {"(scanned)": scanned, "(T5 1.0)": ungated, "(decoder-only)": decoder}
    for word, target in cases.items():
        write_file(tmp_path / "checkpoint", target)
        refused(tmp_path, str(tmp_path), word, "T5 v1.1")


def test_a_checkpoint_is_not_written_over_another(tmp_path, leaves):
    params = tree.nested(leaves)
    path = t5x_checkpoint.write(params, CONFIG, tmp_path)
    before = (path / "checkpoint").read_bytes()
    with pytest.raises(InputError, match="checkpoint_0 exists"):
        t5x_checkpoint.write(params, CONFIG, tmp_path)
    assert (path / "checkpoint").read_bytes() == before


def test_a_checkpoint_is_whole_or_not_there(tmp_path, leaves, monkeypatch):
    params = tree.nested(leaves)
    with pytest.raises(InputError, match="'decoder/logits_dense/kernel'"):
        t5x_checkpoint.write(params, TIED, tmp_path)

    odd = leaves | {"encoder/encoder_norm/scale": np.full(128, np.nan, np.float32)}
    with pytest.raises(
        InputError, match=r"^the model: tensor 'encoder/encoder_norm/scale' has 128"
    ):
        t5x_checkpoint.write(tree.nested(odd), CONFIG, tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(serialization, "msgpack_serialize", full)
    with pytest.raises(InputError, match=r"checkpoint_0 could not be written .*No space left"):
        t5x_checkpoint.write(params, CONFIG, tmp_path)
    assert os.listdir(tmp_path) == []
