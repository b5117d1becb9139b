import os
import subprocess
import sys
from pathlib import Path

import pytest

from flanrepro.model import compile_cache
from flanrepro.workers import cores

# Ten steps of smoke's run and two of its suites; the last lines are what came of it.
RUN = """
import dataclasses, hashlib, sys
from flanrepro.experiments.profiles import Job

job = Job(profile="smoke", out=sys.argv[1])
spec = dataclasses.replace(next(job.specs(mixture="flan2022")), steps=10)
run = job.store.get(spec)
for suite in ("cot", "mmlu"):  # decoded, and ranked
    run.scores(suite, shots=0, items=3)
files = [*run.folder.glob("scores/*"), *run.folder.glob("predictions/*")]
import jax
leaves = [leaf.tobytes() for leaf in map(jax.device_get, jax.tree.leaves(run.params()))]
texts = [path.read_bytes() for path in sorted(files)]
print([float(x).hex() for x in run.metrics()["loss"]])
print(hashlib.sha256(b"".join([*leaves, *texts])).hexdigest())
"""

COMPILE = """
import jax, jax.numpy as jnp
from flanrepro.model import compile_cache

compile_cache.enable()
print(jax.jit(lambda x: jnp.tanh(x) + 1)(jnp.zeros(3)))
print(jax.config.jax_compilation_cache_dir)
"""

ANSWER = "[1. 1. 1.]"


@pytest.fixture
def process(tmp_path):
    """process(text) -> a Python process with a cache of its own; it may write to no terminal."""

    def start(text: str, *arguments: str, **variables: str) -> subprocess.Popen:
        ours = {"FLANREPRO_CACHE": str(tmp_path / "cache")}
        env = {name: v for name, v in os.environ.items() if not name.startswith("JAX_")}
        return subprocess.Popen(
            [sys.executable, "-W", "default", "-c", text, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**env, **ours, **variables},
        )

    return start


def finished(process: subprocess.Popen) -> list[str]:
    """What it printed; it has to end well, and in silence."""
    out, err = process.communicate(timeout=900)
    said = [line for line in err.splitlines() if "PromptTooLong" not in line]
    assert process.returncode == 0, err
    assert not [line for line in said if "cache" in line.lower() or "cpu_aot" in line], err
    return out.splitlines()


def entries(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "cache/jax").glob("*/*-cache")}


@pytest.mark.slow
def test_losses_parameters_and_scores_are_the_same_bits_with_and_without(process, tmp_path):
    off = process(RUN, str(tmp_path / "off"), JAX_ENABLE_COMPILATION_CACHE="false")
    without = finished(off)
    assert not entries(tmp_path)
    cold = finished(process(RUN, str(tmp_path / "cold")))
    made = entries(tmp_path)
    assert len(made) > 5
    warm = finished(process(RUN, str(tmp_path / "warm")))
    assert entries(tmp_path) == made  # nothing was compiled
    assert without == cold == warm


def test_two_processes_fill_one_cache_at_once(process, tmp_path):
    both = [process(COMPILE), process(COMPILE)]
    assert [finished(one)[0] for one in both] == [ANSWER, ANSWER]
    made = entries(tmp_path)
    assert len(made) > 1
    assert all(made.values())


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:50], lambda b: b[:-9] + b"x" * 9])
def test_a_damaged_entry_is_compiled_again_in_silence(process, tmp_path, damage):
    finished(process(COMPILE))
    for path in (tmp_path / "cache/jax").glob("*/*-cache"):
        path.write_bytes(damage(path.read_bytes()))
    assert finished(process(COMPILE))[0] == ANSWER


def test_no_folder_costs_the_compilation_alone(process, tmp_path):
    (tmp_path / "cache").write_text("")
    assert finished(process(COMPILE))[0] == ANSWER


FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
"""


def test_a_full_disk_costs_the_compilation_alone_and_leaves_nothing_for_long(process, tmp_path):
    for _ in range(2):
        assert finished(process(FULL + COMPILE, PYTHONDONTWRITEBYTECODE="1"))[0] == ANSWER
    assert finished(process(COMPILE))[0] == ANSWER


def test_a_folder_that_jax_was_given_is_left_alone(process, tmp_path):
    own = str(tmp_path / "own")
    assert finished(process(COMPILE, JAX_COMPILATION_CACHE_DIR=own)) == [ANSWER, own]
    assert not entries(tmp_path)


@pytest.mark.skipif(len(cores()) < 2, reason="one core")
def test_a_process_on_one_core_has_a_cache_of_its_own(process, tmp_path):
    pin = "import os; os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])\n"
    both = [finished(process(text))[1] for text in (COMPILE, pin + COMPILE)]
    assert len(set(both)) == 2


def test_what_was_used_longest_ago_goes_first_and_empty_entries_go(tmp_path):
    paths = [tmp_path / "machine" / f"{name}-cache" for name in "abcd"]
    paths[0].parent.mkdir()
    for age, (path, size) in enumerate(zip(paths, [10, 10, 0, 10], strict=True)):
        path.write_bytes(bytes(size))
        os.utime(path, (1000 - age, 1000 - age))
    compile_cache._prune(tmp_path, 25)
    assert [path.name[0] for path in paths if path.exists()] == ["a", "b"]
    compile_cache._prune(tmp_path / "none", 25)


def test_it_is_switched_on_without_importing_jax_before_it_is_asked_for(process):
    text = "import sys, flanrepro, flanrepro.model.compile_cache; print('jax' in sys.modules)"
    assert finished(process(text)) == ["False"]
