"""The page that sets our templates beside the reference's says what the files say."""

import csv

from ci import structure


def test_the_page_holds_what_the_files_hold():
    with (structure.HERE / "structure.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["what"]: row for row in csv.DictReader(file)}
    now = structure.counted(structure.ours()) | structure.grammars()
    assert {what: rows[what]["now"] for what in now} == now
    page = (structure.HERE / "STRUCTURE.md").read_text(encoding="utf-8")
    for row in rows.values():
        assert all(row[name] in page for name in structure.FIELDS)


def test_our_structure_is_the_references():
    with (structure.HERE / "structure.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["what"]: row for row in csv.DictReader(file)}
    for what in (
        "FLAN 2021: files",
        "FLAN 2021: zero-shot and few-shot templates",
        "T0-SF: zero-shot and few-shot templates of a kind",
        "NIv2: few-shot templates, and those with an explanation",
        "chain of thought: data sets with templates of their own",
        "Figure 7: zero-shot and few-shot templates",
        "Figure 7: directions",
        "lists of options: headings, marks, ends",
        "dialogs as text: headings, marks, ends",
    ):
        assert rows[what]["now"] == rows[what]["reference"], what
    for what in (
        "turned around, of zero-shot templates",
        "turned around, of few-shot templates",
        "few-shot templates that may stand beside others",
        "options before the rest, of the templates with options",
        'chains that end in other words than "answer is"',
    ):
        here, there = (int(rows[what][name].removesuffix(" %")) for name in ("now", "reference"))
        assert abs(here - there) <= 3, what
