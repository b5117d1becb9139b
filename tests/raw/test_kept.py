"""What is kept by a digest is made once, and made again where it is damaged."""

import pytest

from flanrepro.errors import InputError
from flanrepro.raw.kept import keep


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    return tmp_path


def never():
    raise AssertionError("it is kept already")


def test_it_is_made_once_per_name(cache):
    assert keep("one", lambda: {"records": [1, 5]}) == {"records": [1, 5]}
    assert keep("one", never) == {"records": [1, 5]}
    assert keep("other", lambda: {"records": []}) == {"records": []}


@pytest.mark.parametrize("content", ["", "[]", "{", '{"records": [2], "sha256": "0"}'])
def test_a_damaged_or_edited_file_is_made_again(cache, content):
    keep("one", lambda: {"records": [1]})
    (cache / "kept/one.json").write_text(content)
    assert keep("one", lambda: {"records": [1]}) == {"records": [1]}
    assert keep("one", never) == {"records": [1]}


def test_a_folder_that_cannot_be_written_is_said(cache):
    (cache / "kept").write_text("no folder")
    with pytest.raises(InputError, match=r"kept/one.json could not be written .* another folder"):
        keep("one", lambda: {"records": []})
