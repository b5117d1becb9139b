"""Entries are read in one form, trained for real once, and scored on records that no split has."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flanrepro.errors import InputError
from flanrepro.experiments import challenge
from flanrepro.experiments.profiles import Job
from flanrepro.sources import load_collection
from flanrepro.sources.pocket.held_back import held_back
from flanrepro.training.spec import RunSpec

ROOT = Path(__file__).parents[2]


def entry(folder: Path, text: str, name: str = "name: ours\n") -> dict:
    path = folder / "entry.yaml"
    path.write_text(name + text)
    return challenge.read_entry(path, "smoke")


def run(*args: object, cwd: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "flanrepro", "challenge", *map(str, args)]
    how = {"capture_output": True, "text": True, "check": False, "cwd": cwd}
    return subprocess.run(command, **how, env=os.environ | {"PYTHONPATH": str(ROOT)})


def test_rates_in_proportion_are_one_run(tmp_path):
    job = Job(profile="smoke", seeds=1, out=str(tmp_path))
    texts = ("rates: {niv2: 1, cot: 3}", "rates: {cot: 6, dialog: 0, niv2: 2.0}")
    one, other = (challenge.spec_of(entry(tmp_path, text), job) for text in texts)
    assert one == other and one.rates == ("cot=0.7500", "niv2=0.2500")
    assert {task.source for task in one.load_mixture().tasks} == {"cot", "niv2"}


def test_half_of_the_prompts_take_half_of_the_steps(tmp_path):
    job = Job(profile="smoke", seeds=1, out=str(tmp_path))
    whole, half = (
        challenge.spec_of(entry(tmp_path, f"prompts: {number}"), job) for number in (600, 300)
    )
    assert whole.steps == pytest.approx(2 * half.steps, abs=1)
    assert whole.steps == pytest.approx(job.settings.run["steps"], rel=0.3)


def test_a_spec_without_rates_keeps_its_name():
    fields = {"collection": "pocket", "model": "nano", "vocabulary": "pocket", "steps": 1}
    fields |= {"batch_size": 1, "inputs_length": 9, "targets_length": 9, "learning_rate": 1.0}
    assert "rates" not in RunSpec(**fields, mixture="flan2022").to_json()
    for more in ({"rates": ("cot=5",)}, {"rates": ("cot",), "mixture": "flan2022"}):
        with pytest.raises(InputError, match="expected texts like cot=5"):
            RunSpec(**fields, **more)


@pytest.mark.parametrize("name", ["held_in", "cot", "mmlu", "bbh", "bbh_cot"])
def test_held_back_records_are_new_and_follow_from_the_seed(name):
    suite = load_collection("pocket").suites[name]
    first, again, other = (held_back(suite, seed, 5) for seed in (3, 3, 4))
    assert [task.name for task in first.tasks] == [task.name for task in suite.tasks]
    for task, same, else_ in zip(first.tasks, again.tasks, other.tasks, strict=True):
        split = suite.split_of(task)
        own = {tuple(record.values()) for record in task.records(split)}
        assert len(own) == task.size(split) > 0
        public = {tuple(r.values()) for part in task.splits if part != split
                  for r in task.records(part)}  # fmt: skip
        old = next(one for one in suite.tasks if one.name == task.name)
        assert not own & (public | {tuple(record.values()) for record in old.records(split)})
        assert task.records(split) == same.records(split) != else_.records(split)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rate: 5", "entry 'ours' has no field 'rate': it may have rates, mixture, few_shot"),
        ("rates: {cot: 0, niv2: 0}", "has no rate above 0, so nothing to train on: expected"),
        ("rates: {cot: -1}", "has the rates {'cot': -1}: expected numbers of at least 0"),
        ("rates: 7", "has the rates 7: expected numbers of at least 0 by source"),
        ("rates: {cot: .nan}", "has the rates {'cot': nan}: expected"),
        ("prompts: 601", "asks for 601 prompts: the budget of profile 'smoke' is 600; give"),
        ("prompts: 1.5", "asks for 1.5 prompts"),
        ("mixture: flan2023", "has the mixture 'flan2023': choose one of flan2022"),
        ("rates: {cot: 5", "cannot be read"),
    ],
)
def test_an_entry_that_is_none_is_one_sentence(tmp_path, text, said):
    with pytest.raises(InputError) as error:
        entry(tmp_path, text)
    assert said in str(error.value)


def test_a_file_without_a_name_or_that_is_missing_is_refused(tmp_path):
    with pytest.raises(InputError, match="has no name: expected YAML lines such as"):
        entry(tmp_path, "rates: {cot: 5}", name="")
    with pytest.raises(InputError, match="is missing: expected YAML lines such as"):
        challenge.read_entry(tmp_path / "none.yaml", "smoke")


def test_a_source_or_a_share_that_there_is_not_is_refused(tmp_path):
    job = Job(profile="smoke", seeds=1, out=str(tmp_path))
    with pytest.raises(InputError, match="unknown source 'flan'"):
        challenge.spec_of(entry(tmp_path, "rates: {flan: 5}"), job)
    with pytest.raises(InputError, match="few_shot_fraction is 2: expected a number, 0 to 1"):
        challenge.spec_of(entry(tmp_path, "few_shot_fraction: 2"), job)


@pytest.mark.parametrize("text", ["", "hello\n", "name,score\na,b,c\n", '"', "\0"])
def test_a_leaderboard_that_is_none_is_refused_before_training(tmp_path, text):
    (tmp_path / "entry.yaml").write_text("name: ours")
    (tmp_path / "board.csv").write_text(text)
    done = run("run", "entry.yaml", "--secret", 1, "--profile", "smoke", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "flanrepro: board.csv is no leaderboard (" in done.stderr
    assert not (tmp_path / "runs").exists() and (tmp_path / "board.csv").read_text() == text


@pytest.mark.slow
def test_entries_are_trained_once_scored_and_come_out_again(tmp_path):
    texts = {"a": "rates: {cot: 1, niv2: 1}", "b": "rates: {cot: 2, niv2: 2}"}
    how = ("--secret", 20261130, "--profile", "smoke", "--out", tmp_path)
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\nprompts: 60\n{text}\n")
        done = run("run", f"{name}.yaml", *how, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert "in board.csv" in done.stdout and len(list((tmp_path / "runs").iterdir())) == 1
    rows = list(csv.DictReader((tmp_path / "board.csv").read_text().splitlines()))
    assert [row["name"] for row in rows] == ["a", "b"] and rows[0]["run"] == rows[1]["run"]
    suites = [float(rows[0][name]) for name in Job(profile="smoke").settings.suites]
    assert float(rows[0]["score"]) == pytest.approx(sum(suites) / len(suites), abs=0.01)

    done = run("check", "board.csv", "--secret", 20261130, "--line", 1, cwd=tmp_path)
    assert done.stdout.endswith(f"line 1, a: {rows[0]['score']} again, run {rows[0]['run']}\n")
    board = (tmp_path / "board.csv").read_text()
    (tmp_path / "board.csv").write_text(board.replace(f"a,{rows[0]['score']}", "a,99.00"))
    for secret, more, said in (
        (1, (), "line 2, was scored with another secret: give that one"),
        (20261130, ("--line", 3), "has no line 3: it has 2"),
        (20261130, ("--line", 1, "--out", tmp_path), "does not come out again: score 99.00, now"),
    ):
        done = run("check", "board.csv", "--secret", secret, *more, cwd=tmp_path)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    done = run("run", "a.yaml", "--secret", 5, *how[2:], cwd=tmp_path)
    assert "has scores of another profile or secret" in done.stderr
