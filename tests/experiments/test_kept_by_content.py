"""What is kept is kept by content.

A label that is mended in place, with the file's size and times as they were, gives new scores and
another run; the same content in another mirror gives the same ones.
"""

import dataclasses
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from ci.gpu.packed_writer import batches_id
from flanrepro.data import cache, vocabulary
from flanrepro.data.vocabulary import load_vocabulary, own_digest, train_vocabulary
from flanrepro.errors import InputError
from flanrepro.experiments.load import load
from flanrepro.experiments.models import digest
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.scores import scores_of
from flanrepro.experiments.start import start_params
from flanrepro.experiments.store import RunStore
from flanrepro.sources import load_collection
from flanrepro.training.spec import RunSpec

pytestmark = pytest.mark.filterwarnings("ignore::flanrepro.collection.task.MissingTasks")
# Names that the manifest lacks: of the others it has the only content that is taken.
FILES = {"train": "rte/train.tsv", "validation": "rte/dev.jsonl"}


def write_mirror(folder: Path) -> Path:
    """A mirror of RTE alone, 12 records per split."""
    rows = [(f"Hen {i} sat.", f"Hen {i} ran.", i % 2) for i in range(12)]
    table = [("sentence1", "sentence2", "label"), *rows]
    objects = [dict(zip(("premise", "hypothesis", "label"), row, strict=True)) for row in rows]
    (folder / "rte").mkdir(parents=True)
    text = "".join("\t".join(map(str, row)) + "\n" for row in table)
    (folder / FILES["train"]).write_text(text)
    text = "".join(json.dumps(row) + "\n" for row in objects)
    (folder / FILES["validation"]).write_text(text)
    return folder


def mend(path: Path) -> None:
    """Mends the first label in place: the file's size and its times of access and change stay."""
    before, content = path.stat(), path.read_bytes()
    with path.open("r+b") as file:
        file.write(re.sub(rb"(\t|: )0(}?\n)", rb"\g<1>1\2", content, count=1))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert path.read_bytes() != content
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """here(folder) gives `flan2022` as a new process would read it there."""
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))

    def use(folder: Path):
        monkeypatch.setenv("FLANREPRO_MIRROR", str(folder))
        load_collection.cache_clear()
        return load_collection("flan2022")

    yield use
    load_collection.cache_clear()


def never():
    raise AssertionError("the scores are there: no model is needed")


def spec(**changes) -> RunSpec:
    fields = {"tasks": ("rte",), "mixture": "", "few_shot_fraction": 0.0, **changes}
    return next(Job("flan2022", profile="smoke").specs(**fields))


def test_a_mended_label_is_scored_again_and_the_same_content_elsewhere_is_not(tmp_path, here):
    def scored(model=never, shots=0):
        return scores_of(tmp_path / "out", model, read, "rte", shots)

    first, second = write_mirror(tmp_path / "a"), tmp_path / "b"
    read = here(first)
    for shots in (0, 3):
        scored(lambda: "majority", shots)
    old = scored()
    shutil.copytree(first, second)
    os.utime(second / FILES["validation"], ns=(1, 1))
    read = here(second)
    assert scored() == old
    mend(second / FILES["validation"])
    read = here(second)
    with pytest.raises(AssertionError, match="no model is needed"):
        scored()
    accuracy = {row["value"] for row in scored(lambda: "majority") if row["metric"] == "accuracy"}
    assert accuracy == {100 * 7 / 12}  # it was half
    # An exemplar's label decides few-shot scores alone.
    read = here(first)
    scored(lambda: "majority")
    mend(first / FILES["train"])
    read = here(first)
    assert scored() == old
    with pytest.raises(AssertionError, match="no model is needed"):
        scored(shots=3)


def test_another_wording_is_scored_again(tmp_path, here):
    read = here(write_mirror(tmp_path / "a"))
    scores_of(tmp_path / "out", lambda: "majority", read, "rte", 0)
    task = read.task("rte")
    object.__setattr__(task, "templates", "flan2021/glue_qqp")
    with pytest.raises(AssertionError, match="no model is needed"):
        scores_of(tmp_path / "out", never, read, "rte", 0)


def test_scores_hold_where_the_data_is_no_longer_available(tmp_path, here):
    old = scores_of(
        tmp_path / "out", lambda: "majority", here(write_mirror(tmp_path / "a")), "rte", 0
    )
    (tmp_path / "empty").mkdir()
    assert scores_of(tmp_path / "out", never, here(tmp_path / "empty"), "rte", 0) == old


def test_other_tasks_of_the_same_number_are_scored_again(tmp_path, here):
    first = write_mirror(tmp_path / "a")
    read = here(first)
    scores_of(tmp_path / "out", lambda: "majority", read, "held_in", 0)
    assert (tmp_path / "out/scores/held_in_0shot_all_1of8tasks.json").is_file()
    (first / "rte").rename(first / "other")
    (first / "anli/R1").mkdir(parents=True)
    row = {"context": "A hen sat.", "hypothesis": "A hen ran.", "label": "e"}
    (first / "anli/R1/dev.jsonl").write_text(json.dumps(row) + "\n")
    read = here(first)
    found = scores_of(tmp_path / "out", lambda: "majority", read, "held_in", 0)
    assert found[0]["task"] == "anli_r1"


@pytest.mark.parametrize("changes", [{}, {"tasks": (), "mixture": "flan2021"}])
def test_a_mended_label_is_another_run_and_the_same_content_elsewhere_is_not(
    tmp_path, here, changes
):
    first, second = write_mirror(tmp_path / "a"), tmp_path / "b"
    here(first)
    old = spec(**changes)
    old.load_mixture()
    shutil.copytree(first, second)
    os.utime(second / FILES["train"], ns=(1, 1))
    here(second)
    assert spec(**changes) == old
    mend(second / FILES["train"])
    here(second)
    new = spec(**changes)
    assert new.data != old.data
    assert new.run_id != old.run_id
    assert batches_id(new) != batches_id(old)
    with pytest.raises(InputError, match=f"of other data here .* than the run's .{old.data}"):
        old.load_mixture()
    new.load_mixture()


def test_a_run_on_one_task_is_kept_by_the_records_that_validate_it_too(tmp_path, here):
    first = write_mirror(tmp_path / "a")
    here(first)
    one, mixed = spec(), spec(tasks=(), mixture="flan2021")
    mend(first / FILES["validation"])
    here(first)
    assert spec().data != one.data
    assert spec(tasks=(), mixture="flan2021") == mixed


def test_pocket_is_named_as_ever():
    job = Job(profile="smoke")
    one = next(job.specs(tasks=("rte",), mixture="", few_shot_fraction=0.0))
    assert (one.data, one.vocabulary_digest) == ("", "")
    assert next(job.specs(mixture="flan2021")).data == "d0797cac9191"


def test_another_text_trains_another_vocabulary_and_runs_keep_theirs(tmp_path, here):
    first = write_mirror(tmp_path / "a")
    here(first)
    old, pieces = spec(), load_vocabulary("flan2022-4096")
    assert old.vocabulary_digest == pieces.digest
    rows = (first / FILES["train"]).read_text().replace("ran", "quoz")
    (first / FILES["train"]).write_text(rows)
    here(first)
    new = spec()
    assert new.load_vocabulary().digest == new.vocabulary_digest != old.vocabulary_digest
    assert old.load_vocabulary() is pieces
    shutil.rmtree(tmp_path / "cache/vocabularies")
    with pytest.raises(InputError, match=r"'flan2022-4096' is another one here .* other words"):
        old.load_vocabulary()


def test_a_vocabulary_by_its_path_is_kept_by_its_content(tmp_path):
    first, second = tmp_path / "a.model", tmp_path / "b.model"
    shutil.copy(load_vocabulary("pocket").path, first)
    shutil.copy(first, second)
    job = Job(profile="smoke")
    old, same = (next(job.specs(vocabulary=str(path), start="")) for path in (first, second))
    assert old.run_id == same.run_id
    assert str(tmp_path) not in old.to_json()
    store = RunStore(tmp_path / "runs")
    with store.own(old):
        assert store.find(same) is None  # it is no other run's folder
    pieces = load_vocabulary(str(first))
    assert load_vocabulary(str(first)) is pieces
    train_vocabulary(["the pig and the hen"] * 20, first, 40, "bpe")
    assert load_vocabulary(str(first)).digest != pieces.digest
    new = next(job.specs(vocabulary=str(first), start=""))
    assert new.run_id != old.run_id
    assert batches_id(new) != batches_id(old)
    with pytest.raises(InputError, match=r"a\.model' is another one here"):
        old.load_vocabulary()
    same.load_vocabulary()


def test_a_run_starts_from_no_run_with_another_vocabulary(tmp_path):
    path = tmp_path / "own.model"
    shutil.copy(load_vocabulary("pocket").path, path)
    job = Job(profile="smoke")
    first = next(job.specs(vocabulary=str(path), start=""))
    folder = RunStore(tmp_path).root / first.run_id
    with RunStore(tmp_path).own(first):
        (folder / "manifest.json").write_text("{}")
    train_vocabulary(["the pig and the hen"] * 20, path, 40, "bpe")
    second = next(job.specs(vocabulary=str(path), start=first.run_id))
    with pytest.raises(InputError, match=r"with vocabulary '.*own.model \(digest [0-9a-f]{12}\)'"):
        start_params(second, tmp_path)


def test_t5s_own_vocabulary_has_its_name_alone_wherever_it_is(mirror, tmp_path, monkeypatch):
    real = mirror / "models/google/t5-v1_1-small/spiece.model"
    copy = tmp_path / "models/google/t5-v1_1-small/spiece.model"
    copy.parent.mkdir(parents=True)
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path))
    assert own_digest("t5") == ""  # not here: the same as the real one
    shutil.copy(real, copy)
    assert load_vocabulary("t5").digest == vocabulary.T5_DIGEST
    assert own_digest("t5") == own_digest("google/t5-v1_1-small") == ""
    shutil.copy(load_vocabulary("pocket").path, copy)
    assert own_digest("t5") == load_vocabulary("t5").digest != vocabulary.T5_DIGEST


def test_an_evaluated_model_is_kept_by_its_vocabulary_too(tmp_path):
    model = load("pocket-nano")
    other = train_vocabulary(["the pig and the hen"] * 20, tmp_path / "own.model", 40, "bpe")
    changed = dataclasses.replace(model, vocabulary=load_vocabulary(str(other)))
    assert digest(changed) != digest(model)


def test_a_cache_of_other_content_is_another_cache(tmp_path, here):
    first = write_mirror(tmp_path / "a")
    cached = cache.Cached("flan2021", "flan2022", 10)
    here(first)
    old = cache._identity(cached)
    shutil.copytree(first, tmp_path / "b")
    here(tmp_path / "b")
    assert cache._identity(cached) == old
    mend(tmp_path / "b" / FILES["train"])
    here(tmp_path / "b")
    new = cache._identity(cached)
    assert {name for name in new if new[name] != old[name]} == {"data", "vocabulary"}
    # Mended while the cache is written: a process that begins then does not go on with it.
    (tmp_path / "flanrepro.json").write_text(json.dumps(old))
    with pytest.raises(InputError, match="its vocabulary, data are not what is asked for"):
        cache.write_shard(cached, tmp_path, 0)
