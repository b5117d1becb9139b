import dataclasses
import json
import os
import re
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from flanrepro.collection.task import MissingTasks, Protocol
from flanrepro.errors import InputError
from flanrepro.experiments import models as module
from flanrepro.experiments.load import load, save
from flanrepro.experiments.models import (
    MissingModels,
    differences,
    digest,
    listed,
    score_models,
)
from flanrepro.experiments.scores import read_items, scores_of, suite_of
from flanrepro.sources import load_collection

POCKET = load_collection("pocket")


def never():
    raise AssertionError("the scores are there: no model is needed")


def test_scores_are_read_from_then_on_as_long_as_the_same_is_asked(tmp_path):
    rows = scores_of(tmp_path, lambda: "random", POCKET, "held_in", 0, 3)
    assert scores_of(tmp_path, never, POCKET, "held_in", 0, 3) == rows
    for other in ({"items": 4}, {"shots": 2}, {"method": "rank"}, {"lengths": (128, 8)}):
        with pytest.raises(AssertionError):
            scores_of(tmp_path, never, POCKET, "held_in", **{"shots": 0, "items": 3, **other})


def lacking(names, splits):
    """Pocket, whose Held-In suite lacks splits of some tasks."""

    def without(task):
        if task.name not in names:
            return task
        return dataclasses.replace(
            task, find_missing=lambda split: f"{split} of {task.name} is lost" * (split in splits)
        )

    suite = POCKET.suites["held_in"]
    suite = dataclasses.replace(suite, tasks=tuple(map(without, suite.tasks)))
    return dataclasses.replace(POCKET, suites={**POCKET.suites, "held_in": suite})


@pytest.mark.filterwarnings("ignore::flanrepro.collection.task.MissingTasks")
@pytest.mark.parametrize(
    ("names", "splits", "shots", "evaluated", "left_out"),
    [
        (("anli_r1", "anli_r3"), ("train",), 3, 6, "anli_r1, anli_r3 have no training data here"),
        (("rte",), ("validation",), 0, 7, "rte has no validation data here"),
        (("rte",), ("train",), 0, 8, ""),  # zero-shot needs no exemplars
        ((), (), 3, 8, ""),
    ],
)
def test_a_suites_row_says_every_time_how_many_tasks_it_is_a_mean_of(
    tmp_path, names, splits, shots, evaluated, left_out
):
    part = lacking(names, splits)
    for _ in range(2):
        last = scores_of(tmp_path, lambda: "majority", part, "held_in", shots, 3)[-1]
        assert last["level"] == "suite"
        assert last["evaluated"] == f"{evaluated} of 8 tasks"
        assert last["left_out"] == left_out


def test_scores_kept_before_they_said_it_say_it(tmp_path):
    part = lacking(("rte",), ("validation",))
    with pytest.warns(MissingTasks, match="left out rte, because e.g. validation of rte is lost"):
        rows = scores_of(tmp_path, lambda: "majority", part, "held_in", 0, 3)
    (path,) = (tmp_path / "scores").glob("*.json")
    text = json.loads(path.read_text())
    del text["sha256"], text["scores"][-1]["evaluated"], text["scores"][-1]["left_out"]
    path.write_text(json.dumps(text))
    assert scores_of(tmp_path, never, part, "held_in", 0, 3) == rows


def test_scores_of_an_older_kind_are_made_anew(tmp_path):
    (tmp_path / "scores").mkdir()
    path = tmp_path / "scores" / "held_in_0shot_3.json"
    path.write_text('{"settings": {}, "scores": []}')
    rows = scores_of(tmp_path, lambda: "random", POCKET, "held_in", 0, 3)
    assert json.loads(path.read_text())["scores"] == rows


def older(text: str) -> str:
    """Without its digest, as older versions wrote it."""
    return re.sub(r',\s*"sha256": "\w+"', "", text)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: "{", "cannot be read"),
        (lambda text: "[]", "holds a list: expected a JSON object"),
        (lambda text: re.sub(r'"value": [\d.]+', '"value": 50', text), "is not what was written"),
        (lambda text: older(text).replace('"level": "suite"', '"n": 3'), "holds no scores"),
        (lambda text: re.sub(r'"value": [\d.]+', '"value": 1e9', older(text)), "holds no scores"),
        (lambda text: re.sub(r'"value": [\d.]+', '"value": NaN', older(text)), "holds no scores"),
    ],
)
def test_damaged_scores_are_one_sentence(tmp_path, damage, said):
    scores_of(tmp_path, lambda: "majority", POCKET, "held_in", 0, 3)
    path = tmp_path / "scores" / "held_in_0shot_3.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(InputError, match=rf"held_in_0shot_3.json .*{said}.*move (it|the file)"):
        scores_of(tmp_path, never, POCKET, "held_in", 0, 3)


def test_a_lock_that_is_a_folder_is_one_sentence(tmp_path):
    (tmp_path / "evaluation.lock").mkdir()
    with pytest.raises(InputError, match=r"evaluation\.lock is a folder: expected a file; move it"):
        scores_of(tmp_path, lambda: "majority", POCKET, "held_in", 0, 3)


def test_every_score_leads_to_its_answers(tmp_path):
    rows = scores_of(tmp_path, lambda: "majority", POCKET, "mmlu", 0, 2)
    for row in rows[:3]:
        own = [i for i in read_items(tmp_path, row["predictions"]) if i["task"] == row["task"]]
        assert row["value"] == 100 * sum(item["correct"] for item in own) / len(own)
    path = tmp_path / "predictions" / rows[0]["predictions"]
    path.write_text(path.read_text().replace("answer", "answers", 1))
    with pytest.raises(InputError, match=r"cannot be read \(it is not what was written\)"):
        read_items(tmp_path, path.name)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match=r"cannot be read \(a pipe\)"):
        read_items(tmp_path, path.name)
    path.unlink()
    shutil.rmtree(tmp_path / "scores")
    path.write_text("no json")
    with pytest.raises(InputError, match=r"cannot be read .*: expected a JSON object per line"):
        read_items(tmp_path, rows[0]["predictions"])


def test_a_single_task_is_a_suite_by_its_own_name():
    suite = suite_of(POCKET, "wanli")
    assert [task.name for task in suite.tasks] == ["wanli"]
    assert suite.protocol == POCKET.suites["single_task"].protocol
    with pytest.raises(InputError, match="has no suite 'nowhere': it has held_in, cot, mmlu"):
        suite_of(POCKET, "nowhere")


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    names = ["pocket-nano", "random", "majority"]
    folder = tmp_path_factory.mktemp("evaluations")
    return score_models(names, "pocket", ["held_in", "mmlu"], folder, items=5)


def test_every_checkpoint_is_scored_on_every_suite_zero_and_few_shot(scores):
    totals = scores[scores["level"] == "suite"]
    assert len(totals) == 3 * 2 * 2
    assert set(totals["shots"]) == {0, 3}
    random = totals[totals["checkpoint"] == "random"]
    assert random.groupby("suite")["value"].nunique().eq(1).all()  # it reads no exemplars


def test_a_checkpoints_folder_says_what_it_is_and_what_evaluated_it(scores):
    folder = scores.loc[scores["checkpoint"] == "pocket-nano", "folder"].iloc[0]
    with open(f"{folder}/manifest.json") as file:
        manifest = json.load(file)
    assert manifest["parameters"] == 312_320
    assert manifest["config"]["emb_dim"] == 64
    assert {"versions", "device", "git_commit"} <= set(manifest)
    assert folder.endswith(digest(load("pocket-nano")))


def test_other_parameters_are_another_digest():
    model = load("pocket-nano")
    before = digest(model)
    model.params["decoder"]["decoder_norm"]["scale"][0] += 1e-3
    assert digest(model) != before


def test_differences_are_paired_over_the_same_items(scores):
    table = differences(scores, "random").set_index(["suite", "shots", "checkpoint"])
    assert len(table) == 2 * 2 * 2
    totals = scores[scores["level"] == "suite"].set_index(["suite", "shots", "checkpoint"])["value"]
    for (suite, shots, name), row in table.iterrows():
        expected = totals[suite, shots, name] - totals[suite, shots, "random"]
        assert row["difference"] == pytest.approx(expected)
        assert row["low"] < row["difference"] < row["high"]


def test_clusters_weigh_the_same_in_a_difference_where_they_do_in_the_suite(tmp_path, monkeypatch):
    suites = load_collection("pocket").suites
    by_cluster = dataclasses.replace(suites["held_in"], protocol=Protocol(unit="cluster"))
    monkeypatch.setitem(suites, "held_in", by_cluster)
    asked = {"shots": [0], "items": 5}
    scores = score_models(["majority", "random"], "pocket", ["held_in"], tmp_path, **asked)
    (row,) = differences(scores, "random").to_dict("records")
    clusters = scores[scores["level"] == "cluster"].groupby("checkpoint")["value"].mean()
    tasks = scores[scores["level"] == "task"].groupby("checkpoint")["value"].mean()
    assert row["difference"] == pytest.approx(clusters["majority"] - clusters["random"])
    assert row["difference"] != pytest.approx(tasks["majority"] - tasks["random"])


def test_a_checkpoint_that_cannot_be_loaded_is_left_out_and_said(tmp_path):
    with pytest.warns(MissingModels, match="left out nowhere: there is no model 'nowhere'"):
        table = score_models(["nowhere", "random"], "pocket", ["cot"], tmp_path, items=1)
    assert set(table["checkpoint"]) == {"random"}
    with pytest.raises(InputError, match="no checkpoint could be loaded: nowhere: there is no mod"):
        score_models(["nowhere"], "pocket", ["cot"], tmp_path, items=1)


def test_a_folder_s_name_is_short_enough_for_a_file(tmp_path):
    for name in ("x" * 300, "\U00010348" * 300, "\u65e5" * 300, "a\0b\ud800"):
        folder = module._folder(tmp_path, dataclasses.replace(load("pocket-nano"), name=name))
        assert (folder / "manifest.json").is_file()


def test_a_checkpoint_with_a_number_that_is_none_is_no_checkpoint(tmp_path):
    model = load("pocket-nano")
    save(model, tmp_path / "odd")
    weights = load_file(tmp_path / "odd" / "model.safetensors")
    weights["encoder.final_layer_norm.weight"][3] = np.nan
    save_file(weights, tmp_path / "odd" / "model.safetensors")
    names = [str(tmp_path / "odd"), "random"]
    said = r"model\.safetensors: tensor 'encoder\.final_layer_norm\.weight' has 1 numbers"
    with pytest.warns(MissingModels, match=said):
        table = score_models(names, "pocket", ["cot"], tmp_path, items=1)
    assert set(table["checkpoint"]) == {"random"}


def test_shots_may_be_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "load", never)
    table = score_models(["random"], "pocket", ["cot"], tmp_path, shots=[1, 2], items=1)
    assert set(table["shots"]) == {1, 2}


def test_names_stand_with_commas_between():
    assert listed(" a, b ,,c", ["x"]) == ["a", "b", "c"]
    assert listed(" , ", ("x", "y")) == ["x", "y"]
