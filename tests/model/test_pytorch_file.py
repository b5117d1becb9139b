"""State dicts of both layouts are read, and nothing that a file asks for is run."""

import pickle
import struct
import zipfile

import ml_dtypes
import numpy as np
import pytest

from flanrepro.errors import InputError
from flanrepro.model.pytorch_file import MAGIC, PROTOCOL, read

# Pickles by hand: c module name: a global; ( ... t: a tuple; R: call; Q: a storage; b: set state.
LAYOUTS = ("zip", "legacy")


def plain(value) -> bytes:
    """The instructions that make a value of plain data."""
    return pickle.dumps(value, 2)[2:-1]


def name(module, attribute) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def storage(key="0", kind="FloatStorage", size=6, module="torch", more=b"") -> bytes:
    fields = plain("storage") + name(module, kind) + plain(key) + plain("cpu") + plain(size)
    return b"(" + fields + more + b"tQ"


def tensor(of=None, offset=0, shape=(2, 3), strides=(3, 1)) -> bytes:
    arguments = (of or storage()) + plain(offset) + plain(shape) + plain(strides) + b"\x89"
    hooks = name("collections", "OrderedDict") + b")R"
    return name("torch._utils", "_rebuild_tensor_v2") + b"(" + arguments + hooks + b"tR"


def state(**entries) -> bytes:
    """A whole pickle of a dictionary, as PyTorch writes it."""
    items = b"".join(plain(key) + value for key, value in entries.items())
    return b"\x80\x02" + name("collections", "OrderedDict") + b")R(" + items + b"u."


NUMBERS = np.arange(6, dtype=np.float32)


@pytest.fixture
def write(tmp_path):
    """write(layout, pickle, storages) -> path of a state dict's file."""

    def written(layout, described, storages=(("0", NUMBERS),), compression=zipfile.ZIP_STORED):
        path = tmp_path / "pytorch_model.bin"
        if layout == "zip":
            with zipfile.ZipFile(path, "w", compression) as archive:
                archive.writestr("archive/data.pkl", described)
                archive.writestr("archive/byteorder", b"little")
                for key, array in storages:
                    archive.writestr(f"archive/data/{key}", array.tobytes())
            return path
        system = {"protocol_version": PROTOCOL, "little_endian": True}
        content = b"".join(pickle.dumps(value, 2) for value in (MAGIC, PROTOCOL, system))
        content += described + pickle.dumps([key for key, _ in storages], 2)
        for _, array in storages:
            content += struct.pack("<q", array.size) + array.tobytes()
        path.write_bytes(content)
        return path

    return written


@pytest.mark.parametrize("layout", LAYOUTS)
def test_tensors_are_views_of_their_storage_by_offset_and_strides(layout, write):
    described = state(
        whole=tensor(),
        turned=tensor(shape=(3, 2), strides=(1, 3)),
        part=tensor(offset=4, shape=(2,), strides=(1,)),
        one=tensor(offset=5, shape=(), strides=()),
    )
    found = read(write(layout, described))
    assert list(found) == ["whole", "turned", "part", "one"]
    np.testing.assert_array_equal(found["whole"], NUMBERS.reshape(2, 3))
    np.testing.assert_array_equal(found["turned"], NUMBERS.reshape(2, 3).T)
    np.testing.assert_array_equal(found["part"], [4, 5])
    assert found["one"] == 5
    assert not any(array.flags.writeable or array.flags.owndata for array in found.values())


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "kind, dtype",
    [("HalfStorage", np.float16), ("BFloat16Storage", ml_dtypes.bfloat16), ("LongStorage", int)],
)
def test_every_type_of_number_has_its_dtype(layout, kind, dtype, write):
    array = NUMBERS.astype(dtype)
    found = read(write(layout, state(a=tensor(storage(kind=kind))), [("0", array)]))["a"]
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, array.reshape(2, 3))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 4])
def test_what_pytorch_writes_is_read(zipped, protocol, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra `interop`)")
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
    torch.save(written, path, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    found = read(path)
    assert list(found) == list(written)
    for key, value in written.items():
        assert str(value.dtype) == f"torch.{found[key].dtype}"
        np.testing.assert_array_equal(
            found[key].astype(np.float32), value.detach().float().numpy(), key
        )


def attacks(marker) -> dict[str, tuple[bytes, str]]:
    """Pickles that would write the marker, or worse; and what the sentence names."""
    touch = plain((f"echo > {marker}",))
    call = name("os", "system") + touch + b"R"
    rebuild = name("torch._utils", "_rebuild_tensor_v2")
    parameter = name("torch._utils", "_rebuild_parameter")
    nested = name("builtins", "getattr") + b"(" + name("builtins", "dict") + plain("get") + b"tR"
    stacked = b"\x8c\x0bcollections\x8c\x15OrderedDict.__class__\x93"
    state_of = plain({"offset": -1, "function": None, "meaning": None})
    return {
        "a call": (b"\x80\x02" + call + b".", "os.system"),
        "a call in an entry": (state(a=tensor(), b=call), "os.system"),
        "a call as an argument": (state(a=parameter + b"(" + call + b"\x89NtR"), "os.system"),
        "a call as a shape": (
            state(a=rebuild + b"(" + storage() + plain(0) + call + b"tR"),
            "os.system",
        ),
        "a call as a storage's type": (
            state(a=b"(" + plain("storage") + call + plain("0") + b"tQ"),
            "os.system",
        ),
        "getattr": (state(a=nested), "builtins.getattr"),
        "an attribute of an admitted name": (
            b"\x80\x04" + stacked + b".",
            "OrderedDict.__class__",
        ),
        "eval": (state(a=name("builtins", "eval") + plain(("1",)) + b"R"), "builtins.eval"),
        "torch.load": (state(a=name("torch", "load") + plain(("x",)) + b"R"), "torch.load"),
        "no tensor class": (state(a=name("torch.storage", "_load_from_bytes")), "_load_from_bytes"),
        "INST": (f"(S'echo > {marker}'\nios\nsystem\n.".encode(), "instruction INST"),
        "OBJ": (b"(" + name("os", "system") + plain("x") + b"o.", "instruction OBJ"),
        "NEWOBJ": (state(a=name("os", "system") + b")\x81"), "instruction NEWOBJ"),
        "EXT1": (state(a=b"\x82\x01"), "instruction EXT1"),
        "state of a function": (state(a=rebuild + state_of + b"b"), "cut short"),
        "state of a tensor": (state(a=tensor() + state_of + b"b"), "cut short"),
        "state of a storage": (state(a=tensor(storage() + state_of + b"b")), "cut short"),
        "a tensor of text": (state(a=tensor(plain("text"))), "something else than a storage"),
        "a call of a type": (
            state(a=name("torch", "FloatStorage") + plain((9,)) + b"R"),
            "not call",
        ),
        "too few arguments": (state(a=rebuild + plain((1,)) + b"R"), "cut short"),
        "a tensor of parameters": (
            state(a=parameter + plain(("x",)) + b"R"),
            "'a' is no tensor|another size",
        ),
        "no dictionary": (b"\x80\x02" + plain([1, 2]) + b".", "no dictionary|another size"),
        "an unknown storage": (state(a=tensor(storage(kind="dtype"))), "torch.dtype"),
        "reserved memory": (b"\x80\x05\x96" + struct.pack("<Q", 1 << 50) + b".", "BYTEARRAY8|cut"),
        "a far slot": (b"\x80\x02Nr\xff\xff\xff\x7f.", "damaged"),
        "long text": (b"\x80\x02X\xff\xff\xff\x7fabc.", "cut short"),
    }


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("attack", attacks(""))
def test_a_pickle_that_asks_for_more_than_tensors_is_a_sentence(layout, attack, write, tmp_path):
    marker = tmp_path / "marker"
    described, said = attacks(marker)[attack]
    with pytest.raises(InputError, match=rf"pytorch_model\.bin cannot be read .*({said})"):
        read(write(layout, described))
    assert not marker.exists()


@pytest.mark.parametrize("attack", ["a call", "a call in an entry", "INST"])
def test_python_s_own_unpickler_would_run_them(attack, tmp_path):
    class Unpickler(pickle.Unpickler):
        def find_class(self, module, attribute):
            return super().find_class(module, attribute) if module == "os" else lambda *_: {}

        def persistent_load(self, pid):
            return pid

    import io

    Unpickler(io.BytesIO(attacks(tmp_path / "marker")[attack][0])).load()
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "described, said",
    [
        (tensor(offset=1), "'a' is empty or reaches beyond its storage of 6 numbers"),
        (tensor(shape=(2, 4)), "beyond its storage"),
        (tensor(shape=(1 << 40, 1 << 40), strides=(0, 0)), "beyond its storage"),
        (tensor(shape=(0, 1 << 80)), "is empty"),
        (tensor(strides=(1 << 80, 1)), "beyond its storage"),
        (tensor(offset=-1), "something else"),
        (tensor(strides=(-3, 1)), "something else"),
        (tensor(shape=(2.0, 3)), "something else"),
        (tensor(shape=(2,)), "strides do not fit"),
        (tensor(storage(size=1 << 60)), "another size"),
        (tensor(storage(size=-6)), "unknown kind"),
        (tensor(storage(key=3)), "unknown kind"),
        (tensor(storage(key="../../../etc/passwd")), "passwd' is missing|another size"),
        (tensor(storage(more=plain(("0", 3, 3)))), "unknown kind"),
        (b"(" + tensor() + tensor(storage(size=5)) + b"t", "two sizes"),
    ],
)
def test_a_tensor_or_storage_that_lies_about_its_size_is_a_sentence(layout, described, said, write):
    with pytest.raises(InputError, match=said):
        read(write(layout, state(a=described)))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_that_is_cut_short_anywhere_is_a_sentence(layout, write):
    path = write(layout, state(a=tensor()))
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match="cannot be read as a PyTorch state dict"):
            read(path)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_with_any_byte_changed_is_read_or_is_a_sentence(layout, write):
    path = write(layout, state(a=tensor()))
    whole, refused = path.read_bytes(), 0
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            assert all(array.size <= 6 for array in read(path).values())
        except InputError:
            refused += 1
    assert refused > len(whole) / 3


def test_compressed_members_are_a_sentence(write):
    with pytest.raises(InputError, match="compressed"):
        read(write("zip", state(a=tensor()), compression=zipfile.ZIP_DEFLATED))


def test_an_archive_without_one_pickle_is_a_sentence(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.bin", "w") as archive:
        archive.writestr("a/data.pkl", b"")
        archive.writestr("../data.pkl", b"")
    with pytest.raises(InputError, match=r"without one `data\.pkl`"):
        read(tmp_path / "model.bin")


def test_a_file_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match=r"model\.bin cannot be read .*No such file"):
        read(tmp_path / "model.bin")
