"""Reproduces The Flan Collection (Longpre et al., 2023) and FLAN (Wei et al., 2021).

Importing this package imports neither JAX, TensorFlow nor SeqIO: each part imports what it needs.
"""

from typing import Any

from flanrepro.errors import InputError
from flanrepro.version import __version__

__all__ = ["InputError", "__version__", "load", "save"]


def __getattr__(name: str) -> Any:
    """Imports `load` and `save` of `flanrepro.experiments.load` when they are first asked for."""
    # That module imports most of the package, which an import of `flanrepro` alone does not need.
    if name not in ("load", "save"):
        raise AttributeError(f"module 'flanrepro' has no attribute '{name}'")
    from flanrepro.experiments import load

    return getattr(load, name)
