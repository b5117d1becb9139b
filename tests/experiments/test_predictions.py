"""The predictions behind Table 1: one small file that gives the kept scores again."""

import dataclasses
import json
import lzma
import re
import shutil

import pandas as pd
import pytest

from ci.ship import ship
from flanrepro.collection.suites import suite_prompts
from flanrepro.errors import InputError
from flanrepro.experiments import predictions as module
from flanrepro.experiments import shipped_scores
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.results import scores
from flanrepro.experiments.sweep import SWEEPS, Sweep, untuned
from flanrepro.sources import load_collection
from flanrepro.whole import read_sealed, write_sealed


def two_runs(job: Job) -> list:
    """A run that is the start as it is, and one that is trained for a few steps."""
    (other,) = job.specs(mixture="flan2021")
    return [untuned(job), dataclasses.replace(other, steps=5, warmup_steps=0, decay_steps=0)]


@pytest.fixture(scope="module", autouse=True)
def tiny():
    """Table 1 of two runs and three suites, of which one is ranked."""
    suites = load_collection("pocket").suites
    ranked = dataclasses.replace(suites["mmlu"].protocol, method="rank")
    asked = Sweep(two_runs, ("held_in", "cot", "mmlu"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLANREPRO_WORKERS", "1")
        patch.setitem(suites, "mmlu", dataclasses.replace(suites["mmlu"], protocol=ranked))
        patch.setitem(SWEEPS, "ablations", asked)
        yield


@pytest.fixture(scope="module")
def job(tmp_path_factory) -> Job:
    return Job(profile="smoke", out=str(tmp_path_factory.mktemp("predictions")))


@pytest.fixture(scope="module")
def kept(job) -> pd.DataFrame:
    return scores(job, "ablations")


@pytest.fixture(scope="module")
def collected(job, kept) -> module.Predictions:
    return module.collect(job)


@pytest.fixture
def file(collected, tmp_path):
    path = tmp_path / "predictions.jsonl.xz"
    assert module.write(collected, path) == path.stat().st_size
    return path


def lines(path) -> list[dict]:
    return [json.loads(line) for line in lzma.decompress(path.read_bytes()).decode().splitlines()]


def test_scored_again_they_give_exactly_the_kept_scores(file, kept):
    assert len(kept) == 2 * 3 * 2  # runs, suites, zero- and few-shot
    assert set(kept["setting"]) == {"zero_shot", "few_shot"}
    assert kept["value"].nunique() > 4
    assert module.rescored(module.read(file)).equals(kept)


def test_a_file_gives_what_was_collected_and_the_same_bytes(file, collected, tmp_path):
    read = module.read(file, collection="pocket", profile="smoke", model="nano")
    assert (read.name, read.specs, read.items) == (str(file), collected.specs, collected.items)
    own = list(collected.table)
    assert own == ["run", "suite", "shots", "task", "record", "answer", "prediction"]
    for table in (read.table, collected.table):
        assert not table.duplicated(own[:5]).any()
    assert (
        read.table.sort_values(own)
        .reset_index(drop=True)
        .equals(collected.table.sort_values(own).reset_index(drop=True))
    )
    for predictions in (read, collected):
        module.write(predictions, tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == file.read_bytes()


def test_a_line_is_an_item_with_the_predictions_of_all_runs(file, collected):
    head, suite, item, *_ = lines(file)
    first, second = (spec.run_id for spec in collected.specs)
    assert [(row["run"], row["mixture"], row["seed"]) for row in head["runs"]] == [
        (first, "flan2022", 0),
        (second, "flan2021", 0),
    ]
    asked = [[first, 0], [second, 0], [first, 3], [second, 3]]
    assert suite == {"suite": "held_in", "items": 8, "asked": asked}
    assert list(item) == ["task", "record", "answer", "predictions"]
    own = collected.table.set_index(["run", "suite", "shots", "task", "record"])["prediction"]
    place = ("held_in", item["task"], item["record"])
    assert item["predictions"] == [
        own[run, place[0], shots, place[1], place[2]] for run, shots in asked
    ]


def test_there_are_no_prompts_in_it(file):
    text = lzma.decompress(file.read_bytes()).decode()
    prompt = suite_prompts(load_collection("pocket").suites["held_in"], 0, 8)[0]
    assert prompt.inputs not in text and prompt.inputs.split(". ")[0] not in text
    assert pd.read_json(file, lines=True)["task"].nunique() == 8 + 5 + 57


def test_they_are_compared_with_the_scores_that_ship(job, kept, file, tmp_path, monkeypatch):
    monkeypatch.setattr(shipped_scores, "folder", lambda: tmp_path)
    monkeypatch.setattr(module, "folder", lambda: tmp_path)
    found = module.rescored(module.read(file))
    alone = module.beside_shipped(found, "pocket")
    assert alone["shipped"].isna().all() and not alone["same"].any()
    with pytest.raises(InputError, match="no predictions of collection 'pocket' ship"):
        module.shipped_predictions("pocket")
    runs = [job.store.find(spec) for spec in two_runs(job)]
    none = pd.DataFrame(columns=["run", "step", "metric", "validation", "test"])
    (tmp_path / "pocket").mkdir()
    shutil.copy(file, tmp_path / "pocket" / module.NAME)
    ship(runs, kept, none, "pocket", to=tmp_path)
    assert module.NAME in (tmp_path / "pocket" / "checksums.json").read_text()
    assert module.shipped_predictions("pocket").read_bytes() == file.read_bytes()
    assert module.beside_shipped(found, "pocket")["same"].all()
    # The smallest difference that a shipped score can have counts, and a run that does not ship.
    changed = kept.assign(value=[kept["value"][0] + 1e-4, *kept["value"][1:]])
    ship(runs, changed.iloc[:-1], none, "pocket", to=tmp_path)
    beside = module.beside_shipped(found, "pocket")
    assert beside["same"].tolist() == [False, *[True] * 10, False]
    assert beside["shipped"].isna().tolist() == [*[False] * 11, True]


def test_what_is_not_finished_is_left_out(job, kept, monkeypatch, tmp_path):
    run, _ = two_runs(job)
    shutil.copytree(job.store.root / run.run_id, tmp_path / "runs" / run.run_id)
    (tmp_path / "runs" / run.run_id / "scores" / "mmlu_3shot_1.json").unlink()
    found = module.collect(dataclasses.replace(job, out=str(tmp_path)))
    assert found.specs == (run,)
    pairs = set(zip(found.table["suite"], found.table["shots"], strict=True))
    assert pairs == {*((s, n) for s in ("held_in", "cot") for n in (0, 3)), ("mmlu", 0)}
    again = kept[(kept["run"] == run.run_id)].iloc[:-1]
    assert module.rescored(found).equals(again)


def test_of_no_run_it_is_said_how_to_make_one(tmp_path):
    with pytest.raises(
        InputError, match=r"no run of Table 1 at profile 'smoke' .* train them with"
    ):
        module.collect(Job(profile="smoke", out=str(tmp_path)))


def test_predictions_that_do_not_give_the_kept_score_are_not_collected(job, kept, tmp_path):
    shutil.copytree(job.store.root, tmp_path / "runs")
    path = tmp_path / "runs" / kept["run"][0] / "scores" / "held_in_0shot_8.json"
    found = read_sealed(path)
    found["scores"][-1]["value"] += 1e-9
    write_sealed(path, found)
    said = rf"run {kept['run'][0]} on held_in with 0 exemplars give .* and its kept score is"
    with pytest.raises(InputError, match=said):
        module.collect(dataclasses.replace(job, out=str(tmp_path)))


def no_text(rows):
    rows[2]["predictions"][0] = 5


def no_number(rows):
    rows[1]["items"] = "8"


def unknown_run(rows):
    rows[1]["asked"][0][0] = "0" * 12


def one_too_few(rows):
    rows[2]["predictions"].pop()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[0].update(format=2), "its format is 2, this version reads 1"),
        (lambda rows: rows[0].pop("runs"), "KeyError('runs')"),
        (lambda rows: rows[0]["runs"][0]["spec"].update(sped=1), "RunSpec has no field 'sped'"),
        (lambda rows: rows.pop(1), "cannot be read (ValueError"),
        (lambda rows: rows.clear(), "cannot be read (ValueError"),
        (no_text, "of task bool_q has a number or text that is none"),
        (no_number, "the number of items of suite held_in is no number"),
        (unknown_run, "it does not say what run 000000000000 is"),
        (one_too_few, "cannot be read (ValueError"),
    ],
)
def test_a_broken_file_is_one_sentence(file, change, said):
    rows = lines(file)
    change(rows)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    file.write_bytes(lzma.compress(text.encode()))
    with pytest.raises(InputError, match=f"the predictions .*{re.escape(said)}"):
        module.read(file)


@pytest.mark.parametrize("cut", [slice(0), slice(40), slice(-1), slice(1, None)])
def test_a_file_that_is_cut_is_one_sentence(file, cut):
    file.write_bytes(file.read_bytes()[cut])
    with pytest.raises(InputError, match=r"cannot be read .*it is damaged or of another version"):
        module.read(file)


def test_what_is_no_file_is_said(tmp_path):
    with pytest.raises(InputError, match="none are missing: expected a file that `flanrepro predi"):
        module.read(tmp_path / "none")
    with pytest.raises(InputError, match="are a folder: expected a file"):
        module.read(tmp_path)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {"collection": "flan2022"},
            "of collection 'pocket', and 'flan2022' was asked for: give --c",
        ),
        ({"profile": "quick"}, "are of profile 'smoke', and 'quick' was asked for"),
        ({"collection": "pocket", "model": "micro"}, "are of model 'nano', and 'micro' was asked"),
    ],
)
def test_a_file_of_something_else_is_refused(file, asked, said):
    assert module.read(file, **dict.fromkeys(asked, "")).model == "nano"
    with pytest.raises(InputError, match=said):
        module.read(file, **asked)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("task", "no_task", "suite 'held_in' of collection 'pocket' has no task 'no_task'"),
        ("record", 10**6, "does not ask record 1000000 of task 'bool_q' with the answer"),
        ("answer", "perhaps", "of task 'bool_q' with the answer 'perhaps'"),
        ("suite", "no_suite", "has no suite 'no_suite'"),
    ],
)
def test_an_item_that_the_collection_lacks_is_named(collected, column, value, said):
    table = collected.table.copy()
    table.loc[table.index[0], column] = value
    items = {**collected.items, "no_suite": 8}
    with pytest.raises(InputError, match=said):
        module.rescored(dataclasses.replace(collected, table=table, items=items))


def test_items_without_a_prediction_are_counted(collected):
    short = dataclasses.replace(collected, table=collected.table.iloc[1:])
    with pytest.raises(InputError, match="predictions for 63 of the 64 items of suite 'held_in'"):
        module.rescored(short)
