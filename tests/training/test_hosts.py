"""Two processes of two simulated devices each, started as SLURM and as JAX's variables say."""

import dataclasses
import json
import os
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

from flanrepro.data.fates import LOSSES
from flanrepro.experiments.store import RunStore

pytestmark = pytest.mark.filterwarnings("ignore::flanrepro.data.examples.PromptTooLong")

HOST = """
import json, sys, warnings
warnings.simplefilter("ignore")
from flanrepro.training.spec import RunSpec
from flanrepro.experiments.store import RunStore

spec, root, mesh, stop = RunSpec(**json.loads(sys.argv[1])), *sys.argv[2:]
store = RunStore(root, mesh)
if stop != "0":
    store.advance(spec, int(stop))
else:
    run = store.get(spec)
    print(json.dumps(run.scores("held_in", 0, 1)[-1]["value"]))
import jax
assert jax.process_count() == 2 and len(jax.devices()) == 4
"""


@pytest.fixture
def on_two_hosts():
    """on_two_hosts(spec, root, mesh, stop, variables) -> what each of them printed."""

    def start(spec, root, mesh: str, stop: int, variables) -> list[str]:
        # A port that is free now: two are started at once, so neither can be asked for its own.
        with socket.socket() as found:
            found.bind(("localhost", 0))
            port = found.getsockname()[1]
        flags = "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"
        arguments = [json.dumps(dataclasses.asdict(spec)), str(root), mesh, str(stop)]
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", HOST, *arguments],
                env=os.environ | {"XLA_FLAGS": flags} | variables(i, port),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for i in range(2)
        ]
        ends = [process.communicate(timeout=900) for process in processes]
        assert [process.returncode for process in processes] == [0, 0], ends
        return [out.strip().splitlines()[-1] if out.strip() else "" for out, _ in ends]

    return start


def as_slurm(i: int, port: int) -> dict[str, str]:
    # JAX takes its port from the job's number.
    return {
        "SLURM_JOB_ID": str(port),
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_NTASKS": "2",
        "SLURM_PROCID": str(i),
        "SLURM_LOCALID": "0",
    }


def as_jax(i: int, port: int) -> dict[str, str]:
    return {
        "JAX_COORDINATOR_ADDRESS": f"localhost:{port}",
        "JAX_NUM_PROCESSES": "2",
        "JAX_PROCESS_ID": str(i),
    }


@pytest.mark.slow
@pytest.mark.skipif(jax.device_count() != 1, reason="the run beside it is on one device")
def test_a_run_goes_over_two_hosts_and_back_to_one(spec, tmp_path, on_two_hosts):
    # Each host makes its own shard of the stream; the model lies across devices of one host.
    spec = dataclasses.replace(spec, shards=2, steps=30)
    on_two_hosts(spec, tmp_path / "many", "2x2", 13, as_slurm)
    RunStore(tmp_path / "many").advance(spec, 20)  # on one, meanwhile
    printed = on_two_hosts(spec, tmp_path / "many", "2x2", 0, as_jax)
    many, one = RunStore(tmp_path / "many").find(spec), RunStore(tmp_path / "one").get(spec)
    losses = [run.metrics()["loss"].to_numpy() for run in (many, one)]
    assert len(losses[0]) == 2
    # Two hosts add up in another order than one; rounding is relative to what is rounded.
    np.testing.assert_allclose(losses[0], losses[1], rtol=2e-5)
    for name in ("examples", *LOSSES, "tokens", "useful_tokens"):
        assert many.manifest[name] == one.manifest[name], name
        assert one.manifest[name] > 0 or name == "truncated"  # pocket's texts are short
    assert many.manifest["device"] == "cpu: cpu, 4 device(s)"
    assert printed[0] == printed[1] != ""
    own = one.scores("held_in", 0, 1)[-1]["value"]
    assert abs(json.loads(printed[0]) - own) < 15  # of eight items, rounding may turn one


class EverySecond:
    """The prompts with odd indices."""

    def __init__(self, mixture):
        self.mixture, self.tasks = mixture, mixture.tasks

    def __getitem__(self, i: int):
        return self.mixture[2 * i + 1]


def test_shards_of_a_stream_are_every_nth_prompt(spec):
    from flanrepro.data.examples import Encode, EncodedPrompts
    from flanrepro.data.packing import pack

    mixture, vocabulary = spec.load_mixture(), spec.load_vocabulary()
    shape = {"batch_size": 4, "inputs_length": 64, "targets_length": 16, "prefetch": 0}
    examples = EncodedPrompts(mixture, Encode(vocabulary, 64, 16))
    odd = EncodedPrompts(EverySecond(mixture), Encode(vocabulary, 64, 16))
    alone = pack(odd, **{**shape, "batch_size": 2})
    whole, half = (
        pack(examples, **shape, shards=2),
        pack(examples, **shape, shards=2, rows=slice(2, 4)),
    )
    for _ in range(3):
        expected, batches = next(alone), (next(whole), next(half))
        for name in (
            "encoder_input_tokens",
            "decoder_target_tokens",
            "decoder_segment_ids",
            "fate",
        ):
            np.testing.assert_array_equal(batches[0][name][2:], expected[name])
            np.testing.assert_array_equal(batches[1][name], expected[name])
    assert half.get_state()["shards"][0] is None
    assert half.get_state()["shards"][1] == whole.get_state()["shards"][1]


def test_rows_of_one_stream_are_given_without_shards(spec):
    from flanrepro.data.examples import Encode, EncodedPrompts
    from flanrepro.data.packing import pack

    examples = EncodedPrompts(spec.load_mixture(), Encode(spec.load_vocabulary(), 64, 16))
    shape = {"batch_size": 4, "inputs_length": 64, "targets_length": 16, "prefetch": 0}
    whole, part = pack(examples, **shape), pack(examples, **shape, rows=slice(1, 3))
    for _ in range(2):
        batch, rows = next(whole), next(part)
        for name, array in rows.items():
            np.testing.assert_array_equal(array, batch[name][1:3])
    assert part.get_state() == whole.get_state()
