"""A task that is evaluated by its name: its split, its metric, and how much of it is here."""

import json

import pytest

from flanrepro.collection.suites import suite_items
from flanrepro.collection.task import MissingTasks
from flanrepro.errors import InputError
from flanrepro.experiments.models import score_models
from flanrepro.experiments.scores import suite_of
from flanrepro.sources import load_collection

NIV2 = "task001_quoref_question_generation"
FILE = {
    "Definition": ["Say where it is."],
    "Positive Examples": [
        {"input": f"the {thing}", "output": f"in the {place}", "explanation": "so"}
        for thing, place in (("pig", "garden"), ("hen", "attic"), ("cup", "box"))
    ],
    "Instances": [
        {"id": "x-1", "input": "the red pig", "output": ["in the red garden", "outside"]},
        {"id": "x-2", "input": "the hen", "output": ["in the attic"]},
    ],
}


@pytest.fixture
def real(tmp_path, monkeypatch):
    """The collection flan2022 over one task of NIv2 and a part of a validation set."""
    mirror = tmp_path / "mirror"
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    put(mirror / f"niv2/tasks/{NIV2}.json", [FILE])
    question = {"question": "is it", "title": "t", "passage": "it is.", "answer": True}
    put(mirror / "boolq/dev.jsonl", [question] * 4)
    load_collection.cache_clear()
    collection = load_collection("flan2022")
    # The manifest knows the name of one, with other content.
    monkeypatch.setattr("flanrepro.raw.files.manifest", dict)
    yield collection
    load_collection.cache_clear()


def put(path, rows):
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def totals(table):
    return table[table["level"] == "suite"].set_index(["suite", "shots"])


def test_a_task_of_niv2_is_asked_with_its_first_positive_examples_that_are_not_the_item(real):
    suite = suite_of(real, NIV2)
    assert (suite.split, suite.protocol.metric, suite.protocol.shots) == ("train", "rouge_l", 2)
    first, second = suite_items(suite, suite.protocol.shots)
    assert first.references == ("in the red garden", "outside")
    assert (first.prompt.exemplars, second.prompt.exemplars) == ((0, 1), (0, 2))
    assert first.prompt.inputs.count("Say where it is.") == 1
    assert "in the box" in second.prompt.inputs and "in the attic" not in second.prompt.inputs


def test_a_task_of_niv2_is_scored_over_all_its_references(real, tmp_path):
    table = score_models(["majority"], "flan2022", [NIV2], tmp_path)
    assert set(zip(table["split"], table["shots"], strict=True)) == {("train", 0), ("train", 2)}
    rows = table[table["shots"] == 2].set_index(["level", "metric"])["value"]
    # "in the attic" for both: half of the words of "in the red garden", in order.
    assert (
        rows["task", "rouge_l"] == rows["suite", "rouge_l"] == pytest.approx(100 * (4 / 7 + 1) / 2)
    )
    assert rows["task", "exact_match"] == 50


def test_a_task_by_name_is_evaluated_on_what_is_available_and_says_which_split(real, tmp_path):
    assert suite_of(real, "rte").split == "validation"
    assert suite_of(real, "mbpp").split == "test"  # neither is here: the first is asked for
    table = totals(score_models(["random"], "flan2022", ["bool_q"], tmp_path, shots=[0]))
    assert table.loc[("bool_q", 0), "split"] == "validation"
    assert table.loc[("bool_q", 0), "metric"] == "auc_roc"


def test_a_part_of_a_test_set_is_called_part(real, tmp_path):
    table = totals(score_models(["random"], "flan2022", ["bool_q"], tmp_path, shots=[0]))
    assert table.loc[("bool_q", 0), "evaluated"] == "1 of 1 tasks"
    said = "bool_q has 4 of 3,270 validation records here"
    assert table.loc[("bool_q", 0), "left_out"] == said
    again = totals(score_models(["random"], "flan2022", ["bool_q"], tmp_path, shots=[0]))
    assert again.loc[("bool_q", 0), "left_out"] == said  # kept scores say it too
    whole = totals(score_models(["random"], "flan2022", [NIV2], tmp_path, shots=[0]))
    assert whole.loc[(NIV2, 0), "left_out"] == ""


def test_scores_stay_where_only_some_numbers_of_exemplars_can_be_given(real, tmp_path):
    said = r"left out 'bool_q' with 3 exemplars: .*there are no exemplars"
    with pytest.warns(MissingTasks, match=said):
        table = score_models(["random"], "flan2022", ["bool_q", NIV2], tmp_path, shots=[0, 3])
    assert list(totals(table).index) == [("bool_q", 0), (NIV2, 0), (NIV2, 3)]
    with pytest.raises(InputError, match=r"nothing could be evaluated: 'bool_q' with 3 exemplars:"):
        score_models(["random"], "flan2022", ["bool_q"], tmp_path, shots=[3])
