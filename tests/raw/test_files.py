"""Files come whole or not at all, and whatever is wrong with them is said in one sentence."""

import errno
import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from flanrepro.errors import InputError
from flanrepro.raw import files
from flanrepro.raw.files import DataFile, fetch
from flanrepro.raw.reading import read_json, read_json_object, read_jsonl, read_tsv

CONTENT = b'{"question": "1 + 1?", "answer": "2"}\n' * 400
SUM = hashlib.sha256(CONTENT).hexdigest()
OTHER = CONTENT.replace(b"2", b"3")
NAME = "sums/train.jsonl"


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT in the way that the path names."""

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path == "/missing":
            self.send_error(404)
            return
        body = {"/other": OTHER, "/short": CONTENT[:1000], "/cut": CONTENT[:1000]}
        self.send_response(200)
        if self.path != "/cut":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(body.get(self.path, CONTENT))

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.delenv("FLANREPRO_MIRROR", raising=False)
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def published(monkeypatch):
    """Puts one file into the manifest, published at the given URL."""

    def publish(url: str):
        file = DataFile(NAME, url, len(CONTENT), SUM, 400, "MIT")
        monkeypatch.setattr(files, "manifest", lambda: {NAME: file})

    return publish


def url_of(server, path):
    return f"http://127.0.0.1:{server.server_port}{path}"


def left_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def fails(function, *arguments) -> str:
    """The message of the InputError that a call must end in, which must be one line."""
    with pytest.raises(InputError) as error:
        function(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_file_is_downloaded_once(server, cache, published):
    published(url_of(server, "/ok"))
    path = fetch(NAME)
    assert path == cache / "sums" / "train.jsonl"
    assert path.read_bytes() == CONTENT
    assert fetch(NAME) == path
    assert server.asked == ["/ok"]
    assert left_in(cache) == [path]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/short", f"broke off before its {len(CONTENT)} bytes were there"),
        ("/cut", f"other content than the expected {len(CONTENT)} bytes with SHA-256 {SUM}"),
        ("/other", f"brought other content than the expected {len(CONTENT)} bytes"),
        ("/missing", "/missing answered with HTTP status 404"),
    ],
)
def test_a_failed_download_leaves_nothing_and_says_why(server, cache, published, path, said):
    published(url_of(server, path))
    message = fails(fetch, NAME)
    assert said in message
    assert f"cannot download '{NAME}' to {cache}" in message
    assert f"set FLANREPRO_MIRROR to a folder that holds '{NAME}'" in message
    assert left_in(cache) == []


def test_without_network_and_mirror_the_variable_to_set_is_named(cache, published, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        published(f"http://127.0.0.1:{port}/ok")
        message = fails(fetch, NAME)
    assert f"no connection to http://127.0.0.1:{port}/ok" in message
    assert "set FLANREPRO_MIRROR" in message
    assert left_in(cache) == []


@pytest.mark.parametrize("damaged", [CONTENT[:1000], OTHER])
def test_a_damaged_file_in_the_cache_is_downloaded_again(server, cache, published, damaged):
    (cache / "sums").mkdir(parents=True)
    (cache / NAME).write_bytes(damaged)
    published(url_of(server, "/ok"))
    assert fetch(NAME).read_bytes() == CONTENT


def test_a_damaged_file_that_cannot_be_downloaded_again_is_named(server, cache, published):
    (cache / "sums").mkdir(parents=True)
    (cache / NAME).write_bytes(CONTENT[:1000])
    published(url_of(server, "/missing"))
    message = fails(fetch, NAME)
    assert f"the copy in the cache, {cache / NAME}, is damaged: it has 1000 bytes and" in message


def test_a_cache_that_is_no_folder_is_named(server, cache, published):
    cache.write_text("a file")
    published(url_of(server, "/ok"))
    assert f"cannot download '{NAME}' to {cache}" in fails(fetch, NAME)


def test_a_mirror_is_read_in_place_and_nothing_is_downloaded(server, cache, published, monkeypatch):
    published(url_of(server, "/ok"))
    mirror = cache.parent / "mirror"
    (mirror / "sums").mkdir(parents=True)
    (mirror / NAME).write_bytes(CONTENT)
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    assert fetch(NAME) == mirror / NAME
    assert server.asked == []
    assert not cache.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "has no file 'sums/train.jsonl'"),
        (CONTENT[:1000], f"it has 1000 bytes and {len(CONTENT)} are expected"),
        (OTHER, f"its SHA-256 is {hashlib.sha256(OTHER).hexdigest()} and {SUM} is expected"),
    ],
)
def test_a_mirror_without_the_right_file_says_so(published, tmp_path, monkeypatch, content, said):
    published("https://example.org/train.jsonl")
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path))
    (tmp_path / "sums").mkdir()
    if content:
        (tmp_path / NAME).write_bytes(content)
    message = fails(fetch, NAME)
    assert said in message
    assert "https://example.org/train.jsonl" in message
    assert "unset FLANREPRO_MIRROR" in message


def denied(monkeypatch, method: str, name: str) -> None:
    """Takes away the permission for a file; root, as which containers run, has it always."""
    whole = getattr(Path, method)

    def without(self, *args, **kwargs):
        if self.name == name:
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return whole(self, *args, **kwargs)

    monkeypatch.setattr(Path, method, without)


@pytest.mark.parametrize("method", ["stat", "open"])
def test_a_mirrors_file_that_may_not_be_read_says_so(published, tmp_path, monkeypatch, method):
    published("https://example.org/train.jsonl")
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path))
    (tmp_path / "sums").mkdir()
    (tmp_path / NAME).write_bytes(CONTENT)
    files._sha256.cache_clear()
    denied(monkeypatch, method, "train.jsonl")
    message = fails(fetch, NAME)
    assert message.startswith(f"cannot read {tmp_path / NAME}: Permission denied; expected a file")
    assert files.missing(NAME) == (message if method == "stat" else "")


def test_a_broken_link_in_a_mirror_is_named(published, tmp_path, monkeypatch):
    published("https://example.org/train.jsonl")
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path))
    (tmp_path / "sums").mkdir()
    (tmp_path / NAME).symlink_to(tmp_path / "moved.jsonl")
    said = f"{tmp_path / NAME} is a link to {tmp_path / 'moved.jsonl'}, which does not exist"
    assert fails(fetch, NAME).startswith(said)
    assert files.missing(NAME).startswith(said)


@pytest.mark.parametrize(
    "name, said",
    [
        ("~no-such-user/x", r"'~no-such-user/x' is no path here .*write the path out"),
        ("a\0b", r"'a\\x00b' is no path: it has U\+0000"),
        ("a\ud800", r"'a\\ud800' is no path"),
    ],
)
def test_a_name_that_no_path_can_have_is_named(name, said, monkeypatch):
    with pytest.raises(InputError, match=said):
        files.expanded(name)
    if name[0] == "~":
        monkeypatch.setenv("FLANREPRO_MIRROR", name)
        with pytest.raises(InputError, match=said):
            files.mirror()
    else:
        with pytest.raises(InputError, match=said):
            files.status_of(Path(name))


def test_a_checksum_is_computed_once_while_the_file_stays_the_same(
    published, tmp_path, monkeypatch
):
    published("https://example.org/train.jsonl")
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path))
    (tmp_path / "sums").mkdir()
    (tmp_path / NAME).write_bytes(CONTENT)
    read = files._sha256.cache_info().misses
    fetch(NAME)
    fetch(NAME)
    assert files._sha256.cache_info().misses == read + 1
    (tmp_path / NAME).write_bytes(OTHER)
    os.utime(tmp_path / NAME, ns=(1, 1))
    assert "SHA-256" in fails(fetch, NAME)


def test_a_file_is_marked_by_its_content_where_its_file_system_has_no_time_of_change(tmp_path):
    path = tmp_path / "a"
    # FAT and squashfs have whole seconds, which the next write may have in common.
    times = {"st_ctime": 9, "st_ctime_ns": 9 * 10**9, "st_mtime_ns": 9 * 10**9}
    coarse, marks = SimpleNamespace(st_size=3, **times), []
    for content in (b"yes", b"oui"):
        path.write_bytes(content)
        marks.append(files.mark(path, coarse))
        files._sha256.cache_clear()  # as in another process
    assert len(set(marks)) == 2
    whole = files.mark(path, path.stat())
    assert files.mark(path, path.stat()) == whole
    path.unlink()
    with pytest.raises(InputError, match=f"cannot read {path}: No such file"):
        files.mark(path, coarse)


def test_two_changes_within_a_tick_of_the_clock_have_two_marks(tmp_path):
    path = tmp_path / "a"
    for _ in range(20):
        path.write_bytes(b"yes")
        before = files.mark(path, path.stat())
        assert path.read_bytes() == b"yes"
        path.write_bytes(b"oui")
        assert files.mark(path, path.stat()) != before


def test_an_unknown_name_lists_close_ones():
    message = fails(fetch, "gsm8k/train.json")
    assert "'gsm8k/train.json'" in message
    assert "did you mean gsm8k/train.jsonl" in message
    assert "svamp/SVAMP.json" in fails(fetch, "????")


def test_the_manifest_is_true_of_every_file(mirror, monkeypatch):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    for name, file in files.manifest().items():
        path = fetch(name)  # checks size and SHA-256
        if path.suffix == ".jsonl":
            assert len(read_jsonl(path)) == file.rows, name
        assert file.licence, name
        assert file.url.startswith("https://"), name


def test_a_key_that_is_there_twice_is_not_lost_in_silence(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"1": {"a": 1}, "2": {"a": 2}, "1": {"a": 3}}')
    assert "a.json, line 1: the field '1' occurs twice" in fails(read_json_object, path)
    path.write_text('{"1": {"a": 1}, "2": {"a": 1}}')
    assert read_json_object(path) == {"1": {"a": 1}, "2": {"a": 1}}


def test_only_line_feeds_end_a_line(tmp_path):
    odd = "a\u2028b\u0085c\x0bd\re"
    tsv, jsonl = tmp_path / "a.tsv", tmp_path / "a.jsonl"
    tsv.write_bytes(f'{odd}\t"x\n"y\tz'.encode())
    jsonl.write_bytes('{"text": "a\u2028b\u0085c"}\n'.encode())
    rows = [{"left": odd, "right": '"x'}, {"left": '"y', "right": "z"}]
    assert read_tsv(tsv, ("left", "right")) == rows
    assert read_jsonl(jsonl) == [{"text": "a\u2028b\u0085c"}]


@pytest.mark.parametrize(
    ("reader", "content", "expected"),
    [
        (read_json, '[{"a": 1}]', [{"a": 1}]),
        (read_jsonl, '{"a": 1}\n', [{"a": 1}]),
        (lambda path: read_tsv(path, ("a", "b")), "1\t2\n", [{"a": "1", "b": "2"}]),
    ],
)
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path, reader, content, expected):
    path = tmp_path / "file"
    path.write_text(content, encoding="utf-8-sig")
    assert reader(path) == expected


def broken(tmp_path, content: bytes) -> Path:
    path = tmp_path / "broken"
    path.write_bytes(content)
    return path


def test_a_line_that_is_not_json_is_named(tmp_path):
    path = broken(tmp_path, b'{"a": 1}\n' * 811 + b'{"a": 1\n' + b'{"a": 1}\n')
    message = fails(read_jsonl, path)
    assert message.startswith(f"{path}, line 812: not JSON (")


def test_a_file_that_is_not_json_is_named_with_its_line(tmp_path):
    path = broken(tmp_path, b'[\n{"a": 1},\n{"a": }\n]')
    assert fails(read_json, path).startswith(f"{path}, line 3: not JSON (")


@pytest.mark.parametrize(
    ("value", "said"),
    [(b"1" * 5000, "4,300 digits"), (b"[" * 100_000, "nested too deep")],
)
def test_json_beyond_the_readers_limits_is_one_sentence(tmp_path, value, said):
    path = broken(tmp_path, b'{"a": 1}\n{"a": ' + value + b"}\n")
    message = fails(read_jsonl, path)
    assert message.startswith(f"{path}, line 2: ")
    assert said in message
    path = broken(tmp_path, b"[\n" + value + b"]")
    assert fails(read_json, path).startswith(f"{path}, line ")


def test_a_file_that_is_no_list_is_named(tmp_path):
    path = broken(tmp_path, b'{"a": 1}')
    assert f"{path}: expected a JSON list of records, found dict" in fails(read_json, path)


def test_a_line_that_is_no_object_is_named(tmp_path):
    path = broken(tmp_path, b'{"a": 1}\n[1]\n')
    assert f"{path}, line 2: expected a JSON object, found list" in fails(read_jsonl, path)


def test_a_missing_field_is_named(tmp_path):
    path = broken(tmp_path, b'{"a": {"b": 1}}\n{"a": {"c": 1}}\n')
    assert read_jsonl(path, ("a",))
    message = fails(read_jsonl, path, ("a", "a.b"))
    assert f"{path}, line 2: the record has no field 'a.b' (it has a)" in message
    path = broken(tmp_path, b'[{"a": 1}, {"b": 1}]')
    assert f"{path}, record 2: the record has no field 'a'" in fails(read_json, path, ("a",))


@pytest.mark.parametrize("row", [b"1\t2", b"1\t2\t3\t4", b""])
def test_a_row_with_the_wrong_number_of_columns_is_named(tmp_path, row):
    path = broken(tmp_path, b"1\t2\t3\n" + row + b"\n1\t2\t3\n")
    message = fails(read_tsv, path, ("question", "answer", "rationale"))
    found = row.count(b"\t") + 1
    assert f"{path}, line 2: {found} tab-separated columns, expected 3 (question," in message


def test_a_line_that_is_not_utf8_is_named(tmp_path):
    path = broken(tmp_path, b"1\t2\n1\t\xe9\n")
    assert fails(read_tsv, path, ("a", "b")).startswith(f"{path}, line 2: not UTF-8")


def test_a_file_that_is_not_there_is_named(tmp_path):
    assert f"cannot read {tmp_path / 'none'}: No such file" in fails(read_json, tmp_path / "none")


def test_importing_the_modules_imports_no_heavy_library():
    code = (
        "import sys, flanrepro.sources.flan2022 as m; m.collection();"
        "print(*{'pooch', 'requests', 'pandas', 'jax', 'tensorflow', 'seqio'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_pooch_is_imported_without_tqdms_remark_in_a_kernel_that_has_no_widgets():
    code = (
        "import sys, ipykernel.zmqshell; sys.modules['ipywidgets'] = None;"
        "from flanrepro.raw.files import import_pooch; import_pooch();"
        "print('tqdm.auto' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("True", "")
