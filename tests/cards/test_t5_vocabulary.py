"""What T5's vocabulary cannot say: counted on the available data, shown where it is most."""

import csv
from pathlib import Path

from flanrepro.cards.t5_vocabulary import FILE, MOST, SHOWN, rows, section
from flanrepro.data.vocabulary import Vocabulary
from flanrepro.sources import load_collection

FOLDER = Path(__file__).parents[2] / "data_cards"


def row(task, wrong=0, unknown=0, inputs=0, characters="~"):
    counts = {"targets": 1000, "changed": 0, "line_ends": 0, "unknown": unknown, "wrong": wrong}
    made = {"task": task, "split": "train", **counts, "inputs": inputs, "characters": characters}
    return {name: str(value) for name, value in made.items()}


def test_a_card_without_losses_has_no_section():
    assert section([]) == ""


def test_a_card_shows_the_splits_that_lose_most_first():
    made = section([row("a", inputs=9), row("b", 354, 86, characters="{`|"), row("c", 0, 2)])
    lines = [line for line in made.split("\n") if line.startswith("| `")]
    assert lines == [
        "| `b` | train | 86 of 1,000 | 0 | 354 | `{` `` ` `` `\\|` |",
        "| `c` | train | 2 of 1,000 | 0 | 0 | `~` |",
        "| `a` | train | 0 of 1,000 | 9 | 0 | `~` |",
    ]


def test_what_is_too_much_for_a_card_is_counted():
    made = section([row(f"task{i}", wrong=i) for i in range(MOST + 3)])
    assert made.endswith("\n\n3 more splits lose less.")
    assert "`task22`" in made and "`task2`" not in made


def test_the_counts_that_are_kept_are_those_of_the_data(t5, mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    load_collection.cache_clear()
    tasks = load_collection("flan2022").every_task
    names = ("mbpp", "bbh_dyck_languages", "cb")
    found = rows(Vocabulary(t5), [tasks[name] for name in names])
    made = [{k: str(v) for k, v in row.items()} for row, loss in found if loss.any]
    with (FOLDER / FILE).open(encoding="utf-8", newline="") as file:
        kept = list(csv.DictReader(file))
    assert made == sorted(
        (row for row in kept if row["task"] in names), key=lambda row: names.index(row["task"])
    )
    assert all(len(row["characters"]) <= SHOWN for row in kept)
    assert {row["task"] for row in kept} <= set(tasks)
