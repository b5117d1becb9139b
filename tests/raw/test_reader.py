"""A data set's records are the same from original files, from a copy of the Hub's folder, from the
Hub's own cache; and where they are nowhere, a sentence says what to do."""

import errno
import json
import os
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from wording import QUESTION

from flanrepro.collection import render
from flanrepro.errors import InputError
from flanrepro.raw import hub as hub_module
from flanrepro.raw import origin, records
from flanrepro.raw.dataset import Dataset
from flanrepro.raw.parsers import PARSERS
from flanrepro.raw.reader import fetch, tasks_of

ROWS = [
    {"question": "is {ice} cold", "passage": "Ice\tis <b>cold</b>.", "answer": True},
    {"question": "is fire cold", "passage": "Fire is\nhot.", "answer": False},
]
RECORDS = [
    {"question": r["question"], "passage": r["passage"], "answer": answer, "options": "yes\nno"}
    for r, answer in zip(ROWS, ("yes", "no"), strict=True)
]
FIELDS = {
    "question": "question",
    "passage": "passage",
    "answer": {"from": "answer", "labels": {True: "yes", False: "no"}},
    "options": ["yes", "no"],
}


def dataset(**changes) -> Dataset:
    return Dataset(
        **{
            "name": "bool_q",
            "cluster": "reading_comprehension",
            "templates": "flan2021/bool_q",
            "hub": {"id": "google/boolq"},
            "splits": {"train": {"hub": "train", "rows": 2}},
            "files": {"train": {"boolq/train.jsonl": "jsonl", "boolq/part.jsonl": "jsonl"}},
            "fields": FIELDS,
            **changes,
        }
    )


def task(**changes):
    return tasks_of((dataset(**changes),), "flan2021")[0]


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path / "mirror"))
    return tmp_path / "mirror"


def write_file(folder, name="boolq/train.jsonl", rows=ROWS):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_hub(folder, rows=ROWS, name="hub/google/boolq/train-00000-of-00001.parquet"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_original_files_and_the_hubs_folder_give_the_same_records(places):
    write_file(places)
    assert list(task().records("train")) == RECORDS
    (places / "boolq/train.jsonl").unlink()
    write_hub(places)
    assert list(task().records("train")) == RECORDS


def test_a_number_of_the_hubs_that_is_none_is_missing(places):
    write_hub(places, [{**ROWS[0], "answer": 1.0}, {**ROWS[1], "answer": float("nan")}])
    labels = {"from": "answer", "labels": {1: "yes", 0: "no"}}
    said = r"google/boolq, row 2: no value .*'None' in column 'answer'"
    with pytest.raises(InputError, match=said):
        task(fields={**FIELDS, "answer": labels}).records("train")


def test_the_first_file_that_is_there_is_read(places):
    write_file(places, "boolq/part.jsonl", ROWS[:1])
    assert list(task().records("train")) == RECORDS[:1]
    write_file(places)
    assert list(task().records("train")) == RECORDS


def test_a_file_that_changes_is_read_again(places):
    write_file(places)
    assert len(task().records("train")) == 2
    write_file(places, rows=ROWS * 2)
    assert len(task().records("train")) == 4


def test_other_fields_are_other_records(places):
    write_file(places)
    task().records("train")
    other = task(fields={**FIELDS, "options": ["no", "yes"]})
    assert other.records("train")[0]["options"] == "no\nyes"


def test_records_are_read_again_when_the_readers_version_goes_up(places, monkeypatch):
    write_file(places)
    task().records("train")
    again = []
    real = records._write
    monkeypatch.setattr(records, "_write", lambda *given: again.append(given) or real(*given))
    task().records("train")
    assert not again
    monkeypatch.setattr(origin, "READING", origin.READING + 1)
    assert list(task().records("train")) == RECORDS
    assert len(again) == 1


def test_another_parser_reads_the_same_file_again(places):
    write_file(places)
    assert len(task().records("train")) == 2
    files = {"train": {"boolq/train.jsonl": "csv"}}
    with pytest.raises(InputError, match=r"boolq/train\.jsonl"):
        task(files=files).records("train")


def test_nothing_is_read_twice(places, monkeypatch):
    write_file(places)
    task().records("train")
    monkeypatch.setattr(records, "_write", lambda *_: pytest.fail("read again"))
    assert task().size("train") == 2


def test_the_hubs_parquet_branch_is_read_by_configuration_and_split(places):
    write_hub(places, name="hub/google/boolq/plain/train/0000.parquet")
    place = {"id": "google/boolq", "config": "plain", "revision": hub_module.PARQUET}
    assert list(task(hub=place).records("train")) == RECORDS


def test_tasks_that_share_a_place_get_their_own_rows_in_one_pass(places, monkeypatch):
    rows = [{**row, "task": name} for name in ("b", "a", "b") for row in ROWS]
    write_hub(places, rows)
    opened = []
    whole = hub_module.open_split
    monkeypatch.setattr(hub_module, "open_split", lambda *a: opened.append(a) or whole(*a))
    place = {"id": "google/boolq", "column": "task"}
    shared = [dataset(name=name, hub=place, files={}) for name in ("a", "b", "c")]
    made = tasks_of(shared, "niv2")
    kept, failed = fetch(made[0].reader, shared[:2], "train")
    assert [len(kept[name]) for name in "ab"] == [2, 4]
    assert list(kept["a"]) == RECORDS
    assert len(opened) == 1
    assert made[1].size("train") == 4
    assert failed == {}


def test_a_task_with_no_row_in_the_hubs_copy_is_not_there(places):
    write_hub(places, [{**row, "task": "a"} for row in ROWS])
    place = {"id": "google/boolq", "column": "task"}
    made = task(name="c", names=("c_old",), hub=place, files={}, manual="ask the authors")
    said = r"no row of 'google/boolq' is a record of it \(none has c or c_old in column 'task'\)"
    for _ in range(2):
        with pytest.raises(InputError, match=said + ".*; ask the authors$"):
            made.records("train")


def test_a_file_with_none_of_the_tasks_rows_says_so(places):
    write_file(places, rows=[{**row, "answer": -1} for row in ROWS])
    with pytest.raises(InputError, match=r"train.jsonl: none of its 2 rows is a record of"):
        task(keep={"answer": [True, False]}).records("train")


def test_one_tasks_bad_row_stops_no_other_task_of_its_place(places):
    rows = [{**row, "task": name} for name in "abc" for row in ROWS]
    rows[2]["answer"] = None
    write_hub(places, rows)
    place = {"id": "google/boolq", "column": "task"}
    shared = [dataset(name=name, hub=place, files={}) for name in "abc"]
    kept, failed = fetch(tasks_of(shared, "niv2")[0].reader, shared, "train")
    assert list(kept) == ["a", "c"]
    assert list(failed) == ["b"]
    assert "google/boolq, row 3: no value for the field 'answer'" in str(failed["b"])


def test_a_copy_without_the_tasks_column_says_so(places):
    write_hub(places)
    made = task(hub={"id": "google/boolq", "column": "task"}, files={})
    with pytest.raises(InputError, match=r"no column 'task' .* \(it has question, passage, answer"):
        made.records("train")


def test_a_hub_folder_that_changes_is_read_again(places):
    path = write_hub(places)
    assert len(task().records("train")) == 2
    write_hub(places, ROWS * 2)
    os.utime(path, ns=(1, 1))
    assert len(task().records("train")) == 4


def mend(path, old: bytes, new: bytes) -> None:
    """Mends bytes in place: the file's size and its times of access and change stay."""
    before, content = path.stat(), path.read_bytes()
    assert content.count(old) == 1
    with path.open("r+b") as file:
        file.write(content.replace(old, new))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def test_a_label_that_is_mended_in_place_is_read_again(places):
    rows = [{**ROWS[0], "answer": "yes"}, {**ROWS[1], "answer": "no"}]
    path = write_file(places, rows=rows)
    fields = {**FIELDS, "answer": "answer"}
    old = task(fields=fields)
    assert [record["answer"] for record in old.records("train")] == ["yes", "no"]
    mend(path, b'"yes"', b'"oui"')
    new = task(fields=fields)
    assert [record["answer"] for record in new.records("train")] == ["oui", "no"]
    assert new.digest("train") != old.digest("train")


README = """---
dataset_info:
  features: [{name: question, dtype: string}, {name: answer, dtype: string}]
  splits: [{name: train, num_bytes: 42, num_examples: 2}]
  download_size: 42
  dataset_size: 42
---
"""


def test_a_label_that_is_mended_in_the_hubs_copy_is_read_again(places, monkeypatch):
    path = places / "hub/google/boolq/train.jsonl"
    write_file(path.parent, path.name, [{"question": "is it", "answer": a} for a in ("yes", "no")])
    # Where the README has the splits, `datasets` takes what it made of the folder before.
    path.with_name("README.md").write_text(README)
    fields = {"question": "question", "answer": "answer"}
    made = task(files={}, fields=fields)
    assert [record["answer"] for record in made.records("train")] == ["yes", "no"]
    mend(path, b'"yes"', b'"oui"')
    made = task(files={}, fields=fields)
    assert [record["answer"] for record in made.records("train")] == ["oui", "no"]
    hub_module._open.cache_clear()  # as in another process
    made = task(files={}, fields={**fields, "text": "question"})
    assert [record["answer"] for record in made.records("train")] == ["oui", "no"]
    monkeypatch.setattr(hub_module, "KEPT", 2)
    for n in range(4):
        write_file(path.parent, path.name, [{"question": f"is it {n}", "answer": "no"}] * 2)
        assert task(files={}, fields=fields).records("train")[0]["question"] == f"is it {n}"
    kept = records.store_path().parent / "hub/mirrors/google--boolq"
    assert len(list(kept.iterdir())) == 2


def test_the_digest_is_the_contents_wherever_it_lies_and_in_whatever_layout(places, monkeypatch):
    write_file(places)
    digest = task().digest("train")
    other = places.parent / "other"
    backwards = [dict(reversed(row.items())) for row in ROWS]
    os.utime(write_file(other, rows=backwards), ns=(1, 1))
    monkeypatch.setenv("FLANREPRO_MIRROR", str(other))
    assert task().digest("train") == digest
    (other / "boolq/train.jsonl").unlink()
    write_hub(other)
    assert task().digest("train") == digest
    fields = dict(reversed(FIELDS.items()))
    assert task(fields=fields).digest("train") == digest
    write_hub(other, ROWS[::-1])
    assert task().digest("train") != digest


def test_a_file_that_changes_while_it_is_read_is_not_kept(places):
    path = write_file(places)

    def parse(file):
        yield from PARSERS["jsonl"](file)
        write_file(places, rows=ROWS * 2)

    made = task(files={"train": {"boolq/train.jsonl": "slow"}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PARSERS, "slow", parse)
        with pytest.raises(InputError, match=r"'boolq/train.jsonl' has changed while it was read"):
            made.records("train")
    assert path.is_file()
    assert len(task().records("train")) == 4


def test_a_hub_folder_that_changes_while_it_is_read_is_not_kept(places, monkeypatch):
    write_hub(places)
    whole = hub_module.open_split

    def slow(*place):
        table = whole(*place)
        write_hub(places, ROWS * 2)
        return table

    monkeypatch.setattr(hub_module, "open_split", slow)
    with pytest.raises(InputError, match="'google/boolq' has changed while it was read"):
        task().records("train")
    monkeypatch.setattr(hub_module, "open_split", whole)
    assert len(task().records("train")) == 4


def test_a_mirrors_path_may_have_brackets(places, monkeypatch):
    folder = places.parent / "mirror [of] 2024"
    write_hub(folder, name="hub/google/boolq/default/train/0000.parquet")
    monkeypatch.setenv("FLANREPRO_MIRROR", str(folder))
    made = task(hub={"id": "google/boolq", "revision": hub_module.PARQUET})
    assert list(made.records("train")) == RECORDS
    # `datasets` itself has a whole folder's path for a pattern.
    with pytest.raises(InputError, match=r"mirror \[of\] 2024.*' has a bracket, .*: move the"):
        task().records("train")


def test_whether_a_task_is_at_hand_is_said_without_a_look_into_the_hubs_folder(places, monkeypatch):
    write_hub(places)
    monkeypatch.setattr(hub_module, "mark", lambda folder: pytest.fail("looked into"))
    assert task().missing("train") == ""


PARTS = {"train": {"boolq/part-*.jsonl": "jsonl", "boolq/half.jsonl": "jsonl"}}


def test_a_pattern_stands_for_files_and_not_for_folders_or_what_is_hidden(places):
    for name in ("boolq/part-1.jsonl", "boolq/part-2.jsonl"):
        write_file(places, name)
    write_file(places, "boolq/half.jsonl", ROWS[:1])
    (places / "boolq/part-old.jsonl").mkdir()
    (places / "boolq/._part-1.jsonl").write_bytes(b"\x00\x05\x16\x07")
    hidden = task(files={"train": {"boolq/*part-*.jsonl": "jsonl"}})
    assert len(task(files=PARTS).records("train")) == len(hidden.records("train")) == 4


@pytest.mark.parametrize("name", ["boolq/part-2.jsonl", "boolq/train.jsonl"])
def test_a_broken_link_is_named_and_no_other_file_read_instead(places, name):
    write_file(places, "boolq/part-1.jsonl")
    write_file(places, "boolq/part.jsonl")
    write_file(places, "boolq/half.jsonl", ROWS[:1])
    (places / name).symlink_to(places / "moved.jsonl")
    made = task(files=PARTS) if "part" in name else task()
    assert f"{places / name} is a link to {places / 'moved.jsonl'}" in made.missing("train")
    with pytest.raises(InputError, match="which does not exist: mend or remove it"):
        made.records("train")


def test_a_broken_link_in_the_hubs_folder_is_named(places):
    path = write_hub(places)
    path.with_name("train-00001-of-00002.parquet").symlink_to(places / "moved")
    with pytest.raises(InputError, match=r"cannot read .*train-00001-of-00002.parquet: No such"):
        task().records("train")


@pytest.mark.parametrize("denied", ["boolq/train.jsonl", "hub/google/boolq"])
def test_what_may_not_be_looked_at_is_one_sentence(places, monkeypatch, denied):
    whole = Path.stat

    def stat(self, **kwargs):
        if self == places / denied:
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return whole(self, **kwargs)

    monkeypatch.setattr(Path, "stat", stat)
    said = f"cannot read {places / denied}: Permission denied"
    assert said in task().missing("train")
    with pytest.raises(InputError, match="Permission denied"):
        task().records("train")


def test_a_split_can_be_named_by_a_second_column(places):
    rows = [
        {**ROWS[0], "task": "a", "type": "zs"},
        {**ROWS[1], "task": "a", "type": "fs"},
    ]
    write_hub(places, rows)
    place = {"id": "google/boolq", "column": ["task", "type"]}
    splits = {"zs": {"hub": "train", "rows": 1}, "fs": {"hub": "train", "rows": 1}}
    made = task(name="a", hub=place, files={}, splits=splits)
    assert list(made.records("fs")) == RECORDS[1:]


def test_of_a_huge_split_every_kth_row_is_taken(places, monkeypatch):
    write_hub(places, [{**ROWS[0], "question": f"q{i}"} for i in range(25)])
    monkeypatch.setattr(hub_module, "MOST_ROWS", 10)
    taken = [record["question"] for record in task(files={}).records("train")]
    assert taken == [f"q{i}" for i in range(0, 25, 2)]


def test_unlabelled_rows_are_left_out(places):
    write_file(places, rows=[*ROWS, {**ROWS[0], "answer": -1}])
    assert len(task(keep={"answer": [True, False]}).records("train")) == 2


def test_without_a_mirror_the_hub_is_asked_only_by_fetch(places, monkeypatch):
    monkeypatch.delenv("FLANREPRO_MIRROR")
    made = task()
    assert "run `flanrepro data fetch bool_q`" in made.missing("train")
    with pytest.raises(InputError, match="was not fetched from the Hub yet"):
        made.records("train")
    table = pa.Table.from_pylist(ROWS)
    import datasets

    monkeypatch.setattr(datasets, "load_dataset", lambda *a, **k: datasets.Dataset(table))
    fetch(made.reader, [made.dataset], "train")
    assert made.missing("train") == ""
    assert list(made.records("train")) == RECORDS


def test_a_hub_id_that_is_gone_or_no_network_is_one_sentence(places, monkeypatch):
    monkeypatch.delenv("FLANREPRO_MIRROR")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    made = task(hub={"id": "nobody/gone-for-good"})
    with pytest.raises(InputError, match=r"'nobody/gone-for-good', split 'train', could not be"):
        fetch(made.reader, [made.dataset], "train")


def test_without_datasets_the_extra_is_named(places, monkeypatch):
    write_hub(places)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"pip install 'flanrepro\[hub\]'"):
        task().records("train")


def test_what_is_missing_names_the_files_and_what_to_fetch_by_hand(places):
    made = task(manual="ask the authors for train.jsonl")
    sentence = made.missing("train")
    for part in ("boolq/train.jsonl or boolq/part.jsonl or hub/google/boolq", "ask the authors"):
        assert part in sentence
    with pytest.raises(InputError, match="ask the authors"):
        made.records("train")
    assert "has no split 'test': it has train" in made.missing("test")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"train.jsonl holds no record: replace the file"),
        (b"\xff\xfe{}\n", r"train.jsonl, line 1: not UTF-8"),
        (b'{"question": "q"', r"train.jsonl, line 1: not JSON"),
        (b'{"question": "q", "passage": "p", "answer": "maybe"}\n', r"'maybe' in column 'answer'"),
        (b'{"question": " ", "passage": "p", "answer": true}\n', r"line 1: .*'question' is empty"),
        (b'{"question": "q", "answer": true}\n', r"there is no column 'passage'"),
    ],
)
def test_a_bad_file_is_one_sentence_and_keeps_nothing(places, content, said):
    write_file(places).write_bytes(content)
    with pytest.raises(InputError, match=said):
        task().records("train")
    assert records.stored("flan2021/bool_q/train", "") is None


def test_braces_tabs_and_tags_in_the_data_stay_as_they_are(places):
    write_file(places)
    prompt = render(task(templates=QUESTION), 0)
    assert "is {ice} cold" in prompt.inputs
    assert task().records("train")[0]["passage"] == "Ice\tis <b>cold</b>."
