"""The record store keeps what was read, whole or not at all, and reads it back at random access."""

import os
import pickle
import sqlite3
import subprocess
import sys
import threading

import filelock
import pytest

from flanrepro.collection.content import digest_of
from flanrepro.errors import InputError
from flanrepro.raw import records


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    return tmp_path


def made(n: int) -> list[dict[str, str]]:
    return [{"text": f"número {i} {{}}\u2028\n", "answer": str(i)} for i in range(n)]


def test_records_come_back_as_they_were():
    kept = records.store("a/b/train", "v1", lambda: made(25_000))
    assert len(kept) == 25_000
    assert kept[24_999] == made(25_000)[24_999]
    assert list(kept)[:30] == made(30)
    assert records.stored("a/b/train", "v1")[3] == made(4)[3]


def test_nothing_is_kept_under_another_name_or_fingerprint():
    records.store("a", "v1", lambda: made(3))
    assert records.stored("b", "v1") is None
    assert records.stored("a", "v2") is None


def test_what_is_there_is_not_read_again():
    records.store("a", "v1", lambda: made(3))
    kept = records.store("a", "v1", lambda: pytest.fail("read again"))
    assert len(kept) == 3


def test_two_mirrors_keep_their_records_side_by_side():
    records.store("a", "v1", lambda: made(3))
    records.store("a", "v2", lambda: made(5))
    assert list(records.stored("a", "v2")) == made(5)
    assert list(records.stored("a", "v1")) == made(3)


def test_new_data_replaces_the_oldest_and_leaves_its_neighbours():
    records.store("b", "v1", lambda: made(2))
    for n in range(records.KEPT + 1):
        records.store("a", f"v{n}", lambda: made(3))
    assert records.stored("a", "v0") is None
    assert [len(records.stored("a", f"v{n}")) for n in (1, records.KEPT)] == [3, 3]
    assert list(records.stored("b", "v1")) == made(2)


def test_records_that_were_replaced_are_gone_and_never_anothers():
    held = records.store("a", "v0", lambda: made(3))
    for n in range(1, 9):
        records.store("a", f"v{n}", lambda: [])
    records.store("b", "v1", lambda: [{"text": "of another task"}] * 9)
    with pytest.raises(InputError, match=r"record 1 is gone from .*, so start again"):
        held[1]


def test_records_of_a_file_that_was_deleted_are_not_anothers_in_the_new_one():
    held = records.store("a", "v1", lambda: made(3))
    records.store_path().unlink()
    records.store("b", "v1", lambda: [{"text": "of another task"}] * 9)
    with pytest.raises(InputError, match="record 1 is gone from"):
        held[1]


def test_what_another_process_keeps_is_seen_though_the_files_size_and_time_stay():
    records.store("a", "v1", lambda: made(1))
    assert records.stored("a", "v2") is None
    before = records.store_path().stat()
    code = "from flanrepro.raw import records; records.store('a', 'v2', lambda: [{'text': 'x'}])"
    subprocess.run([sys.executable, "-c", code], env=os.environ, check=True)
    os.utime(records.store_path(), ns=(before.st_atime_ns, before.st_mtime_ns))
    assert records.store_path().stat().st_size == before.st_size
    assert list(records.stored("a", "v2")) == [{"text": "x"}]


def test_what_is_kept_is_given_back_though_it_is_replaced_at_once(monkeypatch):
    class Hasty(filelock.FileLock):
        def release(self, *args, **kwargs):
            super().release(*args, **kwargs)
            with sqlite3.connect(records.store_path()) as other:
                other.execute("DELETE FROM contents")

    monkeypatch.setattr(filelock, "FileLock", Hasty)
    assert len(records.store("a", "v1", lambda: made(3))) == 3


def test_a_file_that_another_process_has_just_opened_holds_nothing_yet():
    records.store_path().touch()
    assert records.stored("a", "v1") is None


def test_a_reader_that_fails_leaves_nothing_behind():
    def broken():
        yield from made(15_000)
        raise InputError("bad row")

    with pytest.raises(InputError, match="bad row"):
        records.store("a", "v1", broken)
    assert records.stored("a", "v1") is None
    assert len(records.store("a", "v1", lambda: made(2))) == 2
    count = sqlite3.connect(records.store_path()).execute("SELECT COUNT(*) FROM records")
    assert count.fetchone() == (2,)


def test_a_killed_writer_leaves_nothing_behind():
    code = (
        "import os\nfrom flanrepro.raw import records\n"
        "def rows():\n    yield from ({'a': str(i)} for i in range(15000))\n    os._exit(9)\n"
        "records.store('a', 'v1', rows)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], env=os.environ).returncode == 9
    assert records.stored("a", "v1") is None
    assert list(records.store("a", "v1", lambda: made(2))) == made(2)


def test_other_processes_and_threads_read_the_same():
    kept = records.store("a", "v1", lambda: made(10))
    code = "from flanrepro.raw import records; print(records.stored('a', 'v1')[7]['answer'])"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True)
    assert done.stdout.decode().strip() == "7"
    seen = []
    thread = threading.Thread(target=lambda: seen.append(kept[7]))
    thread.start()
    thread.join()
    assert seen == [made(10)[7]]


def test_an_index_out_of_range_is_an_error():
    kept = records.store("a", "v1", lambda: made(3))
    for i in (-1, 3):
        with pytest.raises(IndexError):
            kept[i]


def test_a_damaged_store_says_so_in_one_sentence(cache):
    records.store_path().write_bytes(b"no database " * 1000)
    with pytest.raises(InputError, match=r"record store .* is damaged .*: delete it"):
        records.store("a", "v1", lambda: made(3))


def test_a_folder_that_cannot_be_made_says_so(cache, monkeypatch):
    (cache / "file").write_text("")
    monkeypatch.setenv("FLANREPRO_CACHE", str(cache / "file"))
    with pytest.raises(InputError, match="FLANREPRO_CACHE"):
        records.store("a", "v1", lambda: made(3))


@pytest.mark.parametrize("name", ["records-4.sqlite", "records-4.sqlite.lock"])
@pytest.mark.parametrize("other", ["folder", "pipe", "link"])
def test_what_is_no_file_in_the_stores_place_is_one_sentence(tmp_path, monkeypatch, name, other):
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    path = tmp_path / name
    {
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
        "link": lambda: path.symlink_to("nothing"),
    }[other]()
    with pytest.raises(InputError, match=f"{name} is a .*: expected a file; move it away"):
        records.store("split", "1", lambda: [{"a": "b"}])


def test_a_splits_digest_is_that_of_its_records_and_is_kept():
    kept = records.store("a", "v1", lambda: made(25_000))
    assert kept.digest == records.stored("a", "v1").digest == digest_of(made(25_000))
    assert pickle.loads(pickle.dumps(kept)).digest == kept.digest
    assert records.store("b", "v1", lambda: made(24_999)).digest != kept.digest


@pytest.mark.parametrize("change", ["digest = 'f00'", "first = first + 1", "rows = rows - 1"])
def test_a_row_of_contents_that_was_changed_is_seen(change):
    records.store("a", "v1", lambda: made(3))
    with sqlite3.connect(records.store_path()) as other:
        other.execute(f"UPDATE contents SET {change}")
    with pytest.raises(InputError, match=r"is damaged \(the row of 'a' is not what was written\)"):
        records.stored("a", "v1")


def test_a_byte_that_was_flipped_within_a_text_is_seen(tmp_path, monkeypatch):
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    kept = records.store("split", "1", lambda: [{"a": "a dog"}])
    records._connection(records.store_path()).close()
    path = records.store_path()
    path.write_bytes(path.read_bytes().replace(b"a dog", b"a hog"))
    records._connections.by_path.clear()
    with pytest.raises(InputError, match=r"is damaged \(record 0 is not what was written\)"):
        kept[0]
