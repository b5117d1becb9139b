"""The source of code: every file reads in full, and code stays as it is but for its line ends."""

import gzip
import json

import pytest
from rendering import assert_renders

from flanrepro.collection import render
from flanrepro.collection.templates import by_direction, load_wordings
from flanrepro.errors import InputError
from flanrepro.raw import files as data_files
from flanrepro.sources.flan2022 import program_synthesis

REPAIRS = ("error_comments", "line_numbers", "no_errors", "plain_code")


@pytest.fixture
def tasks(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    both = (*program_synthesis.tasks(), *program_synthesis.evaluation_tasks())
    return {task.name: task for task in both}


@pytest.fixture
def own(monkeypatch, tmp_path):
    """A function that writes rows as JSON lines into a mirror and gives the tasks."""
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    # Other files under the names of those that the manifest has checksums of.
    monkeypatch.setattr(data_files, "manifest", dict)

    def write(name, *rows):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        return {task.name: task for task in program_synthesis.tasks()}

    return write


def json_lines(data: bytes):
    return [json.loads(line) for line in data.removesuffix(b"\n").split(b"\n")]


def test_no_file_is_read_to_make_the_tasks(monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path))
    names = [task.name for task in program_synthesis.tasks()]
    assert names == ["dmcc_python", *(f"dr_repair_{n}" for n in REPAIRS), "mbpp", "conala", "apps"]
    assert "download_preprocessed_data.sh" in program_synthesis.tasks()[1].missing("train")


def test_humaneval_is_never_trained_on(tasks):
    (task,) = program_synthesis.evaluation_tasks()
    assert (task.name, task.source, list(task.splits)) == ("humaneval", "evaluation", ["test"])


def test_the_splits_of_mbpp_are_ranges_that_make_up_the_file(tasks, mirror):
    rows = json_lines((mirror / "mbpp/mbpp.jsonl").read_bytes())
    assert len(rows) == 974
    assert sum("\r" in row["code"] for row in rows) == 972
    task = tasks["mbpp"]
    sizes = {split: len(task.records(split)) for split in task.splits}
    assert sizes == {"train": 374, "validation": 90, "test": 500, "prompt": 10}
    order = ("prompt", "test", "validation", "train")
    answers = [record["answer"] for split in order for record in task.records(split)]
    assert not any("\r" in text for text in answers)
    assert answers == [row["code"].replace("\r", "").strip("\n").rstrip() for row in rows]


def test_conala_has_a_record_for_every_row(tasks, mirror):
    rows = json.loads((mirror / "conala/train.json").read_text("utf-8"))
    records = tasks["conala"].records("train")
    assert len(records) == len(rows) == 2379
    assert [record["answer"] for record in records] == [row["snippet"].rstrip() for row in rows]
    fallen_back = [row["intent"].strip() for row in rows if row["rewritten_intent"] is None]
    assert len(fallen_back) == 79
    assert set(fallen_back) <= {record["problem"] for record in records}


def test_humaneval_keeps_the_indentation_of_a_functions_body(tasks, mirror):
    rows = json_lines(gzip.decompress((mirror / "humaneval/HumanEval.jsonl.gz").read_bytes()))
    records = tasks["humaneval"].records("test")
    assert len(records) == len(rows) == 164
    for row, record in zip(rows, records, strict=True):
        above, answer, _ = row["canonical_solution"].rstrip().partition(record["answer"])
        assert (above.strip(), answer) == ("", record["answer"])
        assert answer.startswith("    ")
        assert record["problem"] == row["prompt"].strip("\n").rstrip()


def test_every_record_renders_with_every_template(tasks):
    assert assert_renders(tasks["conala"]) == 2379
    assert assert_renders(tasks["humaneval"], "test") == 164
    for split, size in {"train": 374, "validation": 90, "test": 500, "prompt": 10}.items():
        assert assert_renders(tasks["mbpp"], split) == size


# Wordings whose target says more than the code, zero-shot and few-shot, and few-shot ones that may
# stand beside others, as in google-research/FLAN, flan/v2/templates.py.
DECORATED = {
    "dmcc_python": (1, 1, 9),
    "dr_repair": (1, 2, 9),
    "dr_repair_error_comments": (2, 4, 8),
}


@pytest.mark.parametrize("name", DECORATED)
def test_ten_templates_of_each_kind_ask_for_the_code_and_ten_for_what_it_answers(name):
    asked, found = "{problem}" if name == "dmcc_python" else "{code}", []
    for templates in load_wordings(f"program_synthesis/{name}"):
        regular, inverted = by_direction(templates)
        assert (len(regular), len(inverted)) == (10, 10)
        assert all("{answer}" in template.targets for template in regular)
        assert all(asked in template.targets for template in inverted)
        assert not any(asked in template.inputs for template in inverted)
        found.append(sum(template.targets != "{answer}" for template in regular))
    assert (*found, sum(template.mixed for template in regular)) == DECORATED[name]
    assert all(template.mixed for template in inverted)


def test_mbpp_golden(tasks):
    assert tasks["mbpp"].records("train")[1] == {
        "problem": "Write a python function to find the first repeated character in a given "
        "string.\nYour code should pass these tests:\n"
        'assert first_repeated_char("abcabc") == "a"\n'
        'assert first_repeated_char("abc") == "None"\n'
        'assert first_repeated_char("123123") == "1"',
        "answer": "def first_repeated_char(str1):\n  for index,c in enumerate(str1):\n"
        '    if str1[:index+1].count(c) > 1:\n      return c \n  return "None"',
        "tests": 'assert first_repeated_char("abcabc") == "a"\n'
        'assert first_repeated_char("abc") == "None"\n'
        'assert first_repeated_char("123123") == "1"',
    }


def test_conala_golden(tasks):
    prompt = render(tasks["conala"], 1, exemplars=[0])
    assert prompt.inputs == (
        "Write a Python program that solves the problem.\n\n"
        "Problem:\nConcatenate elements of a list 'x' of multiple integers to a single integer\n\n"
        "Program:\nsum(d * 10 ** i for i, d in enumerate(x[::-1]))\n\n\n"
        "Problem:\nconvert a list of integers into a single integer\n\n"
        "Program:"
    )
    assert prompt.targets == "r = int(''.join(map(str, x)))"


PROGRAM = [
    {"text": "", "code": "int main() {", "indent": 0},
    {"text": "", "code": "cin >> m ;", "indent": 1},
    {"text": "", "code": "}", "indent": 0},
]
REPAIR = {
    "code_lines": PROGRAM,
    "err_line": {"lineno": 1, "msg": "‘ m ’ was not declared in this scope"},
    "gold_code_lines": [PROGRAM[0], {**PROGRAM[1], "code": "int m ; cin >> m ;"}, PROGRAM[2]],
}
WHOLE = "int main() {\n  int m ; cin >> m ;\n}"


@pytest.mark.parametrize(
    ("name", "problem", "code"),
    [
        ("plain_code", "The program does not compile.", "int main() {\n  cin >> m ;\n}"),
        ("no_errors", "The program does not compile.", "1 int main() {\n2   cin >> m ;\n3 }"),
        (
            "line_numbers",
            "Line 2: ‘ m ’ was not declared in this scope",
            "1 int main() {\n2   cin >> m ;\n3 }",
        ),
        (
            "error_comments",
            "The compiler's message stands in a comment.",
            "int main() {\n  cin >> m ;  // error: ‘ m ’ was not declared in this scope\n}",
        ),
    ],
)
def test_the_four_tasks_of_drrepair_show_a_program_in_four_ways(own, name, problem, code):
    task = own("dr_repair/train.jsonl", REPAIR)[f"dr_repair_{name}"]
    assert list(task.records("train")) == [{"problem": problem, "code": code, "answer": WHOLE}]
    assert assert_renders(task) == 1


def test_apps_gives_the_first_solution_with_its_starter_code(own):
    row = {"question": "Say {x}.\n", "solutions": '["\\n\\tprint({1})\\r\\n", "pass"]'}
    started = {**row, "starter_code": "\ndef f():\n\t"}
    without = {**row, "solutions": ""}
    tasks = own("apps/train.jsonl", {**row, "starter_code": ""}, started, without)
    assert list(tasks["apps"].records("train")) == [
        {"problem": "Say {x}.", "answer": "\tprint({1})"},
        {"problem": "Say {x}.\n\nBegin with:\ndef f():", "answer": "\tprint({1})"},
    ]


def test_code_contests_gives_the_first_solution_in_python_3():
    solutions = {"language": [2, 1, 3, 3], "solution": ["c", "print 1", "\nprint(1)\n", "print(2)"]}
    row = {"description": " Print 1. ", "solutions": solutions}
    made = program_synthesis.code_contests(row)
    assert made == [{"problem": "Print 1.", "answer": "print(1)"}]
    row["solutions"]["language"] = [2, 1, 2, 4]
    assert program_synthesis.code_contests(row) == []


def test_code_contests_reads_from_a_copy_of_the_hubs_folder(own, tmp_path):
    import pyarrow
    import pyarrow.parquet

    solutions = {"language": [2, 3], "solution": ["c", "if x:\r\n\tprint({x})"]}
    table = pyarrow.Table.from_pylist([{"description": "Print {x}.", "solutions": solutions}])
    folder = tmp_path / "hub/deepmind/code_contests/data"
    folder.mkdir(parents=True)
    pyarrow.parquet.write_table(table, folder / "train-00000-of-00001.parquet")
    task = own("apps/none.jsonl")["dmcc_python"]
    assert list(task.records("train")) == [
        {"problem": "Print {x}.", "answer": "if x:\n\tprint({x})"}
    ]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("\r\n  \r\n    a\r\n\tb  \r\n\r\n", "    a\n\tb"),
        ("  a", "  a"),
        ("a\rb", "a\nb"),
        (" \n", ""),
    ],
)
def test_code_loses_only_blank_lines_around_it(text, kept):
    assert program_synthesis.code(text) == kept


@pytest.mark.parametrize(
    ("name", "task", "row", "said"),
    [
        ("mbpp/mbpp.jsonl", "mbpp", {"task_id": 700}, "the record has no field 'text'"),
        (
            "apps/train.jsonl",
            "apps",
            {"question": "q", "solutions": "x"},
            "the column 'solutions': not JSON (",
        ),
        ("apps/train.jsonl", "apps", {"question": "q"}, "there is no column 'solutions'"),
        (
            "dr_repair/train.jsonl",
            "dr_repair_line_numbers",
            {**REPAIR, "err_line": None},
            "the row is not as expected (TypeError",
        ),
        (
            "dr_repair/train.jsonl",
            "dr_repair_plain_code",
            {**REPAIR, "gold_code_lines": []},
            "the field 'answer' is empty",
        ),
        (
            "dr_repair/train.jsonl",
            "dr_repair_error_comments",
            {**REPAIR, "err_line": {"lineno": 9, "msg": "m"}},
            "the line of the error is '9', expected 0 to 2",
        ),
    ],
)
def test_a_bad_row_is_named(own, name, task, row, said):
    with pytest.raises(InputError) as error:
        own(name, row)[task].records("train")
    assert f"{name}, line 1: " in str(error.value)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
