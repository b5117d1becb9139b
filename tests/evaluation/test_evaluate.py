import pytest

from flanrepro.collection import Suite, load_collection, suite_prompts
from flanrepro.data.vocabulary import load_vocabulary
from flanrepro.evaluation import evaluate as module
from flanrepro.evaluation.evaluate import evaluate, score


@pytest.fixture
def suite() -> Suite:
    """A task with two options, one with four, one without."""
    tasks = load_collection("pocket").tasks
    return Suite("made", tuple(tasks[name] for name in ("sst2", "arc_easy", "cot_gsm8k")))


@pytest.fixture
def asked(monkeypatch) -> list:
    """Puts an oracle that errs in the first task in the model's place; what it was asked."""
    prompts = []

    def oracle(config, params, vocabulary, given, **lengths):
        prompts.extend(given)
        return ["wrong" if p.task == "sst2" else f"{p.targets}." for p in given]

    monkeypatch.setattr(module, "predict", oracle)
    return prompts


def rows_of(suite: Suite, inputs_length: int, **kwargs) -> list[dict]:
    lengths = {"inputs_length": inputs_length, "targets_length": 16}
    return evaluate(None, {}, load_vocabulary("pocket"), suite, **kwargs, **lengths)


def test_every_item_is_a_row_with_its_provenance(suite, asked):
    rows = rows_of(suite, 256, shots=2, items=4)
    assert [row["task"] for row in rows] == ["sst2"] * 4 + ["arc_easy"] * 4 + ["cot_gsm8k"] * 4
    for row, prompt in zip(rows, suite_prompts(suite, 2, 4), strict=True):
        kept = {name: row[name] for name in ("inputs", "targets", "record", "split", "exemplars")}
        assert kept == {name: getattr(prompt, name) for name in kept}
        assert row["shortened"] == 0
    assert [row["correct"] for row in rows] == [False] * 4 + [True] * 8
    assert rows[4]["prediction"] == f"{rows[4]['answer']}."


def test_a_long_prompt_loses_whole_exemplars_and_they_are_counted(suite, asked):
    vocabulary = load_vocabulary("pocket")
    rows = rows_of(suite, 64, shots=3, items=5)
    full = suite_prompts(suite, 3, 5)
    assert any(row["shortened"] for row in rows)
    for row, prompt, whole in zip(rows, asked, full, strict=True):
        assert prompt.exemplars == whole.exemplars[: 3 - row["shortened"]]
        assert len(vocabulary.encode(prompt.inputs)) < 64 or not prompt.exemplars
        if row["shortened"]:  # one more would not have fitted
            assert len(vocabulary.encode(whole.inputs)) >= 64
        assert row["inputs"] == prompt.inputs


def test_a_suites_score_weighs_its_tasks_equally(suite):
    right = {
        "sst2": [True],
        "arc_easy": [True, False, False, False],
        "cot_gsm8k": [False, False],
    }
    items = [
        {"task": task, "record": i, "correct": correct}
        for task, all_correct in right.items()
        for i, correct in enumerate(all_correct)
    ]
    rows = score(suite, 2, items)
    assert [(row["task"], row["value"], row["n"]) for row in rows] == [
        ("sst2", 100.0, 1),
        ("arc_easy", 25.0, 4),
        ("cot_gsm8k", 0.0, 2),
        ("mean", pytest.approx(125 / 3), 7),
    ]
    assert [row["chance"] for row in rows] == [50, 25, 0, 25]
    common = ("suite", "shots", "metric")
    assert {tuple(row[name] for name in common) for row in rows} == {("made", 2, "exact_match")}
