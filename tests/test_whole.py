import json
import os
import stat
from pathlib import Path

import pytest

from flanrepro import whole
from flanrepro.errors import InputError
from flanrepro.whole import kind_of, locked, make_folder, read_json


def a_link_to_nothing(path: Path) -> None:
    path.symlink_to(path.parent / "nothing")


PLACED = {
    "a file": Path.touch,
    "a folder": Path.mkdir,
    "a link to what does not exist": a_link_to_nothing,
    "a pipe": os.mkfifo,
}


@pytest.fixture(params=PLACED)
def placed(request, tmp_path) -> tuple[Path, str]:
    """A path with something in its place, and what it is."""
    PLACED[request.param](tmp_path / "it")
    return tmp_path / "it", request.param


def test_what_a_path_is_can_be_told(placed, tmp_path):
    path, kind = placed
    assert kind_of(path) == kind
    assert kind_of(tmp_path / "none") == kind_of(tmp_path / "it" / "none") == ""
    assert kind_of(Path("/dev/null")) == "a device or a socket"


def test_a_folder_is_made_where_nothing_else_is(placed):
    path, kind = placed
    if kind == "a folder":
        assert make_folder(path, "run folder") == path
        return
    with pytest.raises(InputError, match=f"the run folder {path} is {kind}: expected a folder; mo"):
        make_folder(path, "run folder")
    assert kind_of(path) == kind


def test_a_lock_is_a_file_and_nothing_else(placed):
    path, kind = placed
    if kind == "a file":
        with locked(path):
            pass
        return
    with (
        pytest.raises(
            InputError, match=f"the lock {path} is {kind}: expected a file; move it away"
        ),
        locked(path),
    ):
        pass
    assert kind_of(path) == kind


@pytest.mark.parametrize(
    "error", [PermissionError(13, "Permission denied"), NotImplementedError("x")]
)
def test_a_lock_that_cannot_be_taken_is_one_sentence(tmp_path, monkeypatch, error):
    def refused(*args, **kwargs):
        raise error

    monkeypatch.setattr(whole.filelock.FileLock, "acquire", refused)
    said = error.strerror if isinstance(error, OSError) else "x"
    with (
        pytest.raises(
            InputError, match=rf"the lock .*it could not be taken \({said}\): allow this"
        ),
        locked(tmp_path / "it"),
    ):
        pass


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"it cannot be read \(JSONDecodeError\): expected a JSON object; it is damaged"),
        (b"\xff", r"it cannot be read \(UnicodeDecodeError\): expected a JSON object"),
        (b"[" * 100_000, r"it cannot be read \(RecursionError\): expected a JSON object"),
        (b"[1]", "it holds a list: expected a JSON object"),
        (b'{"a": ' + b"9" * 5000 + b"}", r"it cannot be read \(ValueError\): expected a JSON obje"),
    ],
)
def test_a_file_that_is_no_json_object_is_one_sentence(tmp_path, content, sentence):
    (tmp_path / "it").write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        read_json(tmp_path / "it")


def test_a_json_object_is_read_and_a_pipe_is_not_waited_for(placed):
    path, kind = placed
    if kind == "a file":
        path.write_text(json.dumps({"a": [1]}))
        assert read_json(path) == {"a": [1]}
        return
    with pytest.raises(InputError, match=f"it is {kind}: expected a file with a JSON object"):
        read_json(path)
    assert stat.S_IFMT(path.lstat().st_mode)
