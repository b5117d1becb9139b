"""Each way of asking keeps its scores under its own name; the first one's stay as they were."""

import json

import pytest

from flanrepro.collection.asking import Asking, asked
from flanrepro.collection.task import MissingTasks
from flanrepro.errors import InputError
from flanrepro.experiments.models import score_models
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.results import _tasks_here
from flanrepro.experiments.scores import _settings, content_of, read_items, scores_of, suite_of
from flanrepro.experiments.store import Run
from flanrepro.experiments.sweep import Evaluation
from flanrepro.sources import load_collection

POCKET = load_collection("pocket")
WAYS = (
    None,
    Asking("each"),
    Asking("2"),
    Asking(instructions="none"),
    Asking(instructions="name"),
    Asking(options=False),
    Asking("each", options=False),
    Asking("2", split="train"),
)


def never():
    raise AssertionError("the scores are there: no model is needed")


def test_the_scores_of_two_ways_are_never_mixed(tmp_path):
    kept = [scores_of(tmp_path, lambda: "random", POCKET, "nli", 0, 7, asking=a) for a in WAYS]
    names = {path.stem for path in (tmp_path / "scores").iterdir()}
    ends = ("each", "template2", "none", "name", "nooptions", "each_nooptions")
    ends += ("template2_on_train",)
    assert names == {"nli_0shot_7", *(f"nli_0shot_7_{end}" for end in ends)}
    for asking, rows in zip(WAYS, kept, strict=True):
        assert scores_of(tmp_path, never, POCKET, "nli", 0, 7, asking=asking) == rows
        assert {row["n"] for row in rows[:10]} == {7}
    items = read_items(tmp_path, kept[1][0]["predictions"])
    assert {item["template_idx"] for item in items} == set(range(7))
    # What another way kept under the same name is not read.
    path = tmp_path / "scores" / "nli_0shot_7_each.json"
    path.write_bytes((tmp_path / "scores" / "nli_0shot_7_template2.json").read_bytes())
    with pytest.raises(AssertionError):
        scores_of(tmp_path, never, POCKET, "nli", 0, 7, asking=WAYS[1])


@pytest.mark.parametrize("asking", [None, Asking()])
def test_evaluations_without_another_way_have_the_names_and_settings_that_they_had(
    tmp_path, asking
):
    for suite, shots, items, method in (
        ("held_in", 0, 3, ""),
        ("held_in", 3, 2, "rank"),
        ("wanli", 0, 2, ""),
    ):
        scores_of(tmp_path, lambda: "random", POCKET, suite, shots, items, method, asking=asking)
    found = {path.name for path in (tmp_path / "scores").iterdir()}
    assert found == {"held_in_0shot_3.json", "held_in_3shot_2_rank.json", "wanli_0shot_2.json"}
    kept = json.loads((tmp_path / "scores" / "held_in_0shot_3.json").read_text())
    assert kept["settings"] == {
        "version": 3,
        "shots": 0,
        "items": 3,
        "method": "decode",
        "exemplars": "drawn",
        "unit": "task",
        "metric": "accuracy",
        "inputs_length": 256,
        "targets_length": 64,
    }
    full = suite_of(POCKET, "held_in")
    assert kept["settings"] == _settings(asked(full, asking), 0, 3, "", None)
    assert kept["content"] == {task.name: content_of(full, task, 0) for task in full.tasks}


def test_another_wording_is_other_content_and_another_split_other_records():
    suite = suite_of(POCKET, "nli")
    (task, *_) = suite.tasks
    found = {content_of(asked(suite, asking), task, 0) for asking in WAYS}
    # Options are no part of the wording: the settings tell them.
    assert len(found) == len(WAYS) - 2


def test_a_cluster_is_a_suite_wherever_one_is_named(tmp_path):
    spec = next(Job(profile="smoke").specs(mixture="flan2021_original"))
    run = Run(spec, tmp_path)
    assert Job().shots("nli") == 16
    assert _tasks_here(spec, Evaluation("translation", 16))
    assert not run.has_scores("nli", 0, 3, Asking("each"))
    lengths = (spec.room, spec.targets_length)
    scores_of(tmp_path, lambda: "random", POCKET, "nli", 0, 3, "", lengths, Asking("each"))
    assert run.has_scores("nli", 0, 3, Asking("each"))
    assert not run.has_scores("nli", 0, 3)
    rows = run.scores("nli", 0, 3, asking=Asking("each"))
    assert rows[-1]["run"] == spec.run_id
    assert rows[-1]["evaluated"] == "10 of 10 tasks"


def test_checkpoints_are_scored_on_clusters_and_the_table_says_which_split(tmp_path):
    asking = Asking("each", split="train")
    asks = {"shots": [0], "items": 2, "asking": asking}
    table = score_models(["random"], "pocket", ["sentiment"], tmp_path, **asks)
    assert set(table["split"]) == {"train"}
    assert set(table["predictions"]) == {"sentiment_0shot_2_each_on_train.jsonl"}


def test_a_name_that_is_neither_suite_nor_cluster_lists_both():
    with pytest.raises(InputError) as error:
        suite_of(POCKET, "natural_language_inference")
    assert str(error.value).startswith(
        "collection 'pocket' has no suite 'natural_language_inference': it has held_in, cot, mmlu,"
    )
    assert str(error.value).endswith(
        "; FLAN 2021's clusters nli, reading_comprehension, commonsense, sentiment, "
        "closed_book_qa, paraphrase, coreference, reading_comprehension_with_commonsense, "
        "struct_to_text, translation, summarization, miscellaneous; and each of its tasks by name"
    )


def test_a_template_that_no_task_has_is_one_sentence(tmp_path):
    said = (
        r"^suite 'sentiment' has no task that is available: left out imdb_reviews, .*, because "
        r"e\.g\. task 'imdb_reviews' has 7 templates that ask for its answer, and template 8 was"
    )
    with pytest.raises(InputError, match=said):
        scores_of(tmp_path, never, POCKET, "sentiment", 0, 3, asking=Asking("8"))


def test_tasks_without_a_template_of_that_number_are_left_out_and_said(
    mirror, monkeypatch, tmp_path
):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    load_collection.cache_clear()
    real = load_collection("flan2022")
    load_collection.cache_clear()
    with pytest.warns(MissingTasks, match="suite 'nli': left out .*cb.*, because"):
        rows = scores_of(tmp_path, lambda: "random", real, "nli", 0, 5, asking=Asking("10"))
    assert [row["task"] for row in rows if row["level"] == "task"] == ["mnli_matched"]
    assert rows[-1]["evaluated"] == "1 of 10 tasks"
    assert "have no template 10 here" in rows[-1]["left_out"]
