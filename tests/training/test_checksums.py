import json
import os

import pytest

from flanrepro.training.checksums import NAME, damage, write_checksums


@pytest.fixture
def folder(tmp_path):
    """A folder of two files, with their checksums."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "a").write_bytes(b"0" * 1000)
    (tmp_path / "b").write_bytes(b"1")
    write_checksums(tmp_path)
    return tmp_path


def test_what_was_written_is_whole(folder):
    assert damage(folder) == ""
    assert set(json.loads((folder / NAME).read_text())["sha256"]) == {"state/a", "b"}
    (folder / ".DS_Store").touch()  # what a file manager leaves
    assert damage(folder) == ""


def test_a_folder_without_checksums_has_no_known_damage(folder):
    (folder / NAME).unlink()
    (folder / "b").unlink()
    assert damage(folder) == ""


def test_a_flipped_bit_or_a_missing_file_is_named(folder):
    content = bytearray(b"0" * 1000)
    content[500] ^= 1
    (folder / "state" / "a").write_bytes(content)
    assert damage(folder) == "state/a is not what was written"
    (folder / "state" / "a").write_bytes(b"0" * 999)
    assert damage(folder) == "state/a is not what was written"
    (folder / "state" / "a").unlink()
    assert damage(folder) == "state/a is missing"
    os.mkfifo(folder / "state" / "a")
    assert damage(folder) == "state/a is missing"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"sha256": 5}', b"\xff"])
def test_damaged_checksums_are_damage(folder, content):
    (folder / NAME).write_bytes(content)
    assert damage(folder).startswith(f"{NAME} or a file that it names cannot be read: ")


def test_checksums_of_nothing_are_damage(folder):
    (folder / NAME).write_text('{"sha256": {}}')
    assert damage(folder) == f"{NAME} names no file"


def test_checksums_that_are_a_pipe_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "checksums.json")
    assert damage(tmp_path) == "checksums.json is a pipe"
