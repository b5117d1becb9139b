"""The forms in which the parts of a train step can be computed, and the fastest for a device."""

import csv
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import jax

from flanrepro.errors import InputError

FORMS = {
    "attention": ("xla", "jax", "cudnn", "tokamax"),
    "norm": ("xla", "tokamax"),
    "mlp": ("xla", "tokamax"),
}
MEASURED = Path(__file__).with_name("kernels.csv")
"""Rates of forms by device, model and dtype, from `python -m ci.bench variants`. A device without
rows computes with `PLAIN`."""


@dataclass(frozen=True)
class Kernels:
    """Forms of a train step's parts; parameters are the same, and results are up to rounding.

    Attributes:
        attention: `xla`: our own with a backward pass of its own; `jax`: JAX's, with automatic
            differentiation; `cudnn`: JAX's call of cuDNN, on NVIDIA GPUs in bfloat16 alone;
            `tokamax`: tokamax's choice for the device, on a CPU XLA.
        joined: true if query, key and value are one product, and so the two that a gated layer
            begins with.
        norm, mlp: `xla`, or `tokamax`: its kernels of RMSNorm and of the gated linear unit.
    """

    attention: str = "xla"
    joined: bool = False
    norm: str = "xla"
    mlp: str = "xla"

    def __post_init__(self):
        for name, forms in FORMS.items():
            if getattr(self, name) not in forms:
                raise InputError(
                    f"{name} '{getattr(self, name)}' is no form of a train step's kernels: choose "
                    f"one of {', '.join(forms)}"
                )
        if self.needs_tokamax and not find_spec("tokamax"):
            raise InputError(
                "kernels of tokamax are asked for, and it is not installed: pip install "
                "'flanrepro[gpu]', or choose other kernels"
            )

    @property
    def needs_tokamax(self) -> bool:
        return "tokamax" in (self.attention, self.norm, self.mlp)


PLAIN = Kernels()
"""XLA's forms, which run on every device."""


def tokamax() -> ModuleType:
    """Imports tokamax, an extra of the package, with its settings at their defaults."""
    import tokamax
    from absl import flags

    # Else its settings are looked for on the command line of whatever program this is.
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
    return tokamax


def chosen(model: str, dtype: str) -> Kernels:
    """Gives the fastest measured forms for JAX's first device that are installed here.

    Args:
        model: name of a size.
        dtype: name of the activations' type.
    """
    wanted = {"device": jax.devices()[0].device_kind, "model": model, "dtype": dtype}
    usable = [
        row
        for row in _measured()
        if wanted.items() <= row.items() and ("tokamax" not in row.values() or find_spec("tokamax"))
    ]
    if not usable:
        return PLAIN
    best = max(usable, key=lambda row: float(row["tokens_per_s"]))
    forms = {field.name: best[field.name] for field in fields(Kernels)}
    return Kernels(**forms | {"joined": best["joined"] == "True"})


def _measured() -> list[dict[str, str]]:
    with MEASURED.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
