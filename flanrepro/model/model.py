"""A model as it is used: its configuration, its parameters, its vocabulary."""

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


def activation_dtype() -> str:
    """bfloat16 where the device has fast arithmetic for it."""
    import jax

    return "float32" if jax.default_backend() == "cpu" else "bfloat16"
