import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import filelock
import numpy as np
import psutil
import pytest

from flanrepro.data.cache import Cached, write_cache
from flanrepro.data.fates import DROPPED, count_fates
from flanrepro.errors import InputError

pytestmark = [
    pytest.mark.slow,  # SeqIO brings TensorFlow
    pytest.mark.filterwarnings("ignore::flanrepro.data.examples.PromptTooLong"),
]

# Short, so that some prompts lose exemplars and some are left out.
CACHED = Cached("flan2021", "pocket", 300, inputs_length=64, targets_length=8)
NAME = "flanrepro_flan2021_64_8"


@pytest.fixture(scope="module")
def seqio():
    return pytest.importorskip("seqio", reason="SeqIO is not installed: pip install -e '.[beam]'")


@pytest.fixture(scope="module")
def root(seqio, tmp_path_factory) -> Path:
    """Has the cache of `CACHED`."""
    folder = tmp_path_factory.mktemp("cache")
    write_cache(CACHED, folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_seqio_reads_the_examples_that_the_task_gives_uncached(seqio, root):
    from flanrepro.data.seqio_tasks import register_named

    task = register_named("flan2021", CACHED.load_vocabulary(), 300, 64, 8, "pocket")
    lengths = {"inputs": 64, "targets": 8}
    seqio.set_global_cache_dirs([str(root)])
    try:
        cached = task.get_dataset(lengths, split="train", shuffle=False, use_cached=True)
        found = sorted(cached.as_numpy_iterator(), key=lambda example: example["index"])
    finally:
        seqio.set_global_cache_dirs([])
    expected = list(task.get_dataset(lengths, split="train", shuffle=False).as_numpy_iterator())
    assert 200 < len(found) == len(expected) < 300
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def test_its_counts_are_those_of_the_files_and_of_what_did_not_fit(root):
    examples = CACHED.load_examples()
    fitted = [examples.fitted(i) for i in range(300)]
    losses = count_fates(np.array([one.fate for one in fitted]))
    assert min(losses["dropped"], losses["shortened"]) > 10
    kept = [one for one in fitted if one.fate != DROPPED]
    inputs, targets = ([len(getattr(one, name)) for one in kept] for name in ("inputs", "targets"))
    assert json.loads((root / NAME / "stats.train.json").read_text()) == losses | {
        "examples": 300 - losses["dropped"],
        "inputs_tokens": sum(inputs),
        "inputs_max_tokens": max(inputs),
        "targets_tokens": sum(targets),
        "targets_max_tokens": max(targets),
    }


def test_a_killed_worker_is_a_sentence_and_the_next_start_writes_only_what_is_missing(
    seqio, tmp_path
):
    cached = replace(CACHED, examples=6_000)
    folder = tmp_path / "two" / NAME
    with ThreadPoolExecutor() as pool:
        writing = pool.submit(write_cache, cached, tmp_path / "two", 2)
        while not (done := list(folder.glob("stats.train-*.json"))) and not writing.done():
            time.sleep(0.01)
        workers = [c for c in psutil.Process().children() if "_work()" in c.cmdline()[-1]]
        assert len(workers) == 2
        workers[0].kill()
        # Another worker takes its place, so that one shard is all that is lost.
        said = (
            r"^1 shards of .* \(its process was ended by SIGKILL, as .*\); 63 of 64 are written and"
        )
        with pytest.raises(InputError, match=said):
            writing.result()
    assert done
    assert not (folder / "COMPLETED").exists()
    written = [
        path.name.replace("stats.train-", "train.tfrecord-")[: -len(".json")] for path in done
    ]
    times = {name: (folder / name).stat().st_mtime_ns for name in written}
    write_cache(cached, tmp_path / "two", workers=1)
    assert {name: (folder / name).stat().st_mtime_ns for name in written} == times
    alone = write_cache(cached, tmp_path / "one", workers=1)
    assert contents(folder) == contents(alone)


def test_a_complete_cache_is_left_as_it_is(root):
    folder = root / NAME
    before = {path: path.stat().st_mtime_ns for path in folder.glob("train.tfrecord-*")}
    assert len(before) == 64
    assert write_cache(CACHED, root) == folder
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"seed": 1}, "its seed is not what is asked for"),
        ({"examples": 200}, "its examples is not"),
        ({"subset": 8}, "its subset, data are not"),
        ({"few_shot_fraction": 0.0}, "its few_shot_fraction is not"),
    ],
)
def test_a_folder_never_gets_two_caches(root, other, said):
    with pytest.raises(InputError, match=f"{said}.*; give another folder, or move"):
        write_cache(replace(CACHED, **other), root)


def test_caches_of_other_lengths_lie_beside_it_and_say_theirs(seqio, root, tmp_path):
    few = replace(CACHED, examples=20)
    folders = [write_cache(few, tmp_path), write_cache(replace(few, inputs_length=65), tmp_path)]
    assert [folder.name for folder in folders] == [NAME, "flanrepro_flan2021_65_8"]
    assert json.loads((folders[1] / "flanrepro.json").read_text())["inputs_length"] == 65


def test_another_vocabulary_is_another_cache(root, tmp_path):
    from flanrepro.data.vocabulary import train_vocabulary

    path = train_vocabulary(["a few words"] * 9, tmp_path / "words.model", 20)
    with pytest.raises(InputError, match="its vocabulary is not what is asked for"):
        write_cache(replace(CACHED, vocabulary=str(path)), root)


def test_what_beam_wrote_is_not_written_into(seqio, tmp_path):
    folder = tmp_path / NAME
    folder.mkdir()
    (folder / "train.tfrecord-00000-of-00064").touch()
    with pytest.raises(InputError, match="holds another cache"):
        write_cache(CACHED, tmp_path)


def test_two_processes_do_not_write_one_cache(seqio, tmp_path):
    folder = tmp_path / NAME
    folder.mkdir()
    with (
        filelock.FileLock(folder / "writing.lock"),
        pytest.raises(InputError, match="another process is writing the cache"),
    ):
        write_cache(CACHED, tmp_path)


def in_place_of(path: Path, kind: str) -> None:
    """Makes something that is no file of ours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    makes = {
        "a folder": path.mkdir,
        "a pipe": lambda: os.mkfifo(path),
        "a link to what does not exist": lambda: path.symlink_to(path.parent / "nothing"),
    }
    makes[kind]()


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a link to what does not exist"])
@pytest.mark.parametrize("name", ["writing.lock", "flanrepro.json"])
def test_what_is_no_file_in_the_place_of_one_is_a_sentence(seqio, tmp_path, name, kind):
    path = tmp_path / NAME / name
    in_place_of(path, kind)
    with pytest.raises(InputError, match=f"{name} is {kind}: expected a file"):
        write_cache(CACHED, tmp_path)


@pytest.mark.parametrize("text", ["[]", "{", "3"])
def test_a_description_that_is_none_is_a_sentence(seqio, tmp_path, text):
    path = tmp_path / NAME / "flanrepro.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(InputError, match=r"flanrepro\.json .*expected a JSON object"):
        write_cache(CACHED, tmp_path)


@pytest.mark.parametrize("kind", ["a pipe", "a link to what does not exist"])
def test_what_is_no_folder_in_the_place_of_one_is_a_sentence(seqio, tmp_path, kind):
    in_place_of(tmp_path / NAME, kind)
    with pytest.raises(InputError, match=f"the cache folder .* is {kind}: expected a folder"):
        write_cache(CACHED, tmp_path)


@pytest.mark.parametrize(("examples", "workers"), [(0, 1), (300, 0)])
def test_numbers_below_one_are_refused(seqio, tmp_path, examples, workers):
    with pytest.raises(InputError, match="is 0: expected at least 1"):
        write_cache(replace(CACHED, examples=examples), tmp_path, workers)


def test_lengths_without_room_for_a_token_are_refused(seqio, tmp_path):
    with pytest.raises(InputError, match="targets_length is 1: expected at least 2"):
        write_cache(replace(CACHED, targets_length=1), tmp_path)


def test_a_folder_that_cannot_be_made_is_a_sentence(seqio, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="could not be made"):
        write_cache(CACHED, tmp_path / "file")


def test_without_seqio_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "seqio", None)
    with pytest.raises(InputError, match=r"pip install 'flanrepro\[beam\]'"):
        write_cache(CACHED, tmp_path)


def test_the_command_writes_a_cache(seqio, monkeypatch, capsys, tmp_path):
    from flanrepro.cli.main import main

    options = "-c pocket --examples 20 --subset 8 --few-shot-fraction 1 --seed 3"
    options += " --inputs-length 48 --targets-length 12"
    command = ["flanrepro", "cache", "niv2", *options.split(), "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    folder = tmp_path / "flanrepro_niv2_48_12"
    stats = json.loads((folder / "stats.train.json").read_text())
    assert min(stats["shortened"], stats["dropped"]) > 0
    assert capsys.readouterr().out == (
        f"{folder}: {stats['examples']} examples in 20 files\n"
        f"{stats['shortened'] + stats['truncated'] + stats['dropped']} of 20 prompts did not fit: "
        f"{stats['shortened']} lost exemplars ({stats['exemplars_dropped']} in all), "
        f"{stats['truncated']} cut, {20 - stats['examples']} left out; the lengths are 48 input "
        "and 12 target tokens\n"
    )
    said = json.loads((folder / "flanrepro.json").read_text())
    assert (said["seed"], said["subset"], said["few_shot_fraction"]) == (3, 8, 1.0)
    assert (said["inputs_length"], said["targets_length"]) == (48, 12)
