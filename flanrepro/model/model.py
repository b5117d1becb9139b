"""A model as it is used: configuration, parameters and vocabulary together."""

import functools
from dataclasses import dataclass
from typing import Any

from flanrepro.data.vocabulary import Vocabulary
from flanrepro.errors import InputError
from flanrepro.model.sizes import T5Config


@dataclass(frozen=True)
class Model:
    """A network that answers prompts.

    Attributes:
        name: name for people, e.g. `google/flan-t5-small`.
        config: dimensions of the network.
        params: tree of `flanrepro.model.network.init_params`, NumPy or JAX arrays, float32.
        vocabulary: vocabulary that it was trained with.
    """

    name: str
    config: T5Config
    params: dict[str, Any]
    vocabulary: Vocabulary

    @functools.cached_property
    def on_device(self) -> dict[str, Any]:
        """Parameters on the device, copied once: a copy takes as long as ranking 10 inputs.

        Raises:
            InputError: a parameter is infinite or NaN, so that no answer would mean anything.
        """
        # Here, so that models can be listed and converted without JAX's start.
        import jax

        from flanrepro.model.finite import not_finite

        if wrong := not_finite(self.params):
            raise InputError(
                f"model '{self.name}': the parameter '{wrong}' has numbers that are infinite or "
                f"NaN, so it has no answers: its training diverged; take an earlier checkpoint"
            )
        return jax.device_put(self.params)
