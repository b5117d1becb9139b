import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ci.gpu import packed_writer as module
from ci.gpu.packed_files import open_packed, packed_input
from ci.gpu.packed_writer import batches_id, give_start, write_packed
from flanrepro.data.fates import DROPPED, KEPT, LOSSES, without_exemplars
from flanrepro.data.packing import pack
from flanrepro.errors import InputError
from flanrepro.experiments.start import start_params
from flanrepro.experiments.store import RunStore
from flanrepro.model import pretrained
from flanrepro.training.spec import RunSpec

# Short, so that some prompts lose exemplars and some are left out.
SPEC = RunSpec(
    collection="pocket",
    model="nano",
    vocabulary="pocket",
    steps=20,
    batch_size=4,
    inputs_length=64,
    targets_length=8,
    learning_rate=2e-3,
    few_shot_fraction=0.5,
)

BLOCKED = ("grain", "seqio", "tensorflow", "sentencepiece", "pooch", "papermill")

BLOCK = f"""
import sys
for name in {BLOCKED}:
    sys.modules[name] = None
"""

pytestmark = pytest.mark.filterwarnings("ignore::flanrepro.data.examples.PromptTooLong")


@pytest.fixture(autouse=True)
def small_files(monkeypatch):
    monkeypatch.setattr(module, "BATCHES_PER_FILE", 8)


@pytest.fixture(scope="module")
def made() -> list[dict]:
    return made_of(SPEC)


@pytest.fixture
def folder(tmp_path) -> Path:
    """The run's, with all of its files."""
    write_packed(SPEC, tmp_path / SPEC.run_id)
    return tmp_path / SPEC.run_id


def made_of(spec: RunSpec) -> list[dict]:
    """The batches that a run makes where Grain is."""
    names = ("batch_size", "inputs_length", "targets_length", "shards")
    stream = pack(spec.load_examples(), **{name: getattr(spec, name) for name in names})
    batches = [next(stream) for _ in range(spec.steps)]
    stream.close()
    return batches


def assert_same(found: dict, expected: dict, rows: slice = slice(None)) -> None:
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype == np.int32
        np.testing.assert_array_equal(found[name], array[rows], err_msg=name)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "packed").iterdir()}


def test_files_give_the_batches_that_grain_gives_counts_of_examples_too(folder, made):
    fates = np.concatenate([batch["fate"].ravel() for batch in made])
    # Exemplars of some prompts are dropped; others are left out.
    assert {0, KEPT, DROPPED, without_exemplars(1), without_exemplars(2)} <= set(fates)
    stream = open_packed(folder).batches()
    for batch in made:
        assert_same(next(stream), batch)
    names = sorted(path.name for path in (folder / "packed").glob("*.npz"))
    assert names == [f"batches-{a:08d}-{b:08d}.npz" for a, b in [(0, 8), (8, 16), (16, 20)]]


@pytest.mark.parametrize("shards", [1, 2])
def test_a_host_gets_its_rows_alone(shards, tmp_path):
    spec = dataclasses.replace(SPEC, steps=5, shards=shards)
    packed = write_packed(spec, tmp_path / spec.run_id)
    for rows in (slice(0, 2), slice(1, 4)):
        stream = packed.batches(rows)
        for batch in made_of(spec):
            assert_same(next(stream), batch, rows)


@pytest.mark.parametrize("objective", ["span_corruption", "prefix_lm"])
def test_texts_survive_packing(objective, tmp_path):
    how = {"objective": objective, "targets_length": 32, "few_shot_fraction": 0.5}
    spec = dataclasses.replace(SPEC, steps=5, **how)
    stream = write_packed(spec, tmp_path / spec.run_id).batches()
    for batch in made_of(spec):
        assert_same(next(stream), batch)


def test_replayed_texts_survive_packing_and_are_other_batches(tmp_path):
    spec = dataclasses.replace(SPEC, steps=5, replay=0.25)
    stream = write_packed(spec, tmp_path / spec.run_id).batches()
    for batch in made_of(spec):
        assert_same(next(stream), batch)
    assert module.batches_id(spec) != module.batches_id(SPEC)


def test_a_stream_goes_on_where_its_state_says(folder, made):
    first = open_packed(folder).batches()
    for _ in range(7):
        next(first)
    state = json.loads(json.dumps(first.get_state()))
    again = open_packed(folder).batches()
    again.set_state(state)
    for step in range(7, 12):
        assert_same(next(again), made[step])
    again.close()


def test_writing_goes_on_where_it_was_killed(folder):
    whole = contents(folder)
    first = folder / "packed" / "batches-00000000-00000008.npz"
    written = first.stat().st_mtime_ns
    (folder / "packed" / "index.json").unlink()
    (folder / "packed" / "batches-00000016-00000020.npz").unlink()
    second = folder / "packed" / "batches-00000008-00000016.npz"
    second.write_bytes(second.read_bytes()[:100])
    write_packed(SPEC, folder)
    assert contents(folder) == whole
    assert first.stat().st_mtime_ns == written


def test_a_long_run_comes_in_parts_and_no_part_is_made_twice(tmp_path, made, monkeypatch):
    folder = tmp_path / SPEC.run_id
    assert write_packed(SPEC, folder, end=6).end == 6
    monkeypatch.setattr(module, "stream_of", counted(module.stream_of, drawn := []))
    second = write_packed(SPEC, folder, first=6, end=13)
    assert len(drawn) == 7
    assert [path.name for path in (folder / "packed").glob("*.npz")] == [
        "batches-00000006-00000013.npz"
    ]
    stream = second.batches()
    stream.set_state({"next": 6})
    for step in range(6, 13):
        assert_same(next(stream), made[step])
    with pytest.raises(InputError, match=r"steps 6 to 13 in .* step 13 of 20 is asked for: bring"):
        next(stream)
    with pytest.raises(InputError, match="step 0 of 20 is asked for"):
        next(second.batches())


def counted(make, drawn: list):
    """As `make`, with a note for each batch that is drawn."""

    def stream(*given):
        inner = make(*given)

        class Noted:
            def __getattr__(self, name):
                return getattr(inner, name)

            def __next__(self):
                drawn.append(1)
                return next(inner)

        return Noted()

    return stream


def test_a_part_whose_beginning_is_not_here_is_made_from_the_runs(tmp_path, made):
    stream = write_packed(SPEC, tmp_path / SPEC.run_id, first=6, end=8).batches()
    stream.set_state({"next": 6})
    assert_same(next(stream), made[6])


def test_a_damaged_file_and_a_missing_one_are_said(folder):
    path = folder / "packed" / "batches-00000000-00000008.npz"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(InputError, match=f"{path} is damaged: it has another SHA-256"):
        next(open_packed(folder).batches())
    path.unlink()
    with pytest.raises(InputError, match=f"{path} cannot be read"):
        next(open_packed(folder).batches())


def test_files_of_another_run_or_version_are_refused(folder):
    other = folder.with_name("0123456789ab")
    shutil.copytree(folder, other)
    with pytest.raises(InputError, match=f"batches of run {SPEC.run_id}, not of 0123456789ab"):
        open_packed(other)
    index = folder / "packed" / "index.json"
    index.write_text(index.read_text().replace('"format": 2', '"format": 0'))
    with pytest.raises(InputError, match=r"another version of flanrepro .format 0, this one reads"):
        open_packed(folder)
    index.write_text("{")
    with pytest.raises(InputError, match=r"cannot be read .* the run's files are not whole"):
        open_packed(folder)


def test_a_run_without_files_has_none(tmp_path):
    assert open_packed(tmp_path) is None


def test_a_checkpoint_of_training_without_files_is_said(folder):
    with pytest.raises(InputError, match="has a checkpoint of training without files"):
        open_packed(folder).batches().set_state({"parent": {"index": 3}})


@pytest.mark.parametrize(
    ("name", "how", "said"),
    [
        ("", {"first": 5, "end": 5}, "steps 5 to 5 were asked for: expected a range of 0 to 20"),
        ("", {"end": 21}, "steps 0 to 21 were asked for"),
        ("other", {}, "expected a folder of that name"),
    ],
)
def test_what_cannot_be_written_is_said(tmp_path, name, how, said):
    with pytest.raises(InputError, match=said):
        write_packed(SPEC, tmp_path / (name or SPEC.run_id), **how)


def test_runs_that_differ_in_their_model_alone_have_the_same_files(folder, tmp_path):
    other = dataclasses.replace(SPEC, model="micro", learning_rate=1e-3, dropout_rate=0.1)
    write_packed(other, tmp_path / other.run_id)
    for name, content in contents(folder).items():
        same = contents(tmp_path / other.run_id)[name] == content
        assert same == (name != "index.json")
    for change in ({"seed": 1}, {"batch_size": 8}, {"inputs_length": 65}, {"formats": "paper"}):
        assert batches_id(dataclasses.replace(SPEC, **change)) != batches_id(SPEC)


def test_a_start_may_be_given_later(tmp_path):
    spec = dataclasses.replace(SPEC, steps=2, start="0123456789ab")
    folder = tmp_path / spec.run_id
    write_packed(spec, folder)
    with pytest.raises(InputError, match="starts from '0123456789ab', whose parameters are not in"):
        open_packed(folder).start()
    give_start(folder, {"encoder": {"scale": np.arange(3.0, dtype=np.float32)}})
    found = open_packed(folder).start()
    np.testing.assert_array_equal(found["encoder"]["scale"], [0, 1, 2])


def test_reading_needs_numpy_alone(folder, made):
    code = f"""{BLOCK}
for name in ("jax", "flax", "optax", "orbax", "pandas", "yaml"):
    sys.modules[name] = None
from pathlib import Path
from ci.gpu.packed_files import open_packed, packed_input
packed = open_packed(Path({str(folder)!r}))
print(sum(int(batch["fate"].sum()) for batch in (next(packed.batches()),)), packed.config.emb_dim)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == [str(made[0]["fate"].sum()), "64"], done.stderr


@pytest.mark.slow
def test_a_run_is_trained_from_its_folder_alone_to_the_same_bits(tmp_path):
    start = pretrained.full_name("pocket", "nano")
    spec = dataclasses.replace(SPEC, steps=50, start=start, inputs_length=128, targets_length=32)
    usual = RunStore(tmp_path / "usual").get(spec)
    folder = tmp_path / "files" / spec.run_id
    write_packed(spec, folder, start=start_params(spec, tmp_path))
    code = f"""{BLOCK}
import json
from flanrepro.training.spec import RunSpec
from flanrepro.experiments.store import RunStore
from ci.gpu.packed_files import packed_input
RunStore(sys.argv[1], inputs=packed_input).get(RunSpec(**json.loads(sys.argv[2])))
print(*(name for name in {BLOCKED} if sys.modules.get(name)))
"""
    fields = json.dumps(dataclasses.asdict(spec))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path / "files"), fields],
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said, modules = done.stdout.splitlines()
    assert said.startswith(f"run {spec.run_id}, 128 input and 32 target tokens: ")
    assert modules == ""
    trained = RunStore(tmp_path / "files").find(spec)
    assert_same_run(trained, usual)


def assert_same_run(run, other) -> None:
    import jax

    columns = ["step", "loss", "accuracy"]
    assert run.metrics()[columns].equals(other.metrics()[columns])
    counts = ("examples", *LOSSES, "useful_tokens", "tokens")
    assert [run.manifest[name] for name in counts] == [other.manifest[name] for name in counts]
    jax.tree.map(np.testing.assert_array_equal, run.params(), other.params())


@pytest.mark.slow
def test_a_run_begun_from_files_does_not_go_on_without_them(folder):
    store = RunStore(folder.parent, inputs=packed_input)
    store.advance(SPEC, 2)
    (folder / "packed").rename(folder / "elsewhere")
    with pytest.raises(
        InputError, match="was begun from packed files, and goes on from them alone"
    ):
        store.get(SPEC)
    (folder / "elsewhere").rename(folder / "packed")
    assert store.get(SPEC).metrics()["step"].tolist() == [20]
