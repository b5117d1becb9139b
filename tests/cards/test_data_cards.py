import csv
import re
from pathlib import Path

import pytest

from flanrepro.cards.data_cards import cards, write
from flanrepro.cards.sections import Shown, card, table
from flanrepro.errors import InputError
from flanrepro.raw.dataset import Dataset
from flanrepro.raw.reader import tasks_of
from flanrepro.sources import load_collection

FOLDER = Path(__file__).parents[2] / "data_cards"
WRITTEN = {"pocket.md", "pocket1.md"}
REGENERATE = "write them anew: flanrepro data cards data_cards"


@pytest.fixture(scope="module")
def made():
    return cards(FOLDER)


def test_the_committed_cards_are_those_of_the_descriptions(made):
    there = {path.name for path in FOLDER.glob("*.md")} - WRITTEN
    assert there == set(made), f"delete what is too much, or {REGENERATE}"
    for name, text in made.items():
        committed = (FOLDER / name).read_text(encoding="utf-8")
        assert committed == text, f"data_cards/{name} is not up to date; {REGENERATE}"


def test_writing_and_reading_them_changes_nothing(made, tmp_path):
    for name in ("notes.yaml", "contamination.csv", "t5_vocabulary.csv"):
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    write(tmp_path)
    written = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.md")}
    assert written == made


def test_a_folder_that_has_no_notes_is_said_to_be_the_wrong_one(tmp_path):
    with pytest.raises(InputError, match=r"has no notes.yaml, .*: name the folder data_cards"):
        write(tmp_path)


def test_every_task_is_on_a_card(made):
    text = "".join(made.values())
    collection = load_collection("flan2022")
    missing = [name for name in collection.every_task if f"`{name}`" not in text]
    assert missing == []


def test_every_card_is_in_the_index(made):
    linked = set(re.findall(r"\]\(([\w.-]+\.md)\)", made["README.md"]))
    assert linked == {*made, *WRITTEN} - {"README.md"}


def test_the_suites_card_says_how_each_is_answered_in_which_words_and_what_is_published(made):
    card = made["suites.md"]
    for name, suite in load_collection("flan2022").suites.items():
        (row,) = re.findall(
            rf"^\| `{name}` .* 1,024 .*$|^\| `{name}` .* 2,048 .*$", card, re.MULTILINE
        )
        assert f" {suite.protocol.method} " in row
        assert f"`{suite.tasks[0].templates}`: " in row
        assert f"- `{name}`: {suite.protocol.source.strip()}" in card


def test_every_card_says_what_it_is_where_it_is_from_and_what_is_known(made):
    for name, text in made.items():
        if name not in ("README.md", "suites.md"):
            for row in ("what", "source", "citation", "licence", "Hugging Face Hub"):
                assert re.search(rf"^\| {row} \| .*\w.* \|$", text, re.MULTILINE), (name, row)
            for title in ("Tasks", "Fields of a record", "Templates"):
                assert f"\n## {title}\n" in text, (name, title)


def test_tables_have_as_many_cells_in_every_row(made):
    for name, text in made.items():
        for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            cells = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
            assert len(cells) == 1, (name, block)


def test_contamination_is_measured_for_known_training_tasks_against_all_suites():
    collection = load_collection("flan2022")
    with (FOLDER / "contamination.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    by_task: dict[str, list[str]] = {}
    named = {(s.name, task.name) for s in collection.suites.values() for task in s.tasks}
    for row in rows:
        hit = int(row["records_hit"])
        if row["evaluated"] == "all":
            by_task.setdefault(row["task"], []).append(row["suite"])
            assert row["tasks"].endswith(f" of {len(collection.suites[row['suite']].tasks)}")
            whole = row
        else:
            assert (row["suite"], row["evaluated"]) in named
            assert (row["task"], row["suite"]) == (whole["task"], whole["suite"])
            assert 0 < hit <= int(whole["records_hit"])
        if row["suite"] in ("mmlu", "bbh", "bbh_cot") and row["evaluated"] == "all":
            assert int(row["items"]) == {"mmlu": 14_042}.get(row["suite"], 6_511)
        assert hit <= int(row["records"])
        assert (int(row["items_hit"]) > 0) == (hit > 0)
        assert bool(row["longest_example"]) == (hit > 0)
    assert set(by_task) <= set(collection.tasks)
    assert all(suites == list(collection.suites) for suites in by_task.values())


def overlap(task, suite, hit, evaluated="all", tasks="3 of 3"):
    names = ("task", "suite", "records", "records_hit", "items", "items_hit", "items_short")
    row = dict(zip(names, (task, suite, "1000", str(hit), "200", str(hit), "3"), strict=True))
    row |= {"evaluated": evaluated, "tasks": tasks}
    return row | {"longest_example": "a shared text" if hit else ""}


def test_a_card_of_a_small_data_set():
    dataset = Dataset(
        name="bool_q",
        card="boolq",
        cluster="reading_comprehension",
        templates="flan2021/bool_q",
        licence="CC BY-SA 3.0",
        citation="Clark et al., 2019",
        hub={"id": "google/boolq", "config": "plain"},
        splits={"train": {"hub": "train", "rows": 9427}, "test": {}},
        files={"train": {"boolq/dev.jsonl": "jsonl", "boolq/elsewhere.jsonl": "jsonl"}},
        fields={
            "question": "question",
            "answer": {"from": "answer", "labels": {True: "yes", False: "no"}},
            "options": ["yes", "no"],
        },
        notes="A quirk | with a bar.",
        manual="Fetch it from its authors.",
    )
    (task,) = tasks_of([dataset], "flan2021")
    rows = [
        overlap("bool_q", "mmlu", 2),
        overlap("bool_q", "mmlu", 2, "mmlu_anatomy", ""),
        overlap("bool_q", "bbh", 0, tasks="2 of 3"),
    ]
    text = card("boolq", [Shown(task, True, ["held_in"], "train", rows)], {"notes": "Seen."})
    for line in (
        "# boolq",
        "| what | 1 task: reading comprehension |",
        "| licence | CC BY-SA 3.0 |",
        "| Hugging Face Hub | [google/boolq](https://huggingface.co/datasets/google/boolq), "
        "configuration `plain` |",
        "| `bool_q` | flan2021 | reading comprehension | text | accuracy; Table 3: auc roc "
        "| training, suite held_in |",
        "| `bool_q` | train 9,427, test unknown | train |",
        "- `boolq/elsewhere.jsonl`",
        "| `answer` | `answer` (True: yes, False: no) | all |",
        "| `options` | always: yes, no | all |",
        "| `bool_q` | mmlu | 2 of 1,000 | 2 of 200 | 1.00% | 3 | a shared text |",
        "| `bool_q` | mmlu: `mmlu_anatomy` | 2 of 1,000 | 2 of 200 | 1.00% | 3 | a shared text |",
        "| `bool_q` | bbh (2 of 3 tasks) | 0 of 1,000 | 0 of 200 | 0.00% | 3 |  |",
        "Fetch it from its authors.",
        "Seen.",
        "A quirk | with a bar.",
    ):
        assert f"{line}\n" in text
    assert re.search(r"\| \[boolq/dev.jsonl\]\(https://[^)]*\) \| 3,270 \| \w+", text)


def test_a_task_without_data_is_said_to_be_unmeasured():
    described = Dataset("a", "nli", "nli"), Dataset("b", "nli", "nli")
    one, other = tasks_of(described, "flan2021")
    measured = Shown(one, True, (), "train", [overlap("a", "mmlu", 1)])
    text = card("x", [measured, Shown(other, True, (), "train", ())], {})
    assert "\n`b`: not measured, because the data was not available.\n" in text
    text = card("x", [Shown(one, True, (), "train", ())], {})
    assert "\nAll tasks: not measured, because the data was not available.\n" in text
    assert "## Contamination" not in card("x", [Shown(one, False, ["mmlu"], "test", ())], {})


def test_many_tasks_are_counted_by_category_and_listed():
    names = [f"task{n:03}" for n in range(30)]
    described = [
        Dataset(
            name, ("parse", "sum")[i % 2], "nli", notes=f"n{i}", splits={"train": {"rows": 100}}
        )
        for i, name in enumerate(names)
    ]
    shown = [Shown(task, True, (), "train", ()) for task in tasks_of(described, "niv2")]
    text = card("niv2", shown, {})
    assert "| parse | 15 | 1,500 |\n| sum | 15 | 1,500 |\n| all | 30 | 3,000 |\n" in text
    assert "- `task007`: sum; train 100; n7\n" in text
    assert all(f"\n- `{name}`: " in text for name in names)
    assert "## Splits" not in text and "## Notes" not in text


def test_an_evaluation_task_counts_what_it_is_evaluated_on():
    splits = {"train": {"rows": 7}, "validation": {"rows": 5}, "test": {}}
    (task,) = tasks_of([Dataset("a", "nli", "nli", splits=splits)], "evaluation")
    assert Shown(task, False, ["cot"], "validation", ()).records == 5
    assert Shown(task, False, (), "train", ()).records == 7
    assert Shown(task, False, (), "exemplars", ()).records == 7
    assert Shown(task, False, ["x"], "test", ()).records == 0


def test_cells_hold_no_line_breaks_or_bars():
    assert table(("a", "b"), [("x | y", "two\nlines")]) == (
        "| a | b |\n| --- | --- |\n| x \\| y | two lines |"
    )


def test_of_many_tasks_only_those_that_share_text_are_shown():
    tasks = tasks_of([Dataset(f"task{n:03}", "parse", "nli") for n in range(30)], "niv2")
    rows = {n: [overlap(tasks[n].name, "mmlu", hit)] for n, hit in ((3, 0), (4, 5))}
    shown = [Shown(task, True, (), "train", rows.get(n, ())) for n, task in enumerate(tasks)]
    text = card("niv2", shown, {})
    assert "Measured: `task003`, `task004`; those that share text are shown.\n" in text
    assert "| `task004` | mmlu | 5 of 1,000 |" in text
    assert "| `task003` |" not in text
    assert "\n28 tasks: not measured, because the data was not available.\n" in text
    text = card("niv2", [Shown(one.task, True, (), "train", rows[3]) for one in shown], {})
    assert "; none shares text with a suite.\n" in text
    assert "not measured" not in text
