"""A `nano` model whose attention, norms and biases are far from their gentle initial values."""

import jax
import numpy as np
import pytest

from flanrepro.model.network import init_params
from flanrepro.model.sizes import T5Config, t5_config

VOCAB_SIZE = 128


@pytest.fixture(scope="session")
def config() -> T5Config:
    return t5_config("nano", VOCAB_SIZE)


@pytest.fixture(scope="session")
def params(config) -> dict:
    """Initial parameters, each times 1 to 2: a scale left out or a wrong sign then shows."""
    rng = np.random.default_rng(0)

    def louder(path, leaf):
        # Twenty times: as wide as in trained checkpoints, where distance decides.
        factor = 20.0 if path[-1].key == "rel_embedding" else 1.0
        return leaf * (factor * rng.uniform(1, 2, leaf.shape)).astype(np.float32)

    return jax.tree_util.tree_map_with_path(louder, init_params(config, seed=0))


@pytest.fixture
def tokens():
    """tokens(batch, length) -> int32 without padding and EOS."""
    rng = np.random.default_rng(1)
    return lambda *shape: rng.integers(2, VOCAB_SIZE, shape).astype(np.int32)
