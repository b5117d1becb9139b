import dataclasses
import json

import pandas as pd
import pytest

from flanrepro.collection.task import hold_out
from flanrepro.errors import InputError
from flanrepro.experiments import single_task
from flanrepro.experiments.profiles import Job, load_profile, profile_names
from flanrepro.experiments.single_task import (
    _read,
    best,
    coverage,
    curves,
    finetune,
    held_out,
    lack_of_target,
    single_task_spec,
    single_task_specs,
    starts,
)
from flanrepro.experiments.sweep import untuned
from flanrepro.model import pretrained
from flanrepro.report.paper import published
from flanrepro.sources import load_collection
from flanrepro.sources.flan2022.evaluation import SINGLE_TASK


def test_finetuning_on_one_task_is_validated_and_tested_by_its_metric_and_kept(
    tmp_path, monkeypatch
):
    job = Job(profile="smoke", out=str(tmp_path))
    spec = single_task_spec(job, "cxc")
    table = finetune(job, spec)
    assert list(table["step"]) == [0, 10, 20]
    assert set(table["metric"]) == {"spearman"}
    assert list(table.columns) == ["run", "step", "metric", "validation", "test"]
    before = (job.store.root / spec.run_id / "manifest.json").stat().st_mtime_ns
    assert finetune(job, spec).equals(table)
    assert (job.store.root / spec.run_id / "manifest.json").stat().st_mtime_ns == before
    # Validations that another version scored do not count, nor do those that are gone.
    monkeypatch.setattr(single_task, "VERSION", single_task.VERSION + 1)
    with pytest.raises(
        InputError, match=f"run {spec.run_id} .* was validated at 0 steps, expected 3: move"
    ):
        finetune(job, spec)


@pytest.mark.parametrize("profile", profile_names("pocket"))
def test_every_profile_of_pocket_has_runs_of_no_steps_and_of_one_task(profile):
    job = Job(profile=profile)
    assert untuned(job).steps == 0
    spec = single_task_spec(job, "wanli")
    steps = job.settings.single_task["steps"]
    assert (spec.tasks, spec.mixture, spec.steps) == (("wanli",), "", steps)
    assert spec.start == untuned(job).start == pretrained.full_name("pocket", "nano")
    assert spec.held_out == 0  # it has a validation and a test split
    assert single_task_spec(job, "rte").held_out == 128


def test_every_target_is_finetuned_from_both_starts_with_every_seed():
    job = Job(profile="smoke", seeds=2)
    labelled = list(single_task_specs(job))
    labels = [tuple(row.values()) for row, _ in labelled]
    assert labels == [
        (target, group, state, seed)
        for group, target in (
            ("held_in", "arc_easy"),
            ("held_out", "wanli"),
            ("little", "wanli_small"),
        )
        for state in ("untuned", "tuned")
        for seed in (0, 1)
    ]
    tuned = [spec.run_id for spec in starts(job)]
    for row, spec in labelled:
        expected = tuned[row["seed"]] if row["state"] == "tuned" else untuned(job).start
        assert (spec.start, spec.seed, spec.tasks) == (expected, row["seed"], (row["target"],))


def test_the_small_targets_have_fewer_than_a_thousand_training_records():
    tasks = load_collection("pocket").every_task
    for profile in profile_names("pocket"):
        groups = Job(profile=profile).settings.targets
        assert all(tasks[name].size("train") < 1000 for name in groups["little"])
        assert all(tasks[name].size("train") >= 1000 for name in groups["held_out"])
        assert not set(groups["held_out"]) & set(load_collection("pocket").tasks)
        assert set(groups["held_in"]) <= set(load_collection("pocket").tasks)


def test_held_out_records_are_not_trained_on_and_the_old_validation_split_is_the_test():
    task = load_collection("pocket").task("rte")
    made = hold_out(task, 128)
    assert dict(made.splits) == {"train": 872, "validation": 128, "test": 400}
    assert list(made.records("test")) == list(task.records("validation"))
    texts = [[json.dumps(dict(r)) for r in made.records(s)] for s in ("train", "validation")]
    every = sorted(json.dumps(dict(record)) for record in task.records("train"))
    assert sorted(texts[0] + texts[1]) == every
    assert [json.dumps(dict(r)) for r in hold_out(task, 128).records("validation")] == texts[1]
    with pytest.raises(InputError, match="'rte' has 1000 training records, and 1000 are to be"):
        hold_out(task, 1000)


def test_a_run_with_records_held_out_is_another_run_and_never_sees_them():
    spec = single_task_spec(Job(profile="smoke"), "rte")
    assert dataclasses.replace(spec, held_out=0).run_id != spec.run_id
    mixture = spec.load_mixture()
    (task,) = mixture.tasks
    shown = {mixture[i].record for i in range(2000)}
    assert shown == set(range(872))  # of its own training split, in which they are not
    assert task.size("validation") == 128


def test_the_best_step_is_the_first_with_the_highest_validation_score():
    rows = [("a", 0, 10.0, 1.0), ("a", 20, 50.0, 2.0), ("a", 40, 50.0, 3.0), ("b", 0, 5.0, 4.0)]
    table = pd.DataFrame(rows, columns=["run", "step", "validation", "test"])
    found = best(table.assign(group="held_in"))
    assert list(found["step"]) == [20, 0]
    assert list(found["test"]) == [2.0, 4.0]
    # A target in two groups has one run and a best step in both.
    both = pd.concat([table.assign(group=of) for of in ("held_out", "little")], ignore_index=True)
    assert list(best(both)["group"]) == ["held_out", "held_out", "little", "little"]


def of_size(task, missing=(), **splits: int):
    """A task with other numbers of records, of which some splits are not here."""

    def load(split: str):
        return [{"text": f"{split} {i}"} for i in range(splits[split])]

    def reason(split: str) -> str:
        return f"no {split} file" if split in missing else ""

    return dataclasses.replace(task, splits=splits, load=load, find_missing=reason)


@pytest.mark.parametrize(
    ("splits", "number"),
    [
        ({"train": 119, "validation": 20, "test": 20}, 0),  # the publisher's splits
        ({"train": 2490, "validation": 277}, 1024),  # RTE: A.2
        ({"train": 102_885, "test": 5000}, 1024),  # WANLI
        ({"train": 2048, "test": 1}, 1024),
        ({"train": 2047, "test": 1}, 204),
        ({"train": 500, "test": 500}, 50),  # PubMedQA: what its authors validate on
        ({"train": 5, "test": 5}, 1),
        ({"validation": 44_009, "test": 44_045}, 1024),  # CxC has no training split
    ],
)
def test_a_split_that_is_missing_takes_a_2s_number_or_a_tenth_of_the_records(splits, number):
    task = of_size(load_collection("pocket").task("rte"), **splits)
    assert held_out(task, 1024) == number
    if number:
        made = hold_out(task, number)
        (own, *_) = splits
        assert dict(made.splits) == splits | {
            "train": splits[own] - number,
            "validation": number,
            "test": splits.get("test", splits.get("validation")),
        }
        assert made.records("train")[0]["text"].startswith(own)


@pytest.fixture
def changed(monkeypatch):
    """changed(job, **tasks): the job's collection with other tasks of these names."""

    def change(job: Job, **tasks) -> None:
        real = load_collection(job.collection)
        other = dataclasses.replace(real, other={**real.other, **tasks})
        other = dataclasses.replace(
            other, tasks={n: t for n, t in real.tasks.items() if n not in tasks}
        )
        monkeypatch.setattr(single_task, "load_collection", lambda name: other)

    return change


def seeds_of(job: Job, target: str) -> list[int]:
    return [
        labels["seed"]
        for labels, _ in single_task_specs(job)
        if (labels["target"], labels["state"]) == (target, "tuned")
    ]


def test_a_target_with_fewer_than_a_thousand_records_has_three_seeds(monkeypatch):
    settings = dataclasses.replace(
        Job(profile="smoke").settings,
        little_seeds=3,
        targets={"held_in": ["arc_easy"], "held_out": ["wanli"], "little": ["wanli_small"]},
    )
    monkeypatch.setattr(Job, "settings", settings)
    job = Job(profile="smoke")
    assert seeds_of(job, "wanli_small") == [0, 1, 2]
    assert seeds_of(job, "wanli") == [0]
    starts_of = {
        (labels["seed"], spec.start)
        for labels, spec in single_task_specs(job)
        if (labels["target"], labels["state"]) == ("wanli_small", "tuned")
    }
    (tuned,) = starts(job)
    # One tuned model, three orders of the target's records.
    assert starts_of == {(seed, tuned.run_id) for seed in range(3)}
    assert seeds_of(Job(profile="smoke", seeds=2), "wanli_small") == [0, 1]  # what was asked for


def test_a_target_without_data_is_left_out_and_every_row_of_its_group_says_so(changed, tmp_path):
    job = Job(profile="smoke", out=str(tmp_path))
    sizes = {"train": 100, "validation": 10, "test": 10}
    lacking = of_size(load_collection("pocket").task("wanli"), missing=["test"], **sizes)
    changed(job, wanli=lacking)
    assert lack_of_target(job, "wanli") == "no test data"
    assert lack_of_target(job, "arc_easy") == ""
    assert {labels["target"] for labels, _ in single_task_specs(job)} == {"arc_easy", "wanli_small"}
    said = coverage(job)
    assert said["held_out"] == {
        "evaluated": "0 of 1 targets",
        "left_out": "wanli has no test data here",
    }
    assert said["little"] == {"evaluated": "1 of 1 targets", "left_out": ""}


@pytest.mark.parametrize("profile", profile_names("flan2022"))
def test_on_real_data_every_target_of_table_3_is_asked_for(profile):
    targets = load_profile(profile, "flan2022").targets
    stated = published("table_3")
    every = {
        of: set(" ".join(stated.loc[stated[f"single_task_{of}"], "tasks"]).split())
        for of in ("held_in", "held_out")
    }
    if profile == "smoke":  # as small as it is
        assert all(set(targets[of]) <= every[of] for of in every)
        return
    assert {of: set(targets[of]) for of in every} == every
    assert every["held_in"] | every["held_out"] == set(SINGLE_TASK)
    declared = load_collection("flan2022").every_task
    sizes = {name: declared[name].splits.get("train", 0) for name in SINGLE_TASK}
    assert {name for name, size in sizes.items() if 0 < size < 1000} == set(targets["little"])
    assert load_profile(profile, "flan2022").little_seeds == 3


@pytest.mark.slow
def test_a_sweep_of_targets_is_a_table_and_is_read_the_second_time(tmp_path):
    job = Job(profile="smoke", out=str(tmp_path))
    assert curves(job, train=False).empty
    table = curves(job)
    assert len(table) == 3 * 2 * 3
    assert set(table["state"]) == {"untuned", "tuned"}
    assert table.groupby("target", sort=False)["group"].first().tolist() == [
        "held_in",
        "held_out",
        "little",
    ]
    assert curves(job, train=False).equals(table)
    # Before any step the untuned model is the same, whatever it will be finetuned on.
    first = table[(table["step"] == 0) & (table["state"] == "untuned")]
    assert first["run"].nunique() == 3


def test_a_run_whose_name_looks_like_a_number_is_read_as_a_name(tmp_path):
    job = Job(profile="smoke", out=str(tmp_path))
    spec = single_task_spec(job, "wanli")
    finetune(job, spec)
    path = job.store.root / spec.run_id / "curve.csv"
    path.write_text(path.read_text().replace(spec.run_id, "12e345678901"))
    assert set(finetune(job, spec)["run"]) == {"12e345678901"}


@pytest.mark.parametrize(
    "content", ["", "run,step\na,1\n", "run,step,metric,validation,test\na,,m,,1"]
)
def test_a_curve_that_cannot_be_read_is_one_sentence(tmp_path, content):
    job = Job(profile="smoke", out=str(tmp_path))
    spec = single_task_spec(job, "wanli")
    path = job.store.root / spec.run_id / "curve.csv"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(InputError, match=rf"{path} cannot be read \(.*\): expected a row per "):
        _read(job, spec)
