"""Commands about one split: what suites ask, what a vocabulary says, what was evaluated."""

import re
import sys

import pytest

from flanrepro.cli.main import main


def flanrepro(monkeypatch, capsys, *args: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["flanrepro", *args])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code, *capsys.readouterr()


def test_show_prints_a_split_as_suites_ask_it(monkeypatch, capsys):
    args = ("show", "bool_q", "--split", "validation", "--index", "3")
    status, out, _ = flanrepro(monkeypatch, capsys, *args)
    assert status == 0
    assert "validation record 3,\n# exemplars none, layout plain" in out
    _, few, _ = flanrepro(monkeypatch, capsys, *args, "--setting", "few_shot")
    assert re.search(r"validation record 3,\n# exemplars \d+, \d+, \d+, layout plain", few)
    assert few.partition("# target")[2] == out.partition("# target")[2]


def test_show_never_shows_a_training_record_to_itself(monkeypatch, capsys):
    args = ("show", "bool_q", "--split", "train", "--setting", "few_shot", "-n", "20")
    status, out, _ = flanrepro(monkeypatch, capsys, *args)
    found = re.findall(r"train record (\d+),\n# exemplars ([\d, ]+), layout", out)
    assert (status, [int(record) for record, _ in found]) == (0, list(range(20)))
    assert all(record not in shown.split(", ") for record, shown in found)


def test_show_lists_the_splits_if_there_is_no_such(monkeypatch, capsys):
    status, _, err = flanrepro(monkeypatch, capsys, "show", "bool_q", "--split", "dev")
    assert status == 2
    assert "task 'bool_q' has no split 'dev': it has train, validation" in err


def test_what_a_vocabulary_says_is_counted_per_split(monkeypatch, capsys):
    args = ("data", "said", "-c", "pocket", "rte")
    status, out, _ = flanrepro(monkeypatch, capsys, *args, "--vocabulary", "pocket")
    assert (status, out) == (0, "2 of 2 available splits are said whole\n")


def test_what_t5s_vocabulary_cannot_say_is_named_with_its_characters(
    monkeypatch, capsys, mirror, t5
):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    args = ("data", "said", "mbpp", "--split", "train", "--vocabulary", str(t5))
    status, out, _ = flanrepro(monkeypatch, capsys, *args)
    names, row, whole = out.splitlines()
    found = dict(zip(names.split(), row.split(), strict=True))
    assert (status, whole) == (0, "0 of 1 available splits are said whole")
    assert (found["task"], found["targets"], found["wrong"]) == ("mbpp", "374", "354")
    assert set(found["characters"]) == set("{}<\\^~")


def test_an_evaluation_of_a_task_by_name_says_its_split_and_metric(monkeypatch, capsys, tmp_path):
    args = ("evaluate", "majority", "--suite", "wanli", "--shots", "0", "--items", "9")
    status, out, _ = flanrepro(monkeypatch, capsys, *args, "--out", str(tmp_path))
    names, row = (line.split() for line in out.splitlines()[:2])
    found = dict(zip(names, row, strict=True))
    assert status == 0
    assert (found["suite"], found["split"], found["metric"]) == ("wanli", "test", "accuracy")
