import dataclasses
import json
import os
import subprocess
import sys

import pytest

from flanrepro.training.loop import train
from flanrepro.training.spec import RunSpec

TRAIN = """
import json, sys
from pathlib import Path
from flanrepro.training.spec import RunSpec
from flanrepro.training.loop import train
train(RunSpec(**json.loads(sys.argv[1])), Path(sys.argv[2]), checkpoint_seconds=0, **how)
"""


@pytest.fixture(scope="session")
def spec() -> RunSpec:
    """A run of seconds: dropout on, so that its draws are part of what must be resumed; some
    prompts too long, so that the counts of these are too."""
    return RunSpec(
        collection="pocket",
        model="nano",
        vocabulary="pocket",
        steps=60,
        batch_size=4,
        inputs_length=64,
        targets_length=16,
        learning_rate=2e-3,
        dropout_rate=0.1,
        few_shot_fraction=0.5,
    )


@pytest.fixture(scope="session")
def whole(spec, tmp_path_factory) -> tuple:
    """Parameters and progress of `spec`, trained without interruption."""
    return train(spec, tmp_path_factory.mktemp("whole"))


@pytest.fixture
def start_training(tmp_path_factory):
    """start_training(spec, folder, before="") -> a process that trains, after running `before`.

    What `before` puts into `how` is passed to `train`.
    """
    compiled = {"JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.getbasetemp() / "compiled")}

    def start(spec, folder, before: str = "") -> subprocess.Popen:
        fields = json.dumps(dataclasses.asdict(spec))
        return subprocess.Popen(
            [
                sys.executable,
                "-W",
                "ignore",
                "-c",
                "how = {}\n" + before + TRAIN,
                fields,
                str(folder),
            ],
            env=os.environ | compiled,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start
