"""T5X's own train.py trains as the local engine does; all of these tests run it, or read its runs.

They need T5X (`make t5x`) and are skipped without it, with that reason.
"""

import dataclasses
import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import psutil
import pytest

from flanrepro.experiments.store import Run, RunStore
from flanrepro.model import pretrained, t5x_checkpoint, tree
from flanrepro.model.network import init_params
from flanrepro.t5x import gin_files, tasks
from flanrepro.t5x.engine import train
from flanrepro.t5x.gin_files import num_examples
from flanrepro.training.spec import RunSpec
from flanrepro.training.step import Metrics, init_state, make_train_step

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("with_t5x"),
    # TensorFlow and T5X raise these when they are imported, here to read T5X's batches.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    # Its lengths are short, so that T5X compiles and trains in seconds.
    pytest.mark.filterwarnings("ignore::flanrepro.data.examples.PromptTooLong"),
]

ADAMW = {"optimizer": "adamw", "learning_rate": 3e-3, "warmup_steps": 4, "decay_steps": 20}
ADAMW |= {"z_loss": 1e-4, "microbatches": 2}
"""The profile `quick` trains so, but for two things: a z-loss, which is no part of the reported
loss, and batches in two parts, which have unequal numbers of target tokens."""


@pytest.fixture(scope="module", autouse=True)
def a_row_per_step() -> Iterator[None]:
    """T5X reports every step, and writes a checkpoint every third."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gin_files, "STATS_PERIOD", 1)
        yield


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> RunStore:
    return RunStore(tmp_path_factory.mktemp("out") / "runs")


@pytest.fixture(scope="module")
def twin(store, spec, with_t5x) -> Run:
    """T5X's run, with Adafactor, from the checkpoint that ships."""
    return store.get(spec)


@pytest.fixture(scope="module")
def local(store, spec) -> Run:
    """Three steps of the local engine."""
    return store.get(dataclasses.replace(spec, engine="local", steps=3))


@pytest.fixture(scope="module")
def adamw(store, spec, local) -> Run:
    """T5X's run, with AdamW and a schedule, from where the local engine ended."""
    return store.get(dataclasses.replace(spec, start=local.spec.run_id, **ADAMW))


@pytest.fixture(scope="module")
def decoder_only(store, spec, with_decoder_only) -> Run:
    """T5X's run of a prefix language model, with Adafactor, from random parameters."""
    return store.get(dataclasses.replace(spec, model="lm-nano", start=""))


@pytest.fixture(scope="module")
def causal(store, decoder_only) -> Run:
    """T5X's run of a model that reads its inputs from left to right, with AdamW."""
    return store.get(dataclasses.replace(decoder_only.spec, causal=True, **ADAMW))


def infeed(run: Run) -> Iterator[dict[str, np.ndarray]]:
    """The batches that T5X trained a run on, from T5X's own functions."""
    import seqio
    from t5x import utils

    spec = run.spec
    lengths = {"inputs": spec.inputs_length, "targets": spec.targets_length}
    name = tasks.of_run(str(run.folder / "t5x" / "spec.json"), num_examples(spec))
    rows = {"batch_size": spec.batch_size, "pack": True, "shuffle": False, "seed": spec.seed}
    config = utils.DatasetConfig(name, lengths, "train", **rows)
    # Those that T5X's models name.
    kinds = seqio.EncDecFeatureConverter, seqio.DecoderFeatureConverter
    converter = kinds[spec.model_config().decoder_only]
    return utils.get_dataset(config, 0, 1, converter).as_numpy_iterator()


def local_steps(spec: RunSpec, start: dict, batches: Iterator[dict]) -> tuple[np.ndarray, dict]:
    """The local engine's loss and accuracy before each step of a run [steps, 2], and its parameters
    after the last."""
    optimizer = (spec.optimizer, spec.learning_rate_schedule(), spec.warmup_steps)
    state = init_state(spec.model_config(), *optimizer, spec.seed, start)
    how = {"microbatches": spec.microbatches}
    step = make_train_step(spec.model_config(), *optimizer, spec.z_loss, **how)
    rows = []
    for batch in itertools.islice(batches, spec.steps):
        state, metrics = step(state, Metrics.zero(), batch, jax.random.key(spec.seed))
        rows.append([metrics.loss / metrics.tokens, metrics.correct / metrics.tokens])
    return np.array(rows), state.params


@pytest.mark.parametrize("name", ["twin", "adamw", "decoder_only", "causal"])
def test_both_engines_have_the_same_losses_on_the_same_batches(name, request, local):
    run = request.getfixturevalue(name)
    start = pretrained.load(run.spec.start) if name == "twin" else local.params()
    if not run.spec.start:
        start = init_params(run.spec.model_config(), run.spec.seed)
    batches = list(itertools.islice(infeed(run), 24))
    ours, params = local_steps(run.spec, start, iter(batches))
    losses, theirs = ours[:, 0], run.metrics()["loss"].to_numpy()
    apart = np.abs(theirs - losses)
    moved, between = (
        {key: np.linalg.norm(leaf - other[key]) for key, leaf in tree.flat(params).items()}
        for other in (tree.flat(start), tree.flat(run.params()))
    )
    worst = max(between[key] / moved[key] for key in moved)
    print(f"{name}: loss {losses[0]:.4f} to {losses[-1]:.4f}, apart by {apart[0]:.1e} at step 0 ")
    print(f"and {apart.max():.1e} at most; parameters by {worst:.1e} of what they moved")
    assert len(theirs) == len(losses) == 24
    # Something was learned: the last batches were harder without it.
    unlearned = [local_steps(run.spec, start, iter([batch]))[0][0, 0] for batch in batches[-3:]]
    assert np.mean(losses[-3:]) < np.mean(unlearned) - 0.1
    assert apart[0] < 1e-5 * losses[0]
    assert apart.max() < 1e-3
    np.testing.assert_allclose(run.metrics()["accuracy"], ours[:, 1], atol=0.01)
    # As wholes: an element whose gradient is nearly zero moves by its sign, which rounding decides.
    assert worst < 0.05


@pytest.mark.parametrize("name", ["twin", "decoder_only"])
def test_t5x_counts_tokens_and_prompts_as_they_are(name, request):
    twin = request.getfixturevalue(name)
    batches = list(itertools.islice(infeed(twin), 24))
    useful = sum(int((b[k] > 0).sum()) for b in batches for k in b if k.endswith("segment_ids"))
    examples = sum(int(row.max()) for b in batches for row in b["decoder_segment_ids"])
    manifest = twin.manifest
    assert manifest["tokens"] == 24 * 4 * (128 + 32)
    assert manifest["useful_tokens"] == pytest.approx(useful, rel=1e-3)
    assert manifest["examples"] == pytest.approx(examples, rel=1e-3)
    seconds = twin.metrics()["seconds"]
    assert (seconds.diff().dropna() > 0).all()
    assert seconds.iloc[-1] == manifest["seconds"]


def test_a_twin_is_evaluated_as_any_run(twin):
    scores = twin.scores("held_in", 0, 2)
    assert {row["run"] for row in scores} == {twin.spec.run_id}
    values = [row["value"] for row in scores if row["value"] is not None]
    assert values and all(0 <= value <= 100 for value in values)
    assert twin.has_scores("held_in", 0, 2)


@pytest.mark.parametrize("name", ["twin", "decoder_only"])
def test_the_local_engine_starts_from_t5x_s_run_and_t5x_s_checkpoint_is_that_run(
    name, request, store
):
    twin = request.getfixturevalue(name)
    theirs, config = t5x_checkpoint.read(twin.folder / "t5x" / "model")
    assert config == twin.spec.model_config()
    for key, leaf in tree.flat(twin.params()).items():
        np.testing.assert_array_equal(leaf, tree.flat(theirs)[key], key)
    went_on = dataclasses.replace(twin.spec, engine="local", start=twin.spec.run_id, steps=3)
    losses = twin.metrics()["loss"]
    assert store.get(went_on).metrics()["loss"].iloc[-1] < (losses.iloc[0] + losses.iloc[-1]) / 2


TRAIN = """
import json, sys
from pathlib import Path
from flanrepro.training.spec import RunSpec
from flanrepro.model import pretrained
from flanrepro.t5x import engine, gin_files
gin_files.STATS_PERIOD = 1
spec = RunSpec(**json.loads(sys.argv[1]))
engine.train(spec, Path(sys.argv[2]), start=pretrained.load(spec.start))
"""


def until(condition, seconds: float = 300.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def test_killed_and_started_again_it_ends_as_if_nothing_had_been(spec, twin, tmp_path):
    home = tmp_path / "t5x"
    fields = json.dumps(dataclasses.asdict(spec))
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    first = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", TRAIN, fields, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": paths},
    )
    until(lambda: (home / "model" / "checkpoint_6").is_dir() or first.poll() is not None)
    children = psutil.Process(first.pid).children(recursive=True)
    first.kill()
    first.wait()
    assert children, "T5X is a process of its own"
    assert not psutil.wait_procs(children, timeout=10)[1], "it ends with the one that started it"
    assert not (home / "model" / "checkpoint_24").exists()

    params, progress = train(spec, tmp_path, start=pretrained.load(spec.start))
    log = (home / "train.log").read_text()
    restored = [int(n) for n in re.findall(r"T5X checkpoint \S*/model/checkpoint_(\d+)", log)]
    assert len(restored) == 1 and 6 <= restored[0] < 24
    assert [row["step"] for row in progress.history] == list(range(1, 25))
    np.testing.assert_allclose(
        [row["loss"] for row in progress.history], twin.metrics()["loss"], rtol=1e-6
    )
    for key, leaf in tree.flat(twin.params()).items():
        np.testing.assert_allclose(tree.flat(params)[key], leaf, atol=1e-6, err_msg=key)


def test_a_lab_s_command_trains_on_a_cache_without_the_collection_s_data(spec, tmp_path):
    """The paper's recipe at nano's size; the docstring of `flanrepro.t5x` has the command."""
    from flanrepro.data.cache import Cached, write_cache

    lengths = {"inputs": 128, "targets": 32}
    most = {f"{name}_length": length for name, length in lengths.items()}
    write_cache(Cached("flan2021", "pocket", 400, "pocket", **most), tmp_path / "cache")
    config = spec.model_config()
    start = t5x_checkpoint.write(pretrained.load(spec.start), config, tmp_path / "start", 1_100_000)
    files = [
        gin_files.size_file("nano"),
        *(f"flanrepro/t5x/gin/{f}.gin" for f in ("paper", "mixture")),
    ]
    given = {
        "MIXTURE": "flan2021",
        "MODEL_DIR": str(tmp_path / "model"),
        "INITIAL_CHECKPOINT_PATH": str(start),
        "USE_CACHED_TASKS": True,
        "VOCABULARY_NAME": "pocket",
        "tasks.named.collection": "no_such_collection",
        "network.T5Config.vocab_size": config.vocab_size,
        "TASK_FEATURE_LENGTHS": lengths,
        "BATCH_SIZE": 4,
        "TRAIN_STEPS": 1_100_003,
    }
    command = [sys.executable, "-m", "t5x.train"]
    command += [f"--gin_file={file}" for file in files]
    command += [f"--gin.{name}={value!r}" for name, value in given.items()]
    command += [f"--seqio_additional_cache_dirs={tmp_path / 'cache'}"]
    paths = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, sys.path)])
    with (tmp_path / "log").open("w") as log:
        environment = {**os.environ, "PYTHONPATH": paths}
        lab = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=tmp_path)
        until(lambda: "] Finished." in (tmp_path / "log").read_text() or lab.poll() is not None)
    lab.kill()  # TensorFlow may take a minute to end
    lab.wait()
    params, found = t5x_checkpoint.read(tmp_path / "model" / "checkpoint_1100003")
    assert found == config
    before = tree.flat(pretrained.load(spec.start))
    assert all((leaf != before[key]).any() for key, leaf in tree.flat(params).items())
