"""State dicts are read as PyTorch wrote them, and nothing that a file asks for is run."""

import pickle
import sys
import zipfile

import numpy as np
import pytest

from flanrepro.errors import InputError
from flanrepro.model.pytorch_file import read


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed (extra `interop`)")


@pytest.mark.parametrize("zipped", [True, False])
def test_what_pytorch_writes_is_read(torch, zipped, tmp_path):
    path, layer = tmp_path / "pytorch_model.bin", torch.nn.Linear(5, 3)
    written = layer.state_dict()  # with the attribute `_metadata`
    written |= {
        "turned": torch.randn(4, 7).T,
        "part": written["weight"][1:, 1:3],
        "parameter": torch.nn.Parameter(torch.randn(1, 2)),
        "half": torch.randn(7).half(),
        "brain": torch.randn(3, 2).bfloat16(),
        "number": torch.tensor(3),
    }
    torch.save(written, path, _use_new_zipfile_serialization=zipped)
    found = read(path)
    assert list(found) == list(written)
    for key, value in written.items():
        shape, numbers = found[key]
        assert shape == tuple(value.shape) == numbers().shape
        assert key == "brain" or str(value.dtype) == f"torch.{numbers().dtype}"
        np.testing.assert_array_equal(numbers(), value.detach().float().numpy(), key)


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def attacks(marker) -> dict[str, bytes]:
    """Pickles that would write the marker, or worse, if they were run."""
    text = pickle.dumps((f"echo > {marker}",), 2)[2:-1]
    call = name("os", "system") + text + b"R"
    dictionary = name("collections", "OrderedDict") + b")R("
    entry = b"X\x01\x00\x00\x00a"
    rebuild = name("torch._utils", "_rebuild_tensor_v2")
    return {
        "a call": b"\x80\x02" + call + b".",
        "a call in an entry": b"\x80\x02" + dictionary + entry + call + b"u.",
        "a call as an argument": b"\x80\x02" + dictionary + entry + rebuild + b"(" + call + b"tRu.",
        "eval": b"\x80\x02" + dictionary + entry + name("builtins", "eval") + text + b"Ru.",
        "torch.load": b"\x80\x02" + dictionary + entry + name("torch", "load") + text + b"Ru.",
        "INST": f"(S'echo > {marker}'\nios\nsystem\n.".encode(),
        "OBJ": b"(" + name("os", "system") + text + b"o.",
        "NEWOBJ": b"\x80\x02" + name("os", "system") + b")\x81.",
        "no dictionary": b"\x80\x02" + pickle.dumps([1, 2], 2)[2:],
        "no tensor": b"\x80\x02" + dictionary + entry + b"K\x01u.",
        "far memory": b"\x80\x02Nr\xff\xff\xff\x7f.",
        "long text": b"\x80\x02X\xff\xff\xff\x7fabc.",
    }


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("attack", attacks(""))
def test_a_pickle_that_asks_for_more_than_tensors_is_a_sentence(torch, zipped, attack, tmp_path):
    marker, path = tmp_path / "marker", tmp_path / "pytorch_model.bin"
    described = attacks(marker)[attack]
    if zipped:
        torch.save({"a": torch.zeros(2)}, path)
        with zipfile.ZipFile(path) as archive:
            files = {entry: archive.read(entry) for entry in archive.namelist()}
        (pickled,) = (entry for entry in files if entry.endswith("data.pkl"))
        with zipfile.ZipFile(path, "w") as archive:
            for entry, content in files.items():
                archive.writestr(entry, described if entry == pickled else content)
    else:
        path.write_bytes(described)
    with pytest.raises(
        InputError, match=r"pytorch_model\.bin cannot be read as a PyTorch state dict"
    ):
        read(path)
    assert not marker.exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_is_cut_short_is_a_sentence(torch, zipped, tmp_path):
    path = tmp_path / "pytorch_model.bin"
    torch.save({"a": torch.arange(6.0)}, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    for size in range(0, len(whole) - 8, 97):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match="cannot be read as a PyTorch state dict"):
            read(path)


def test_a_file_that_is_not_there_is_a_sentence(torch, tmp_path):
    with pytest.raises(InputError, match=r"model\.bin cannot be read .*No such file"):
        read(tmp_path / "model.bin")


def test_without_pytorch_the_sentence_says_what_to_take(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        InputError, match=r"PyTorch is not installed: install it .* or give the model"
    ):
        read(tmp_path / "model.bin")
