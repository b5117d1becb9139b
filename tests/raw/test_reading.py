"""The rules for all layouts: what a text, JSON and a table may hold, and where a fault is named."""

import gzip
import json

import pytest

from flanrepro.errors import InputError
from flanrepro.raw.parsers import PARSERS, described, renamed
from flanrepro.raw.reading import MARK, parse_json, read_json, read_jsonl, read_lines, sound


def written(folder, content, name="file"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def said(action, *args):
    with pytest.raises(InputError) as error:
        list(action(*args))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_numbers_that_are_none_are_missing_and_never_a_text():
    assert parse_json('{"a": NaN, "b": [Infinity, -Infinity, 1e999, 2.5]}', "f") == {
        "a": None,
        "b": [None, None, None, 2.5],
    }


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"a": 1,\n"b": "}",\n"c": {"x": 1,\n"x": 2}}', "line 4: the field 'x' occurs twice"),
        ('{"a": 1, "a": 2}', "line 1: the field 'a' occurs twice"),
        ("[1,\n" + "9" * 5000 + "]", "line 2: a number of more than 4,300 digits"),
        ('[1,\n{"a":\n' + "[" * 100_000, "line 2: lists or objects nested too deep"),
        ("[1,\n2", "line 2: not JSON"),
    ],
)
def test_a_fault_of_json_is_named_by_its_line(text, what):
    assert said(lambda: parse_json(text, "f, line {line}")).startswith(f"f, {what}")


def test_byte_order_marks_are_taken_out_wherever_they_are(tmp_path):
    line = json.dumps({"a": f"b{MARK}c"}, ensure_ascii=False) + "\n"
    assert read_jsonl(written(tmp_path, MARK + line + line)) == [{"a": "bc"}] * 2
    packed = gzip.compress((MARK + line).encode())
    assert [row for _, row in PARSERS["jsonl_gz"](written(tmp_path, packed))] == [{"a": "bc"}]
    assert sound({"a": f"b{MARK}c"}, "f") == {"a": "bc"}


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", None, 3, ["a"]])
def test_what_no_text_has_is_bad_input(text):
    assert said(lambda: sound({"a": text}, "f, line 2")).startswith("f, line 2: the field 'a' ")


def test_lines_end_in_a_line_feed_alone(tmp_path):
    path = written(tmp_path, "a\u2028b\x85c\x0bd\r\n\ne")
    assert read_lines(path) == ["a\u2028b\x85c\x0bd", "", "e"]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ('id,text\n1,"a\n2,b\n', "unexpected end of data"),
        ('id,text\n1,"a\n2,"b"\n', "line 3: no table row"),
        ("id,text\n1,a\n\n2,b\n", "line 3: the row has not just the header's columns"),
        ("id,text\n1,a,b\n", "line 2: the row has not just the header's columns"),
        ("id,id\n1,a\n", "line 1: the header has the column 'id' twice"),
    ],
)
def test_no_row_of_a_table_is_lost_in_silence(tmp_path, content, what):
    assert what in said(PARSERS["csv"], written(tmp_path, content))


def test_two_columns_do_not_become_one(tmp_path):
    path = written(tmp_path, "a,b\n1,2\n")
    assert "two columns are both one of b" in said(renamed(PARSERS["csv"], {"a": "b"}), path)


@pytest.mark.parametrize(
    "sentence", ["word: a\nb\nc\nd", "word: a\nb", "word: a", "b\nc", 3, None, ["word: a\nb\nc"]]
)
def test_a_text_that_can_be_cut_in_two_ways_is_bad_input(tmp_path, sentence):
    parse = described("s", "label", r"word: (?P<w>.*)\n(?P<a>.*)\n(?P<b>.*)")
    rows = [{"s": "word: a\nb\nc", "label": 1}, {"s": sentence, "label": 1}]
    path = written(tmp_path, json.dumps(rows[:1]))
    assert [row for _, row in parse(path)] == [{"w": "a", "a": "b", "b": "c", "label": 1}]
    path = written(tmp_path, json.dumps(rows))
    assert f"{path}, record 2: 's' is " in said(parse, path)


@pytest.mark.parametrize("change", [lambda d: d[:-9], lambda d: d + b"x", lambda d: b"x" + d])
def test_a_gzip_file_is_whole(tmp_path, change):
    data = gzip.compress(b'{"a": 1}\n')
    two = written(tmp_path, data * 2)
    assert [row for _, row in PARSERS["jsonl_gz"](two)] == [{"a": 1}] * 2
    assert "not a whole gzip file" in said(PARSERS["jsonl_gz"], written(tmp_path, change(data)))


def test_a_parquet_file_that_is_cut_and_its_numbers_that_are_none(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(
        pa.table({"a": [1.0, float("nan")], "b": [[0.5], [float("inf")]]}), tmp_path / "f"
    )
    rows = [row for _, row in PARSERS["parquet"](tmp_path / "f")]
    assert rows == [{"a": 1.0, "b": [0.5]}, {"a": None, "b": [None]}]
    data = (tmp_path / "f").read_bytes()
    assert "no Parquet file" in said(PARSERS["parquet"], written(tmp_path, data[:-20]))


def test_a_list_of_records_names_the_line_of_a_fault(tmp_path):
    path = written(tmp_path, '[{"a": 1},\n{"a": 1, "a": 2}]')
    assert said(read_json, path).startswith(f"{path}, line 2: the field 'a' occurs twice")
