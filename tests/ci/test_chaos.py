import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ci.chaos import __main__ as campaign
from ci.chaos import kills, page, stores, tampering
from ci.chaos.common import Trial, sentence
from ci.chaos.kept import STORES
from flanrepro.errors import InputError

# --- judging ---


class TwoLines(InputError):
    def __str__(self) -> str:
        return "one\ntwo"


def test_one_sentence_is_no_fall_and_every_other_failure_is_one_line():
    def fails(error: Exception):
        raise error

    assert sentence(lambda: None) == ""
    assert sentence(lambda: fails(InputError("a.csv, line 3: expected a number")), "a.csv") == ""
    assert "does not name a.csv" in sentence(lambda: fails(InputError("no number")), "a.csv")
    assert sentence(lambda: fails(TwoLines(""))) == "several lines: 'one\\ntwo'"
    assert sentence(lambda: fails(KeyError("rows\nof"))).startswith("KeyError in test_chaos.py:")


@pytest.mark.parametrize(
    ("status", "said", "killed", "fell"),
    [
        (0, "", False, ""),
        (-9, "", True, ""),
        (-9, "", False, "status -9: "),
        (2, "shards\nflanrepro: 1 shards of it could not be written", True, ""),
        (2, "flanrepro: no such file", False, "status 2: flanrepro: no such file"),
        (1, "Traceback\nKeyError: 'a'", True, "status 1: KeyError: 'a'"),
    ],
)
def test_a_killed_process_may_end_by_the_signal_or_with_a_sentence(status, said, killed, fell):
    assert kills._ended(status, said, killed) == fell


@pytest.mark.parametrize(
    ("before", "after", "fell"),
    [
        ({}, {}, ""),
        ({}, {"a": "new"}, ""),
        ({"a": "new"}, {"a": "new"}, ""),
        ({"a": "new"}, {}, "a was finished, and is gone"),
        ({"a": "new"}, {"a": "cut"}, "a was finished, and is changed"),
        ({}, {"a": "cut"}, "a is half written"),
        ({"b": "old"}, {"b": "old"}, ""),
        ({"b": "old"}, {"b": "cut"}, "b is half written"),
        ({"b": "old"}, {}, "b is gone"),
    ],
)
def test_a_file_is_the_old_one_or_the_new_one(before, after, fell):
    older = {name: digest for name, digest in before.items() if digest == "old"}
    assert kills._lost({"a": "new", "b": "new"}, older, before, after) == fell


# --- kills ---

WRITES = """
import sys
for i in range(5):
    open(f"{sys.argv[1]}/{i}", "w").write("whole")
open(f"{sys.argv[1]}/0").read()
"""


def with_hook(folder: Path, log: Path, **plan) -> int:
    plan = {"under": f"{folder}/", "log": str(log), "who": "parent", "delay": 0.0} | plan
    hook = Path(kills.__file__).parent / "hook"
    env = os.environ | {"FLANREPRO_CHAOS": json.dumps(plan), "PYTHONPATH": str(hook)}
    return subprocess.run([sys.executable, "-c", WRITES, folder], env=env, check=False).returncode


def test_the_signal_comes_at_the_event_that_is_asked_for(tmp_path):
    folder, log = tmp_path / "out", tmp_path / "log"
    folder.mkdir()
    assert with_hook(folder, log, at=3, victims=["it"]) == -9
    assert sorted(path.name for path in folder.iterdir()) == ["0", "1"]
    assert [line.split()[2:] for line in log.read_text().splitlines()] == [
        ["open", name] for name in "012"
    ]
    assert (tmp_path / "log.killed").exists()


def test_without_a_moment_the_events_are_counted_and_reading_is_none(tmp_path):
    folder, log = tmp_path / "out", tmp_path / "log"
    folder.mkdir()
    assert with_hook(folder, log, at=0, victims=[]) == 0
    assert len(log.read_text().splitlines()) == 5
    assert not (tmp_path / "log.killed").exists()


def test_moments_follow_from_the_seed_and_lie_within_the_events():
    def plans(seed: int) -> list[dict]:
        rng, events = np.random.default_rng(seed), {"parent": 79, "worker": 320}
        return [kills._plan(kills.WORKS["cache"], events, rng) for _ in range(200)]

    assert plans(1) == plans(1) != plans(2)
    for plan in plans(1):
        assert 1 <= plan["at"] <= {"parent": 79, "worker": 160}[plan["who"]]
        assert 0 <= plan["delay"] <= 0.03
    assert {tuple(plan["victims"]) for plan in plans(1)} == {
        ("it",),
        ("its parent",),
        ("its parent", "it"),
    }


@pytest.mark.slow
def test_three_kills_over_training_lose_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(kills, "WORKS", {"training": kills.WORKS["training"]})
    made = list(kills.trials(3, 0, tmp_path))
    assert [trial.kind for trial in made] == ["SIGKILL over training"] * 3
    assert [trial.fell for trial in made] == [""] * 3


# --- tampered stores ---


def test_every_tampering_changes_the_file(tmp_path):
    path = tmp_path / "scores.json"
    for kind in {*tampering.KINDS, *tampering.CONTENT, *tampering.LOCKS, tampering.edit_json}:
        path.write_text('{"settings": {"shots": 2}, "scores": [{"value": 1.5}]}')
        before = path.read_bytes()
        kind(path, np.random.default_rng(0))
        assert not path.is_file() or path.read_bytes() != before, kind.__name__
        tampering.delete(path, None)
    assert list(tmp_path.iterdir()) == []


def test_an_edited_line_leaves_the_other_lines_as_they_are(tmp_path):
    path = tmp_path / "items.jsonl"
    rows = [f'{{"item": {i}, "answer": "x"}}\n' for i in range(9)]
    path.write_text("".join(rows))
    tampering.edit_json(path, np.random.default_rng(0))
    found = path.read_text().splitlines(keepends=True)
    assert len(found) == 9
    assert sum(one != other for one, other in zip(found, rows, strict=True)) == 1


@pytest.fixture
def cheap(monkeypatch):
    """The stores that need no JAX."""
    names = ("record store", "vocabulary", "shipped scores")
    monkeypatch.setattr(stores, "STORES", {name: STORES[name] for name in names})


def test_the_same_seed_tampers_with_the_same_things(cheap, tmp_path):
    first, again, other = (
        [trial.what for trial in stores.trials(12, seed, tmp_path / str(i))]
        for i, seed in enumerate((3, 3, 4))
        if (tmp_path / str(i)).mkdir() is None
    )
    assert len(first) == 12
    assert first == again != other


def test_small_stores_hold(cheap, tmp_path):
    fell = [trial for trial in stores.trials(40, 0, tmp_path) if trial.fell]
    assert fell == []


def test_another_result_and_a_hang_are_falls(tmp_path, monkeypatch):
    def judged(read) -> str:
        return stores._judged(read, {"a": 1, "b": float("nan")}, tmp_path)

    assert judged(lambda: {"a": 1, "b": float("nan")}) == ""
    assert judged(lambda: {"a": 2, "b": float("nan")}) == "other a in silence"
    assert judged(lambda: (tmp_path / "gone").read_text()).startswith("FileNotFoundError in ")
    monkeypatch.setattr(stores, "LIMIT", 0.1)
    os.mkfifo(tmp_path / "pipe")
    assert judged(lambda: (tmp_path / "pipe").read_text()) == "it hung for 0.1 s"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::flanrepro.data.examples.PromptTooLong")
def test_runs_evaluations_and_caches_hold(tmp_path):
    pytest.importorskip("seqio", reason="SeqIO is not installed: pip install -e '.[beam]'")
    fell = [trial for trial in stores.trials(30, 1, tmp_path) if trial.fell]
    assert fell == []


# --- the command and its page ---


@pytest.fixture
def part(monkeypatch):
    """A part of the campaign whose third trial falls."""

    class Part:
        NUMBER = 10

        def trials(self, number, seed, folder):
            assert list(folder.iterdir()) == []
            yield from (Trial("cut", f"file {i}", "lost" * (i == 2)) for i in range(number))

    monkeypatch.setattr(campaign.importlib, "import_module", lambda name: Part())


def test_a_part_is_counted_by_kind_and_tells_its_falls(part, capsys):
    table = campaign.run("stores", seed=7, share=0.5)
    assert table.drop(columns=["seconds", "versions"]).to_dict("records") == [
        {"part": "stores", "kind": "cut", "tried": 5, "held": 4, "fell": 1, "seed": 7}
    ]
    assert capsys.readouterr().out == "cut: file 2\n    lost\n"


def test_the_status_says_that_something_fell(part):
    for share, status in ((0.5, 1), (0.2, 0)):
        with pytest.raises(SystemExit) as ended:
            campaign.main(["stores"], share=share)
        assert ended.value.code == status


def test_a_part_alone_replaces_its_own_rows_of_the_page(tmp_path):
    files = tmp_path / "results.csv", tmp_path / "page.md"

    def table(part: str, fell: int) -> pd.DataFrame:
        row = (part, f"faults of {part}", 1000 + fell, 1000, fell, 90.0, 0, "Python 3")
        return pd.DataFrame([row], columns=page.COLUMNS)

    page.write_page(pd.concat([table("kills", 1), table("stores", 2)]), *files)
    page.write_page(table("kills", 0), *files)
    text = files[1].read_text()
    assert "| kills | faults of kills | 1,000 | 1,000 | 0 | 90 |" in text
    assert "| stores | faults of stores | 1,002 | 1,000 | 2 | 90 |" in text
    assert "| all | | 2,002 | 2,000 | 2 | 180 |" in text
    assert "Minutes on two processor cores: kills 1.5, stores 1.5." in text
    assert len(pd.read_csv(files[0])) == 2
