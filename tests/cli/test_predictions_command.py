"""`flanrepro predictions`: what ships is scored again, and a number that differs is found."""

import sys

import pandas as pd
import pytest

from flanrepro.cli.main import main
from flanrepro.collection.suites import suite_items
from flanrepro.experiments import predictions as module
from flanrepro.experiments import shipped_scores
from flanrepro.experiments.profiles import Job
from flanrepro.sources import SAID, load_collection
from flanrepro.training.checksums import write_checksums


@pytest.fixture
def flanrepro(monkeypatch, capsys):
    """flanrepro(*args): exit status, standard output and standard error of the command."""

    def run(*args) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["flanrepro", "predictions", *map(str, args)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return stop.value.code or 0, out, err

    return run


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """Predictions that ship with their scores: two runs are right on every other item or all."""
    monkeypatch.setattr(shipped_scores, "folder", lambda: tmp_path)
    monkeypatch.setattr(module, "folder", lambda: tmp_path)
    job = Job(profile="smoke")
    specs = [*job.specs(mixture="flan2022"), *job.specs(mixture="flan2021")]
    asked = suite_items(load_collection("pocket").suites["held_in"], 0, 8)
    rows = []
    for wrong, spec in enumerate(specs, 1):
        for shots in (0, 3):
            for place, item in enumerate(asked):
                right = item.references[0]
                said = "none" if place % wrong else right
                given = (item.prompt.task, item.prompt.record, right, said)
                rows.append((spec.run_id, "held_in", shots, *given))
    columns = ["run", "suite", "shots", "task", "record", "answer", "prediction"]
    found = module.Predictions(
        "here", "pocket", "smoke", "nano", tuple(specs), {"held_in": 8},
        pd.DataFrame(rows, columns=columns),
    )  # fmt: skip
    path = tmp_path / "pocket" / module.NAME
    module.write(found, path)
    scores = module.rescored(found)[["run", "suite", "shots", "items", "value"]]
    scores.round(4).to_csv(path.with_name("scores.csv"), index=False)
    write_checksums(path.parent)
    shipped_scores.read.cache_clear()
    yield path
    shipped_scores.read.cache_clear()


def test_what_ships_is_scored_again_and_met(flanrepro, shipped):
    status, out, _ = flanrepro("score")
    assert status == 0
    first, world, *rows, last = out.splitlines()
    assert first == f"{shipped}: profile smoke, collection pocket, model nano"
    assert world == SAID["pocket"]
    assert [row.split()[-3:] for row in rows[1:]] == [
        *[["100.0000", "100.0000", "yes"]] * 2,
        *[["50.0000", "50.0000", "yes"]] * 4,
    ]
    assert last == "4 of 4 shipped scores are met exactly, of 2 runs"


def test_a_score_that_is_not_met_is_told_and_ends_with_status_1(flanrepro, shipped):
    path = shipped.with_name("scores.csv")
    path.write_text(path.read_text().replace("100.0", "99.9999", 1))
    write_checksums(path.parent)
    shipped_scores.read.cache_clear()
    status, out, _ = flanrepro("score", shipped, "--profile", "smoke")
    assert status == 1
    assert [line.split()[-1] for line in out.splitlines()[2:-1]].count("no") == 2
    assert out.splitlines()[-1] == "3 of 4 shipped scores are met exactly, of 2 runs"


def test_scores_that_do_not_ship_are_no_failure(flanrepro, shipped):
    shipped.with_name("scores.csv").unlink()
    status, out, _ = flanrepro("score", shipped)
    assert status == 0
    assert out.splitlines()[-1].startswith("none of the 4 scores of 2 runs ship")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["-c", "flan2022"], "no predictions of collection 'flan2022' ship with the package"),
        (["{file}", "-c", "flan2022"], "are of collection 'pocket', and 'flan2022' was asked for"),
        (["--profile", "quick"], "are of profile 'smoke', and 'quick' was asked for"),
        (["nowhere.xz"], "the predictions nowhere.xz are missing"),
        (["README.md"], "the predictions README.md cannot be read"),
    ],
)
def test_other_files_are_one_sentence(flanrepro, shipped, args, said, monkeypatch):
    (shipped.parent / "README.md").write_text("no predictions")
    monkeypatch.chdir(shipped.parent)
    status, out, err = flanrepro("score", *(arg.format(file=shipped) for arg in args))
    assert (status, out) == (2, "") and said in err and err.count("\n") == 1


def test_collecting_from_nothing_is_one_sentence(flanrepro, tmp_path):
    args = ("collect", tmp_path / "file", "--profile", "smoke", "--out", tmp_path)
    status, out, err = flanrepro(*args)
    assert (status, out) == (2, "")
    assert "no run of Table 1 at profile 'smoke' on 'pocket' is finished and evaluated in" in err
    assert not (tmp_path / "file").exists()
