"""`flanrepro data status`, `fetch`, `verify`: on real files, on bad ones, with nothing there."""

import dataclasses
import shutil

import datasets
import pytest

from flanrepro.collection.templates import Template, Wordings
from flanrepro.errors import InputError
from flanrepro.raw import hub
from flanrepro.sources import load_collection
from flanrepro.sources.status import check_records, fetch_tasks, status_lines, verify_tasks


@pytest.fixture(autouse=True)
def places(mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    return tmp_path


def copied(mirror, places, monkeypatch, *names: str):
    """A mirror of a few files."""
    for name in names:
        (places / "mirror" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(mirror / name, places / "mirror" / name)
    monkeypatch.setenv("FLANREPRO_MIRROR", str(places / "mirror"))
    load_collection.cache_clear()  # its tasks keep the records that they have read
    return places / "mirror"


def test_status_counts_what_is_available_by_source():
    lines = {line.split()[0]: line.split()[1:] for line in status_lines("flan2022")}
    assert lines["cot"][:3] == ["11", "of", "12"]
    assert lines["t0_sf"][0] == "0"
    assert "--missing" in list(status_lines("flan2022"))[-1]


def test_status_says_what_to_do_about_each_missing_split():
    lines = list(status_lines("flan2022", "dialog", missing=True))
    assert any("gs://gresearch/dialog-inpainting" in line for line in lines)


def test_status_without_a_mirror_names_the_command_that_fetches(monkeypatch):
    monkeypatch.delenv("FLANREPRO_MIRROR")
    lines = list(status_lines("flan2022", "flan2021", missing=True))
    assert any("run `flanrepro data fetch bool_q`" in line for line in lines)


def test_verify_reads_every_record_and_fills_every_template(capsys):
    assert verify_tasks("flan2022", ["cb", "unified_qa_science_inst", "mbpp"]) == 0
    out = capsys.readouterr().out
    assert "0 of them bad" in out
    assert "8 splits available" in out


def test_verify_passes_what_is_only_evaluated_and_has_no_rationale(capsys):
    assert verify_tasks("flan2022", ["commonsenseqa"]) == 0
    assert "2 splits available, 0 of them bad" in capsys.readouterr().out


def test_few_shot_wordings_are_filled_with_what_is_trained_on_alone(monkeypatch):
    wordings = Wordings(
        (Template("asked", "{question}", "{answer}"),), (Template("few", "{asked}", "{answer}"),)
    )
    monkeypatch.setattr("flanrepro.sources.status.load_wordings", lambda name: wordings)
    records = {"train": [{"question": "q", "answer": "a"}] * 2}
    records["validation"] = records["train"]
    task = dataclasses.replace(
        load_collection("pocket").tasks["bool_q"],
        load=records.get,
        splits=dict.fromkeys(records, 2),
    )
    check_records(task, "validation")  # suites ask it in the first wording
    with pytest.raises(InputError, match=r"'asked'"):
        check_records(task, "train")
    records["train"] = [{**record, "asked": "q?"} for record in records["validation"]]
    check_records(dataclasses.replace(task), "train")


def test_verify_says_that_a_number_that_is_none_is_no_text(places, monkeypatch, capsys):
    path = places / "own/cb/train.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text('{"premise": "p", "hypothesis": NaN, "label": "neutral"}\n')
    monkeypatch.setenv("FLANREPRO_MIRROR", str(places / "own"))
    load_collection.cache_clear()
    load_collection("flan2022")
    # The manifest knows the name, with other content.
    monkeypatch.setattr("flanrepro.raw.files.manifest", dict)
    assert verify_tasks("flan2022", ["cb"]) == 1
    assert f"{path}, line 1: no value for the field 'hypothesis'" in capsys.readouterr().err


def test_verify_names_what_is_bad_and_goes_on(mirror, places, monkeypatch, capsys):
    folder = copied(mirror, places, monkeypatch, "cb/train.jsonl", "cb/val.jsonl")
    (folder / "cb/train.jsonl").write_text('{"premise": "p"}\n')
    assert verify_tasks("flan2022", ["cb"]) == 1
    out, err = capsys.readouterr()
    assert "cb/train.jsonl is not the file that this version uses" in err
    assert "2 splits available, 1 of them bad" in out


def test_verify_counts_the_records_after_a_bad_file_too(mirror, places, monkeypatch, capsys):
    folder = copied(mirror, places, monkeypatch, "cb/train.jsonl", "cb/val.jsonl")
    rows = len((folder / "cb/val.jsonl").read_text().splitlines())
    (folder / "cb/train.jsonl").write_text('{"premise": "p"}\n')
    verify_tasks("flan2022", ["cb"])
    assert f"1 of them bad; {rows} records read" in capsys.readouterr().out


def test_fetch_reads_what_a_mirror_has_and_counts_what_it_lacks(capsys):
    assert fetch_tasks("flan2022", ["cb"]) == 0
    assert fetch_tasks("flan2022", ["cot_esnli"], "train") == 1
    assert "task 'cot_esnli', split 'train'" in capsys.readouterr().err


def test_fetch_without_a_network_says_so_for_each_split_and_goes_on(monkeypatch, capsys):
    monkeypatch.delenv("FLANREPRO_MIRROR")
    tried = []

    def no_network(place, split, mirror):
        tried.append(split)
        raise InputError(f"the data set '{place.id}' could not be read (no network)")

    monkeypatch.setattr(hub, "open_split", no_network)
    assert fetch_tasks("flan2022", ["cb"]) == 2
    assert tried == ["train", "validation"]
    assert capsys.readouterr().err.count("no network") == 2


def test_tasks_that_share_a_place_are_fetched_in_one_pass(monkeypatch, capsys):
    monkeypatch.delenv("FLANREPRO_MIRROR")
    opened = []

    def no_network(place, split, mirror):
        opened.append((place.id, split))
        raise InputError("no network")

    monkeypatch.setattr(hub, "open_split", no_network)
    assert fetch_tasks("flan2022", ["niv2"], "train") > 700
    assert len(opened) == len(set(opened)) <= 3


def test_a_bad_row_fails_its_own_task_alone(monkeypatch, capsys):
    monkeypatch.delenv("FLANREPRO_MIRROR")
    names = ["task001_quoref_question_generation", "task002_quoref_answer_generation"]
    row = {"task_name": "", "definition": "d", "inputs": "i", "targets": "t"}
    table = datasets.Dataset.from_list(
        [{**row, "task_name": names[0], "targets": ""}, {**row, "task_name": names[1]}]
    )
    monkeypatch.setattr(hub, "open_split", lambda *place: table)
    assert fetch_tasks("flan2022", names, "train") == 1
    err = capsys.readouterr().err
    assert "1 of 2 splits could not be fetched" in err
    assert "row 1: the answer is missing or empty" in err
    assert fetch_tasks("flan2022", names[1:], "train") == 0


def test_a_name_that_fits_nothing_lists_the_sources():
    with pytest.raises(InputError, match="its sources are cot, dialog, evaluation, flan2021"):
        fetch_tasks("flan2022", ["coot"])
