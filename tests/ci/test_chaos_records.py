"""Broken records: every layout is broken in every way, and what is read accounts for every row."""

from pathlib import Path

import pytest

from ci.chaos import records
from ci.chaos.breaking import Broken
from ci.chaos.layouts import ROWS, layouts
from flanrepro.raw import parsers
from flanrepro.sources import load_collection
from flanrepro.sources.flan2022 import bbh, mmlu


def falls(number: int, seed: int, folder: Path) -> list[str]:
    found = records.trials(number, seed, folder)
    return [f"{trial.what}\n=> {trial.fell}" for trial in found if trial.fell]


def test_broken_records_of_every_layout(tmp_path):
    assert falls(2 * len(layouts()), 0, tmp_path) == []


@pytest.mark.slow
def test_ten_thousand_broken_records(tmp_path):
    assert falls(records.NUMBER, 1, tmp_path) == []


def test_every_parser_has_a_layout():
    tasks = (*load_collection("flan2022").every_task.values(), *bbh.tasks(), *mmlu.tasks())
    known = {name for task in tasks if task.dataset for files in task.dataset.files.values()
             for name in files.values()}  # fmt: skip
    readers = [layout.read for layout in layouts() if hasattr(layout.read.func, "__self__")]
    broken = {dataset.files[split][key] for dataset, split, key in (read.args for read in readers)}
    # Splits of one file and parsers of one form.
    alike = {"mbpp_prompt", "mbpp_test", "mbpp_validation", "anli_r2", "anli_r3"}
    assert known | set(parsers.PARSERS) <= broken | alike


@pytest.mark.parametrize(
    ("verdict", "got", "fell"),
    [
        ("others", "abc", ""),
        ("others", "ac", ""),
        ("others", "ab", "other rows are not as they were"),
        ("others", "bbc", "other rows are not as they were"),
        ("intact", "aBc", ""),
        ("intact", "axc", "the row is not what it was"),
        ("refused", "abc", "refused, but it was read"),
        ("same", "ab", "same, but it was read"),
        ("cut", "ax", ""),
        ("others", "a\0c", "a character that no text has"),
    ],
)
def test_what_is_lost_or_changed_is_a_fall(verdict, got, fell):
    sound = [{"text": letter} for letter in "abc"]
    assert len(sound) == ROWS
    broken = Broken(b"", "", 1, verdict, ",")
    layout = next(one for one in layouts() if not one.ruled)
    said = records._accounted(layout, broken, sound, [{"text": letter} for letter in got])
    assert said.startswith(fell) and bool(said) == bool(fell)
