"""Reproduces The Flan Collection (Longpre et al., 2023) and FLAN (Wei et al., 2021).

Importing this package imports neither JAX, TensorFlow nor SeqIO: each part imports what it needs.
"""

from typing import Any

from flanrepro.errors import InputError
from flanrepro.version import __version__

__all__ = ["InputError", "__version__", "load", "save"]


def __getattr__(name: str) -> Any:
    """`load` and `save` of `flanrepro.experiments.load`, imported when they are first asked for."""
    if name not in ("load", "save"):
        raise AttributeError(f"module 'flanrepro' has no attribute '{name}'")
    from flanrepro.experiments import load

    return getattr(load, name)
