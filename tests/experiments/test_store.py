import dataclasses
import json
import math
import os
import re
import resource
import shutil
import signal
from pathlib import Path

import pytest

from flanrepro.errors import InputError
from flanrepro.experiments.store import FORMAT, RunStore, processor
from flanrepro.training import loop
from flanrepro.training.loop import Progress
from flanrepro.whole import write_whole

pytestmark = pytest.mark.filterwarnings("ignore::flanrepro.data.examples.PromptTooLong")


@pytest.fixture
def trained(monkeypatch) -> list:
    """Puts a stand-in for training; the specs that it was called with."""
    specs = []

    def train(spec, folder, **kwargs):
        specs.append(spec)
        row = {"step": 2, "loss": 1.5, "accuracy": 0.25}
        return {}, Progress(stream={}, history=[row], tokens=10, useful_tokens=8, seconds=0.5)

    monkeypatch.setattr(loop, "train", train)
    return specs


def test_a_finished_run_is_not_trained_again(spec, tmp_path, trained):
    store = RunStore(tmp_path / "runs")
    assert store.find(spec) is None
    assert not store.root.exists()
    first = store.get(spec)
    assert store.get(spec) == store.find(spec) == first
    assert RunStore(str(store.root)).get(spec) == first
    assert trained == [spec]
    other = dataclasses.replace(spec, seed=1)
    assert store.get(other).folder != first.folder
    assert trained == [spec, other]


def test_a_run_that_was_stopped_goes_on(spec, tmp_path, monkeypatch, trained):
    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop, "train", killed)
        RunStore(tmp_path).get(spec)
    assert RunStore(tmp_path).find(spec) is None
    RunStore(tmp_path).get(spec)
    assert trained == [spec]


def test_a_manifest_tells_what_was_done_with_what(spec, tmp_path, trained):
    run = RunStore(tmp_path).get(spec)
    manifest = run.manifest
    assert (manifest["format"], manifest["run"]) == (FORMAT, spec.run_id)
    assert (manifest["seconds"], manifest["tokens"]) == (0.5, 10)
    assert manifest["non_padding_fraction"] == 0.8
    assert {"flanrepro", "jax", "flax", "optax", "grain"} <= set(manifest["versions"])
    assert all(re.match(r"\d+\.\d+", version) for version in manifest["versions"].values())
    assert re.match(r"cpu: .*, \d+ device", manifest["device"])
    # Equal runs have equal scores on equal processors alone.
    assert manifest["processor"] == processor() != ""
    assert manifest["git_commit"] is None or re.match(r"\S{7,}$", manifest["git_commit"])
    assert run.metrics().to_dict("records") == [{"step": 2, "loss": 1.5, "accuracy": 0.25}]
    written = json.loads((run.folder / "spec.json").read_text())
    assert written == json.loads(json.dumps(dataclasses.asdict(spec)))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("manifest.json", '{"format": 0}', r"another version of flanrepro \(format 0, this one re"),
        ("manifest.json", "{}", "cannot be read .* damaged or of another version"),
        ("manifest.json", '{"format": ', "cannot be read .* damaged or of another version"),
        ("manifest.json", "\x00\xff", "cannot be read .* damaged or of another version"),
        ("manifest.json", "[]", "cannot be read .* damaged or of another version"),
        ("spec.json", "", "cannot be read .* damaged or of another version"),
        ("spec.json", '{"tasks": []}', "cannot be read .* damaged or of another version"),
        ("spec.json", '{"tasks": [], "new": 1}', "cannot be read .* damaged or of another version"),
    ],
)
def test_a_damaged_or_foreign_folder_is_one_sentence(
    spec, tmp_path, trained, name, content, sentence
):
    run = RunStore(tmp_path).get(spec)
    (run.folder / name).write_bytes(content.encode("latin-1"))
    before = sorted(path.name for path in run.folder.iterdir())
    for ask in (RunStore(tmp_path).get, RunStore(tmp_path).find):
        with pytest.raises(InputError, match=f"run folder {run.folder}.*{sentence}") as caught:
            ask(spec)
        assert "move" in str(caught.value)
        assert "\n" not in str(caught.value)
    assert sorted(path.name for path in run.folder.iterdir()) == before
    assert (run.folder / name).read_bytes() == content.encode("latin-1")
    assert trained == [spec]


def test_another_runs_spec_in_the_folder_is_refused(spec, tmp_path, trained):
    run = RunStore(tmp_path).get(spec)
    other = dataclasses.asdict(dataclasses.replace(spec, seed=1))
    (run.folder / "spec.json").write_text(json.dumps(other))
    with pytest.raises(InputError, match=r"holds another run: its spec.json is not what is asked"):
        RunStore(tmp_path).get(spec)


def test_a_run_from_before_a_field_was_added_is_read(spec, tmp_path, trained):
    run = RunStore(tmp_path).get(spec)
    fields = dataclasses.asdict(spec)
    del fields["z_loss"]
    (run.folder / "spec.json").write_text(json.dumps(fields))
    assert RunStore(tmp_path).get(spec) == run


def test_a_file_that_cannot_be_written_whole_leaves_the_older_one(tmp_path):
    path = tmp_path / "scores" / "a.json"
    write_whole(path, "older")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(InputError, match=r"a.json could not be written \(File too large; \d+"):
            write_whole(path, "x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_text() == "older"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_one_sentence(spec, tmp_path, trained):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/runs.* could not be made \(Not a directory\)"):
        RunStore(tmp_path / "file" / "runs").get(spec)


@pytest.mark.parametrize("place", [lambda p: p.touch(), lambda p: p.symlink_to("none"), os.mkfifo])
def test_something_else_in_a_run_folders_place_is_one_sentence(spec, tmp_path, trained, place):
    place(tmp_path / spec.run_id)
    with pytest.raises(InputError, match=f"the run folder {tmp_path}/{spec.run_id} is a .*: expec"):
        RunStore(tmp_path).get(spec)
    assert trained == []


@pytest.mark.parametrize("place", [os.mkdir, lambda p: p.symlink_to("none"), os.mkfifo])
@pytest.mark.parametrize("name", ["training.lock", "manifest.json", "spec.json"])
def test_something_else_in_a_files_place_is_one_sentence(spec, tmp_path, trained, name, place):
    (tmp_path / spec.run_id).mkdir()
    place(tmp_path / spec.run_id / name)
    with pytest.raises(
        InputError, match=rf"{name} is a (folder|link to what|pipe).*: expected a f"
    ):
        RunStore(tmp_path).get(spec)
    assert trained == []


def test_a_folder_that_may_not_be_read_is_one_sentence(spec, tmp_path, trained, monkeypatch):
    def refused(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refused)
    with pytest.raises(
        InputError, match=r"cannot be read \(PermissionError\(13, 'Permission denied'"
    ):
        RunStore(tmp_path).find(spec)


@pytest.mark.parametrize("loss", ["", "nan", "inf"])
def test_a_run_of_an_older_version_that_diverged_is_refused(spec, tmp_path, trained, loss):
    run = RunStore(tmp_path).get(spec)
    (run.folder / "metrics.csv").write_text(f"step,loss\n25,1.5\n50,{loss}\n")
    with pytest.raises(
        InputError, match="diverged: its loss of step '50' is infinite or NaN; move"
    ):
        RunStore(tmp_path).find(spec)


def test_unreadable_metrics_are_one_sentence(spec, tmp_path, trained):
    run = RunStore(tmp_path).get(spec)
    for content in (b"", b"\xff\xfe", b'a\n"1\n1,2,3'):
        (run.folder / "metrics.csv").write_bytes(content)
        with pytest.raises(InputError, match=r"metrics.csv cannot be read \(.*\): move"):
            RunStore(tmp_path).get(spec).metrics()


@pytest.fixture(scope="module")
def run(spec, tmp_path_factory):
    """A run that was really trained."""
    return RunStore(tmp_path_factory.mktemp("runs")).get(spec)


def test_a_real_runs_manifest_counts_tokens(run, spec):
    manifest = run.manifest
    assert manifest["tokens"] == 2 * 2 * (64 + 16)
    assert 0 < manifest["non_padding_fraction"] < 1
    assert manifest["seconds"] > 0
    assert manifest["exemplars_dropped"] >= manifest["shortened"] > 0
    lost = sum(manifest[name] for name in ("truncated", "dropped", "shortened"))
    assert manifest["examples"] >= lost
    assert list(run.metrics()["step"]) == [2]
    assert set(run.params()) == {"token_embedder", "encoder", "decoder"}


def test_a_finished_run_says_what_did_not_fit(spec, tmp_path, capsys):
    run = RunStore(tmp_path).get(spec)
    counts = run.manifest
    said = (
        f"run {spec.run_id}, 64 input and 16 target tokens: "
        f"{counts['shortened'] + counts['truncated'] + counts['dropped']} of {counts['examples']} "
        f"prompts did not fit: {counts['shortened']} lost exemplars "
        f"({counts['exemplars_dropped']} in all), {counts['truncated']} cut, "
        f"{counts['dropped']} left out\n"
    )
    assert capsys.readouterr().out == said
    RunStore(tmp_path).get(spec)  # read, not trained
    assert capsys.readouterr().out == ""


def test_an_evaluation_is_kept_and_read_from_then_on(run, monkeypatch):
    rows = run.scores("cot", shots=0, items=3)
    monkeypatch.setattr(type(run), "model", None)
    assert run.scores("cot", shots=0, items=3) == rows
    tasks = ("gsm8k", "strategyqa", "commonsenseqa", "svamp", "asdiv")
    per_task = [row for row in rows if row["level"] == "task"]
    assert [(row["task"], row["n"], row["shots"]) for row in per_task] == [
        (task, 3, 0) for task in tasks
    ]
    assert (rows[-1]["level"], rows[-1]["n"]) == ("suite", 15)
    assert {(row["run"], row["seed"], row["suite"]) for row in rows} == {
        (run.spec.run_id, 0, "cot")
    }
    assert all(math.isfinite(row["value"]) for row in rows)
    lines = (run.folder / "predictions" / "cot_0shot_3.jsonl").read_text().splitlines()
    items = [json.loads(line) for line in lines]
    assert [item["task"] for item in items] == [task for task in tasks for _ in range(3)]
    provenance = {"task", "source", "template", "split", "record", "exemplars", "options", "layout"}
    assert provenance | {"inputs", "targets", "prediction", "correct"} <= set(items[0])


def test_an_unknown_suite_is_an_error_that_lists_the_suites(run):
    said = "has no suite 'held_out': it has held_in, cot, mmlu, bbh, bbh_cot"
    with pytest.raises(InputError, match=said):
        run.scores("held_out", shots=0)


def test_a_finished_run_with_a_damaged_checkpoint_goes_on_once_its_manifest_is_gone(run, tmp_path):
    shutil.copytree(run.folder, tmp_path / run.folder.name)
    last = tmp_path / run.folder.name / "checkpoints" / "2"
    largest = max(last.rglob("*"), key=lambda path: path.stat().st_size * path.is_file())
    largest.write_bytes(largest.read_bytes()[:-1] + b"?")
    copy = RunStore(tmp_path).find(run.spec)
    with pytest.raises(InputError, match=rf"{last} is damaged .*: move {copy.folder} away and run"):
        copy.params()
    shutil.rmtree(last)
    with pytest.raises(InputError, match=r"no checkpoint of step 2|no checkpoint in"):
        copy.params()
