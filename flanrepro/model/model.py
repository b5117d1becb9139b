"""A model as it is used: its configuration, its parameters, its vocabulary."""

import functools
from dataclasses import dataclass
from typing import Any

from flanrepro.data.vocabulary import Vocabulary
from flanrepro.model.sizes import T5Config


@dataclass(frozen=True)
class Model:
    """What prompts are answered with.

    Attributes:
        name: for people, e.g. `google/flan-t5-small`.
        config: the network's dimensions.
        params: the tree of `flanrepro.model.t5.init_params`, of NumPy or JAX arrays, float32.
        vocabulary: the one that it was trained with.
    """

    name: str
    config: T5Config
    params: dict[str, Any]
    vocabulary: Vocabulary

    @functools.cached_property
    def on_device(self) -> dict[str, Any]:
        """The parameters on the device: to copy them takes as long as to rank 10 inputs."""
        import jax

        return jax.device_put(self.params)
