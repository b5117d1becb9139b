"""A model as it is used: configuration, parameters and vocabulary together."""

import functools
from dataclasses import dataclass
from typing import Any

from flanrepro.data.vocabulary import Vocabulary
from flanrepro.model.sizes import T5Config


@dataclass(frozen=True)
class Model:
    """A network that answers prompts.

    Attributes:
        name: name for people, e.g. `google/flan-t5-small`.
        config: dimensions of the network.
        params: tree of `flanrepro.model.t5.init_params`, NumPy or JAX arrays, float32.
        vocabulary: vocabulary that it was trained with.
    """

    name: str
    config: T5Config
    params: dict[str, Any]
    vocabulary: Vocabulary

    @functools.cached_property
    def on_device(self) -> dict[str, Any]:
        """Parameters on the device, copied once: a copy takes as long as ranking 10 inputs."""
        # Here, so that models can be listed and converted without JAX's start.
        import jax

        return jax.device_put(self.params)
