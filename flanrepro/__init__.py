"""Reproduces The Flan Collection (Longpre et al., 2023) and FLAN (Wei et al., 2021).

Importing this package imports neither JAX, TensorFlow nor SeqIO: each part imports what it needs.
"""

from flanrepro.errors import InputError

__version__ = "0.1.0"
__all__ = ["InputError", "__version__"]
