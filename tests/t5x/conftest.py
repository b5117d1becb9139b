"""Tests that ask for `with_t5x` are skipped, with the reason, where T5X is not installed."""

import pytest

from flanrepro.model import pretrained
from flanrepro.t5x.engine import has_decoder_only, missing_modules
from flanrepro.training.spec import RunSpec


@pytest.fixture(scope="session")
def with_t5x() -> None:
    if missing := missing_modules():
        pytest.skip(f"T5X is not installed ({', '.join(missing)}): make t5x")


@pytest.fixture(scope="session")
def with_decoder_only(with_t5x) -> None:
    if not has_decoder_only():
        pytest.skip("T5X is installed without its decoder-only network: only a checkout has it")


@pytest.fixture(scope="session")
def spec() -> RunSpec:
    """A run under T5X, from a checkpoint that ships."""
    return RunSpec(
        collection="pocket",
        model="nano",
        vocabulary="pocket",
        mixture="flan2021",
        steps=24,
        batch_size=4,
        inputs_length=128,
        targets_length=32,
        learning_rate=5e-3,
        optimizer="adafactor",
        start=pretrained.full_name("pocket", "nano"),
        engine="t5x",
    )
