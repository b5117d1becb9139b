"""BIG-Bench Hard: 27 files whole, and the three worked examples of each prompt."""

import pytest

from flanrepro.collection import render
from flanrepro.collection.suites import suite_items
from flanrepro.errors import InputError
from flanrepro.sources.flan2022 import bbh

FREE = ("dyck_languages", "multistep_arithmetic_two", "object_counting", "word_sorting")
"""Files whose answers are not chosen among options."""


@pytest.fixture(autouse=True)
def places(mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    bbh.tasks.cache_clear()
    yield tmp_path
    bbh.tasks.cache_clear()


def tasks():
    return {task.name: task for task in bbh.tasks()}


def test_every_file_is_read_whole():
    made = tasks()
    assert len(made) == 27
    assert sum(len(task.records("test")) for task in made.values()) == 6511
    for task in made.values():
        assert len(task.records("test")) == task.splits["test"]
        assert len(task.records("exemplars")) == 3
        for record in task.records("exemplars"):
            assert record["rationale"] and record["answer"] and record["description"]
            assert "canary" not in record["description"].lower()


def test_step_by_step_prompts_are_the_published_files(mirror):
    suite = bbh.suites()[1]
    items = {item.prompt.task: item for item in suite_items(suite, 3, 1)}
    assert len(items) == 27
    for task in suite.tasks:
        file = mirror / "bbh" / "cot-prompts" / f"{task.name.removeprefix('bbh_cot_')}.txt"
        published = file.read_text(encoding="utf-8").partition("-----\n")[2].strip()
        prompt = items[task.name].prompt
        question = task.records("test")[prompt.record]["question"]
        asked = f"{published}\n\nQ: {question}\nA: Let's think step by step."
        assert prompt.inputs == asked


def test_options_are_those_of_the_question_and_three_targets_are_none_of_them():
    without, free = [], 0
    for item in suite_items(bbh.suites()[0], 0):
        if item.prompt.task.removeprefix("bbh_") in FREE:
            free += 1
            assert item.right is None
        elif item.right is None:
            without.append((item.prompt.task, item.prompt.targets))
        else:
            assert item.choices[item.right] == item.prompt.targets
    assert free == 4 * 250
    assert without == [
        ("bbh_movie_recommendation", "Monsters, Inc"),
        ("bbh_ruin_names", "dearth, wind, & fire"),
        ("bbh_ruin_names", "rita, sue and bob poo"),
    ]


def test_three_sizes_of_a_problem_are_one_of_23():
    for suite in bbh.suites():
        assert len({task.cluster for task in suite.tasks}) == 23
        assert suite.protocol.unit == "cluster"


def test_a_prompt_with_a_worked_example():
    prompt = render(tasks()["bbh_web_of_lies"], 0, split="test", exemplars=(0,))
    assert prompt.inputs == (
        "Evaluate a random boolean function expressed as a word problem.\n\n"
        "Q: Question: Fidel tells the truth. Jerry says Fidel tells the truth. Vina says Jerry "
        "tells the truth. Millicent says Vina lies. Raymond says Millicent lies. Does Raymond tell "
        "the truth?\nA: Yes\n\n"
        "Q: Question: Sherrie tells the truth. Vernell says Sherrie tells the truth. Alexis says "
        "Vernell lies. Michaela says Alexis tells the truth. Elanor says Michaela tells the truth. "
        "Does Elanor tell the truth?\nA:"
    )
    assert prompt.targets == "No"


def test_an_answer_can_be_a_row_of_brackets():
    record = tasks()["bbh_dyck_languages"].records("exemplars")[1]
    assert record["answer"] == "> ) } }" or set(record["answer"]) <= set("<>[](){} ")


PROMPT = "canary\n-----\nDo.\n\nQ: a\nA: Let's think step by step. b"


@pytest.mark.parametrize(
    ("examples", "prompt", "said"),
    [
        ('{"examples": []}', PROMPT, "holds no record"),
        ('{"canary": ""}', PROMPT, "no field 'examples'"),
        ('{"examples": [{"input": "a"}]}', PROMPT, "example 1: the row is not as expected"),
        ('{"examples": [{"input": "a", "target": "b"}]}', "no dashes", "expected a line of dashes"),
    ],
)  # fmt: skip
def test_a_bad_file_is_one_sentence(places, monkeypatch, examples, prompt, said):
    for name, text in {"bbh/navigate.json": examples, "cot-prompts/navigate.txt": prompt}.items():
        path = places / "bad" / "bbh" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setenv("FLANREPRO_MIRROR", str(places / "bad"))
    monkeypatch.setattr("flanrepro.raw.files.manifest", dict)
    bbh.tasks.cache_clear()
    with pytest.raises(InputError, match=said):
        tasks()["bbh_navigate"].records("test")
