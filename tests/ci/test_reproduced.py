"""Where the seconds of `make reproduce` go, from what a store of runs and notebooks says."""

import dataclasses
import json
import os

import pandas as pd
import pytest

from ci.bench import reproduced
from flanrepro.experiments.profiles import Job

BEGAN = 1_700_000_000


def write(path, content: dict, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    os.utime(path, (BEGAN + seconds, BEGAN + seconds))


@pytest.fixture
def store(tmp_path):
    """Two runs of a sweep, the later one first by name, and one of a single task."""
    first, second = Job(profile="smoke", seeds=2).specs(mixture="flan2022")
    alone = dataclasses.replace(first, mixture="", tasks=("rte",))
    for spec, began, trained in ((first, 0, 50), (second, 100, 40), (alone, 300, 5)):
        folder = tmp_path / spec.run_id
        write(folder / "spec.json", dataclasses.asdict(spec), began)
        write(folder / "manifest.json", {"seconds": trained}, began + trained + 3)
        if spec is not alone:
            for number in (1, 2):
                write(folder / "scores" / f"{number}.json", {}, began + trained + 3 + 2 * number)
    return tmp_path


def test_each_run_has_its_seconds_before_in_and_after_its_training(store):
    found = reproduced.runs(store)
    assert found["training"].tolist() == [50, 40, 5]  # in the order in which they began
    assert found["setup"].tolist() == pytest.approx([3, 3, 3])
    assert found["evaluation"].tolist() == pytest.approx([4, 4, 0])
    assert found["single_task"].tolist() == [False, False, True]
    assert found["what"].str.contains("seed").all() and (found["steps"] > 0).all()


def test_all_seconds_of_all_cores_are_in_one_part_each(store):
    notebooks = {"00_tour": 10.0, "06_single_task_finetuning": 20.0}
    table = reproduced.parts(reproduced.runs(store), notebooks, 100.0, 2)
    seconds = table.set_index("part")["core_seconds"]
    assert seconds["training and rendering"] == 95
    assert seconds["runs: setup"] == pytest.approx(6)
    assert seconds["runs: evaluation"] == pytest.approx(8)
    assert seconds["notebook 00_tour"] == 20
    assert seconds["notebook 06_single_task_finetuning"] == 40 - 5  # without the training in it
    assert seconds["all"] == 200 == pytest.approx(seconds.drop("all").sum())
    assert table["share"].tolist() == pytest.approx((seconds / 200).tolist())


def test_scores_are_compared_with_those_of_the_same_runs_that_ship(tmp_path):
    scores = [
        {"suite": suite, "shots": 0, "level": level, "value": value}
        for suite, level, value in (
            ("mmlu", "task", 1.0),
            ("mmlu", "suite", 25.12344),
            ("bbh", "suite", 9.0),
        )
    ]
    (folder := tmp_path / "abc" / "scores").mkdir(parents=True)
    (folder / "1.json").write_text(json.dumps({"settings": {"items": 10}, "scores": scores}))
    rows = [
        ("abc", "mmlu", 0, 10, "", 25.1234),
        ("abc", "mmlu", 0, 10, "each", 1.0),
        ("abc", "bbh", 0, 10, "", 10.0),
        ("abc", "bbh", 3, 10, "", 9.0),
    ]
    shipped = pd.DataFrame(rows, columns=["run", "suite", "shots", "items", "asking", "value"])
    (row,) = reproduced.again(tmp_path, shipped).itertuples(index=False)
    assert (row.run, row.scores, row.equal, row.largest_difference) == ("abc", 2, 1, 1.0)
    assert reproduced.again(tmp_path, shipped.assign(run="other")).empty  # as those of smoke
