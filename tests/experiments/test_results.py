import dataclasses
import json
import shutil

import pandas as pd
import pytest

import ci.ship
from ci.ship import ship
from flanrepro.collection.task import MissingTasks
from flanrepro.errors import InputError
from flanrepro.experiments import results
from flanrepro.experiments import shipped_scores as shipped
from flanrepro.experiments.flan2021 import FLAN2021
from flanrepro.experiments.profiles import Job, profile_names
from flanrepro.experiments.results import compared, finished, scores, trace, train_all
from flanrepro.experiments.store import Run
from flanrepro.experiments.sweep import SWEEPS
from flanrepro.sources import load_collection

SHIPPED = [name for name in profile_names("pocket") if Job(profile=name).settings.shipped_seeds]


@pytest.fixture(scope="module")
def job(tmp_path_factory) -> Job:
    return Job(profile="smoke", out=str(tmp_path_factory.mktemp("results")))


@pytest.fixture(scope="module")
def table(job) -> pd.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLANREPRO_WORKERS", "1")  # two more processes would take 1.5 GB
        return scores(job, "task_scaling")


def test_scores_are_a_row_per_run_suite_and_shots_with_what_the_run_is(table, job):
    assert len(table) == 3 * 2 * 1  # numbers of tasks, suites, zero-shot alone
    assert list(table["tasks"].unique()) == [8, 50, 1857]
    assert table[table["tasks"] == 1857]["subset"].isna().all()
    assert set(table["setting"]) == {"zero_shot"}
    assert set(table["mixture"]) == {"flan2022_without_few_shot"}
    assert table["value"].between(0, 100).all()
    kept = json.loads(
        (job.store.root / table["run"][0] / "scores" / "held_in_0shot_8.json").read_text()
    )["scores"][-1]
    assert table["value"][0] == kept["value"]


def test_a_sweep_trains_and_evaluates_nothing_twice(table, job):
    before = {p: p.stat().st_mtime_ns for p in job.store.root.glob("*/*") if p.suffix != ".lock"}
    assert scores(job, "task_scaling").equals(table)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_all_sweeps_are_two_lists_of_runs_and_starts_come_first(job, monkeypatch):
    lists = []
    monkeypatch.setattr(results, "run_sweep", lambda do, specs, done: lists.append((do, specs)))
    train_all(job, ["flan2021_prompt_tuning", "flan2021_scale", "flan2021_clusters"])
    (do, first), (_, second) = lists
    wanted = [set(FLAN2021[f"flan2021_{name}"].specs(job)) for name in ("scale", "clusters")]
    assert set(first) == wanted[0] | wanted[1] and len(first) == len(set(first))
    made = {spec.run_id for spec in first}
    assert second and any(spec.start in made for spec in second)
    # A run of both sweeps is asked for what either asks.
    (shared,) = wanted[0] & wanted[1]
    _, every = do.args
    of_each = [FLAN2021[f"flan2021_{name}"].asked(job)[shared] for name in ("scale", "clusters")]
    assert set(every[shared]) == set(of_each[0]) | set(of_each[1])


def test_what_is_finished_is_found_without_training(table, job):
    found = finished(job)
    # Runs of smoke are too short to be shortened: those at equal prompts are the same ones.
    for name in ("task_scaling", "scaling_equal_prompts"):
        assert found.pop(name).equals(table)
    # A run of this sweep is one of Table 1's, which has more suites: it counts once they are there.
    assert found == {}
    assert len(list(job.store.root.glob("*/manifest.json"))) == 3


def test_a_suite_without_any_task_here_costs_the_other_suites_nothing(table, job, monkeypatch):
    suites = load_collection("pocket").suites
    gone = [
        dataclasses.replace(t, find_missing=lambda _: "it is lost") for t in suites["bbh"].tasks
    ]
    monkeypatch.setitem(suites, "bbh", dataclasses.replace(suites["bbh"], tasks=tuple(gone)))
    asked = dataclasses.replace(SWEEPS["task_scaling"], suites=("held_in", "mmlu", "bbh"))
    monkeypatch.setitem(SWEEPS, "task_scaling", asked)
    said = (
        "suite 'bbh' with 0 exemplars is left out, since none of its 23 tasks is here: e.g. it is"
    )
    with pytest.warns(MissingTasks, match=said):
        assert scores(job, "task_scaling").equals(table)


def test_a_sweep_of_one_setting_alone_is_not_finished(table, job):
    # Pocket's plain run is Table 1's: where that alone is there, no format was compared.
    assert compared(table)
    assert not compared(table[table["tasks"] == 8])
    assert not compared(table.iloc[:0])


def test_a_score_leads_to_its_run(table, job):
    facts = trace(job, table["run"][0])
    assert facts["spec"]["mixture"] == "flan2022_without_few_shot"
    assert facts["seconds"] > 0
    assert {"jax", "flanrepro"} <= set(facts["versions"])
    assert facts["device"].startswith("cpu")
    assert any(path.endswith("held_in_0shot_8.jsonl") for path in facts["predictions"])
    with pytest.raises(InputError, match=r"there is no run 'abc' in .* or among those that ship"):
        trace(job, "abc")


def test_scores_that_ship_are_those_of_the_runs(table, job, tmp_path, monkeypatch):
    specs = SWEEPS["task_scaling"].specs(job)
    runs = [Run(spec, job.store.root / spec.run_id) for spec in specs]
    none = pd.DataFrame(columns=["run", "step", "metric", "validation", "test"])
    ship(runs, table, none, "pocket", to=tmp_path)
    monkeypatch.setattr(shipped, "folder", lambda: tmp_path)
    elsewhere = Job(profile="smoke", engine="shipped", seeds=1, out=str(tmp_path / "other"))
    read = scores(elsewhere, "task_scaling")
    columns = ["run", "suite", "shots", "tasks", "n"]
    assert read[columns].equals(table[columns])
    assert read["value"].to_numpy() == pytest.approx(table["value"].to_numpy(), abs=1e-4)
    facts = trace(elsewhere, table["run"][0])
    assert facts["spec"]["mixture"] == "flan2022_without_few_shot"
    assert facts["versions"]["jax"] and facts["seconds"] > 0
    assert not (tmp_path / "other").exists()
    with pytest.raises(
        InputError, match=r"of sweep 'few_shot' .* no run ships: choose engine local"
    ):
        scores(elsewhere, "few_shot")


def test_more_runs_can_be_added_to_those_that_ship(table, job, tmp_path):
    specs = SWEEPS["task_scaling"].specs(job)
    runs = [Run(spec, job.store.root / spec.run_id) for spec in specs]
    none = pd.DataFrame(columns=["run", "step", "metric", "validation", "test"])
    ship(runs, table, none, "pocket", to=tmp_path / "whole")
    first = table["run"] == runs[0].spec.run_id
    ship(runs[:1], table[first], none, "pocket", to=tmp_path / "parts")
    for _ in range(2):  # what is there already comes in once
        ship(runs[1:], table[~first], none, "pocket", to=tmp_path / "parts", add=True)
    for name in ("runs", "scores", "curves"):
        one, other = (
            (tmp_path / folder / "pocket" / f"{name}.csv").read_text()
            for folder in ("whole", "parts")
        )
        assert one == other


def test_the_losses_of_runs_that_notebooks_look_at_ship(table, job, tmp_path, monkeypatch):
    specs = SWEEPS["task_scaling"].specs(job)
    runs = [Run(spec, job.store.root / spec.run_id) for spec in specs]
    none = pd.DataFrame(columns=["run", "step", "metric", "validation", "test"])
    monkeypatch.setattr(ci.ship, "example", lambda job, sweep: specs[-1])
    ship(runs, table, none, "pocket", to=tmp_path)
    monkeypatch.setattr(shipped, "folder", lambda: tmp_path)
    found = shipped.shipped_table("pocket", "losses")
    assert set(found["run"]) == {specs[-1].run_id}
    assert found["loss"].tolist() == runs[-1].metrics()["loss"].round(4).tolist()


def test_of_a_collection_without_shipped_scores_it_is_said_which_has_some(tmp_path, monkeypatch):
    shutil.copytree(shipped.folder() / "pocket", tmp_path / "pocket")
    monkeypatch.setattr(shipped, "folder", lambda: tmp_path)
    with pytest.raises(InputError, match=r"no scores of collection 'flan2022' ship .* of pocket"):
        shipped.shipped_table("flan2022", "scores")


@pytest.mark.parametrize("profile", SHIPPED)
def test_every_shipped_profile_has_scores_of_every_sweep_and_each_leads_to_its_run(profile):
    job = Job(profile=profile, engine="shipped")
    found = finished(job)
    assert set(found) - set(FLAN2021) == {*SWEEPS, "single_task"}
    for name, table in found.items():
        if name not in FLAN2021:  # these have fewer seeds
            assert set(range(job.settings.shipped_seeds)) == set(table["seed"])
    for run in {run for table in found.values() for run in table["run"]}:
        facts = shipped.shipped_run("pocket", run)
        assert facts["seconds"] >= 0 and facts["device"] and facts["versions"]["jax"]
        assert isinstance(facts["git_commit"], str)  # an empty cell is NaN, which is true


def test_every_run_of_quick_ships():
    job = Job(profile="quick", engine="shipped")
    found = finished(job)
    for name, sweep in SWEEPS.items():
        assert set(found[name]["run"]) == {spec.run_id for spec in sweep.specs(job)}, name
