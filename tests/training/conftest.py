import pytest

from flanrepro.experiments.spec import RunSpec


@pytest.fixture
def spec() -> RunSpec:
    """A run of seconds: dropout on, so that its draws are part of what must be resumed."""
    return RunSpec(
        collection="pocket",
        model="nano",
        vocabulary="pocket",
        steps=60,
        batch_size=2,
        inputs_length=256,
        targets_length=32,
        learning_rate=2e-3,
        dropout_rate=0.1,
        few_shot_fraction=0.5,
    )
