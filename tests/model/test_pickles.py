"""A pickle that would take hours, or all memory, is refused before PyTorch sees it."""

import pickle
import struct
import zipfile

import pytest

from flanrepro.errors import InputError
from flanrepro.model import pickles
from flanrepro.model.pytorch_file import read

HEAD = b"".join(pickle.dumps(one, 2) for one in (0x1950A86A20F9469CFC6C, 1001, {}))
"""What stands before the state dict in a file of PyTorch before 1.6."""


def number(value: int) -> bytes:
    return b"\x8a\x08" + struct.pack("<q", value)


def again(first: bytes, twice: bytes) -> bytes:
    """A container of twice the one before, 100 times; `twice` has two places for its number."""
    made = [b"q%c" % i + twice.replace(b"?", b"h%c" % i) for i in range(100)]
    return first + b"".join(made)


PICKLES = {
    "tuples of tuples as a key": (b"}" + again(b")", b"??\x86") + b"K\x01s.", "a container twice"),
    "lists of lists": (again(b"]", b"](??e") + b"R.", "a container twice"),
    "dictionaries": (again(b"}", b"}(K\x01?K\x02?u") + b"R.", "a container twice"),
    "deep": (b"}" + b")" + b"\x85" * 10**4 + b"K\x01s.", "more than 16 containers in each other"),
    "bytes": (b"cbuiltins\nbytearray\n" + number(2**40) + b"\x85R.", "'builtins bytearray'"),
    "a tensor of a size": (b"ctorch\nTensor\n" + number(2**40) + b"\x85R.", "'torch Tensor'"),
    "nothing, often": (b"N" * 2**17 + b".", "exhausted|expected one of 65536 at most"),
    "an empty stack": (b"R.", "IndexError|pop from empty"),
}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", PICKLES)
def test_what_is_no_state_dict_is_refused_at_once(name, zipped, tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="PyTorch is not installed (extra `interop`)")
    monkeypatch.setattr(pickles, "LARGEST", 2**16)
    path, (content, said) = tmp_path / "pytorch_model.bin", PICKLES[name]
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", b"\x80\x02" + content)
            archive.writestr("archive/version", "3\n")
    else:
        path.write_bytes(HEAD + b"\x80\x02" + content)
    with pytest.raises(InputError, match=rf"cannot be read as a PyTorch state dict \(.*({said})"):
        read(path)


def test_an_archive_with_two_pickles_or_compressed_entries_is_refused(tmp_path):
    path = tmp_path / "pytorch_model.bin"
    for names, how in ((("a/data.pkl", "b/data.pkl"), 0), (("a/data.pkl", "a/data/0"), 8)):
        with zipfile.ZipFile(path, "w", how) as archive:
            for name in names:
                archive.writestr(name, pickle.dumps({}, 2) * 100)
        with pytest.raises(ValueError, match=r"expected one of|are compressed"):
            pickles.check(path)


def test_a_byte_that_changed_is_seen_where_the_file_has_checksums(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra `interop`)")
    path = tmp_path / "pytorch_model.bin"
    torch.save({"a": torch.full((8,), 1.5)}, path)
    content = path.read_bytes()
    at = content.index(torch.full((8,), 1.5).numpy().tobytes())
    path.write_bytes(content[:at] + b"\x01" + content[at + 1 :])
    with pytest.raises(InputError, match=r"its entry '.*data/0' is not what its checksum says"):
        read(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_dict_of_many_tensors_some_of_them_shared_is_one(zipped, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra `interop`)")
    layers = torch.nn.ModuleList([torch.nn.Linear(3, 2) for _ in range(1500)])
    parameter = torch.nn.Parameter(torch.ones(2))
    state = layers.state_dict() | {"one": parameter, "other": parameter}
    torch.save(state, tmp_path / "model.bin", _use_new_zipfile_serialization=zipped)
    pickles.check(tmp_path / "model.bin")
    assert len(read(tmp_path / "model.bin")) == 3002
