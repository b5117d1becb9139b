import pytest

from flanrepro.experiments.spec import RunSpec


@pytest.fixture(scope="session")
def spec() -> RunSpec:
    """A run of two steps."""
    return RunSpec(
        collection="pocket",
        model="nano",
        vocabulary="pocket",
        steps=2,
        batch_size=2,
        inputs_length=64,
        targets_length=16,
        learning_rate=1e-3,
    )
