import dataclasses
import hashlib
import subprocess
import sys

import numpy as np
import pytest
import yaml

from flanrepro.errors import InputError
from flanrepro.model import pretrained
from flanrepro.model.tree import count


@pytest.fixture
def tree() -> dict:
    rng = np.random.default_rng(0)
    leaf = lambda *shape: rng.normal(size=shape).astype(np.float32)  # noqa: E731
    return {
        "encoder": {"layers_0": {"wi": leaf(3, 4)}, "norm": {"scale": leaf(3)}},
        "token_embedder": {"embedding": leaf(8, 3)},
    }


@pytest.fixture
def folder(tree, tmp_path, monkeypatch):
    """A folder of one checkpoint, in the place of the package's."""
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    digest = pretrained.save(tree, tmp_path / "pocket-nano.safetensors")
    row = pretrained.Pretrained(
        "pocket-nano.safetensors", digest, "pocket", "nano", "pocket", "0" * 64, runs=[{"a": 1}]
    )
    (tmp_path / "index.yaml").write_text(yaml.safe_dump([dataclasses.asdict(row)]))
    return tmp_path


def test_a_checkpoint_comes_back_as_float32_to_float16s_precision(tree, folder):
    name = pretrained.full_name("pocket", "nano")
    loaded = pretrained.load(name)
    assert loaded.keys() == tree.keys()
    assert loaded["encoder"].keys() == tree["encoder"].keys()
    for one, other in (
        (loaded["encoder"]["layers_0"]["wi"], tree["encoder"]["layers_0"]["wi"]),
        (loaded["encoder"]["norm"]["scale"], tree["encoder"]["norm"]["scale"]),
        (loaded["token_embedder"]["embedding"], tree["token_embedder"]["embedding"]),
    ):
        assert one.dtype == np.float32
        np.testing.assert_array_equal(one, other.astype(np.float16).astype(np.float32))
    assert count(tree) == 3 * 4 + 3 + 8 * 3


def test_the_file_has_paths_as_names_and_half_the_size(tree, folder):
    from safetensors.numpy import load_file

    stored = load_file(folder / "pocket-nano.safetensors")
    assert set(stored) == {
        "encoder/layers_0/wi",
        "encoder/norm/scale",
        "token_embedder/embedding",
    }
    assert {leaf.dtype.name for leaf in stored.values()} == {"float16"}


def test_a_name_ends_with_the_files_digest_and_equal_weights_make_equal_files(tree, folder):
    content = (folder / "pocket-nano.safetensors").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert pretrained.full_name("pocket", "nano") == f"pocket-nano-{digest[:8]}"
    shuffled = {"token_embedder": tree["token_embedder"], "encoder": tree["encoder"]}
    assert pretrained.save(shuffled, folder / "again.safetensors") == digest
    tree["encoder"]["norm"]["scale"][0] += 1
    assert pretrained.save(tree, folder / "other.safetensors") != digest


def test_what_is_not_shipped_has_no_name(folder):
    assert pretrained.full_name("pocket", "micro") == ""
    assert pretrained.full_name("flan2022", "nano") == ""
    (folder / "index.yaml").unlink()
    assert pretrained.full_name("pocket", "nano") == ""


def test_an_unknown_name_lists_the_names(folder):
    name = pretrained.full_name("pocket", "nano")
    with pytest.raises(InputError, match=f"no checkpoint 'pocket-nano-00000000' .* one of {name},"):
        pretrained.load("pocket-nano-00000000")


def flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("damage", [flipped, lambda content: content[:-3], lambda _: b""])
def test_a_damaged_file_is_one_sentence(folder, damage):
    path = folder / "pocket-nano.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=f"{path} is damaged .SHA-256 .* install the package anew"):
        pretrained.load(pretrained.full_name("pocket", "nano"))


def test_a_missing_file_is_one_sentence(folder):
    (folder / "pocket-nano.safetensors").unlink()
    with pytest.raises(InputError, match=r"cannot be read \(No such file or directory\): install"):
        pretrained.load(pretrained.full_name("pocket", "nano"))


@pytest.mark.parametrize("content", ["- [", "- {file: a}", "- 3", "\x00"])
def test_a_damaged_index_is_one_sentence(folder, content):
    (folder / "index.yaml").write_text(content)
    with pytest.raises(InputError, match=r"index.yaml cannot be read .* install the") as caught:
        pretrained.full_name("pocket", "nano")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, 7e4])
def test_what_float16_cannot_hold_is_refused(tree, tmp_path, value):
    tree["encoder"]["norm"]["scale"][1] = value
    with pytest.raises(InputError, match="encoder/norm/scale is not finite in float16"):
        pretrained.save(tree, tmp_path / "a.safetensors")
    assert not (tmp_path / "a.safetensors").exists()


def test_a_folder_that_cannot_be_written_is_one_sentence(tree, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="free some space or give another folder"):
        pretrained.save(tree, tmp_path / "file" / "a.safetensors")


def test_loading_imports_no_jax():
    program = (
        "import sys; from flanrepro.model import pretrained; "
        "[pretrained.load(name) for name in pretrained.index()]; print('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_all_that_ships_loads_and_has_its_curve_and_card():
    for name, row in pretrained.index().items():
        assert count(pretrained.load(name)) > 0
        for suffix in (".csv", ".md"):
            assert (pretrained.FOLDER / row.file).with_suffix(suffix).is_file()
        assert name in (pretrained.FOLDER / row.file).with_suffix(".md").read_text()
