"""The roofline of a train step per size: what bounds it on a device, and how far that lets it go.

FLOPs and bytes are XLA's counts of the program before it is optimized, so that no device is needed
and no parameter is made. One and two layers per stack on two and three rows are counted: a step is
linear in both (`tests/ci/test_roofline.py`); on a row alone JAX leaves a few operations out.
"""

import sys
import unittest.mock
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np
import pandas as pd
from jax.extend.core import Jaxpr, jaxprs_in_params

from ci.bench.costs import rented, train_flops
from ci.bench.lowered import paper_config, paper_run, traced_step
from flanrepro.model.sizes import T5Config
from flanrepro.training import step
from flanrepro.training.spec import RunSpec

SIZES = ("nano", "small", "base", "large", "xl", "xxl")
ROWS = (64, 1)
"""The paper's batch on one device, and a device's part of it on 64 of them."""


class Counted(NamedTuple):
    """What a train step does.

    Attributes:
        flops: XLA's count, with rematerialisation, softmax, norms and the optimizer.
        on_chip: bytes if matrix products alone read their operands and write their results, but for
            attention's arrays of queries by keys, and the optimizer reads and writes its arrays and
            the gradients once. It takes a kernel that keeps those arrays on the chip, which this
            project has not; with one it is a lower bound.
        fused: bytes with those arrays: what is left if XLA fuses all else into the products.
        unfused: bytes that every operation reads and writes if none is fused with another: XLA's
            count, an upper bound.
    """

    flops: float
    on_chip: float
    fused: float
    unfused: float


WAYS = ("on_chip", "fused", "unfused")


def counted(spec: RunSpec, config: T5Config) -> Counted:
    """Counts a step of one microbatch, all logits at once: XLA counts the body of a loop once.

    Microbatches would read the parameters and write the gradients once more each.
    """
    with unittest.mock.patch.object(step, "LOGITS", sys.maxsize):
        traced = traced_step(spec, config)
    cost, state = traced.lower().cost_analysis(), traced.args_info[0][0]
    numbers = sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(state))
    optimizer = 4 * (2 * numbers + config.parameters)  # read and written; gradients are read
    products, of_pairs = bytes_of_products(
        traced.jaxpr.jaxpr, {spec.inputs_length, spec.targets_length}
    )
    fused = float(optimizer + products)
    return Counted(cost["flops"], fused - of_pairs, fused, cost["bytes accessed"])


def bytes_of_products(jaxpr: Jaxpr, lengths: set[int]) -> tuple[int, int]:
    """Bytes that matrix products read and write, and those of arrays of positions by positions.

    Args:
        jaxpr: program, whose loops count once.
        lengths: numbers of positions of a row.
    """
    arrays = [
        each.aval for product in _products(jaxpr) for each in (*product.invars, *product.outvars)
    ]
    square = [array for array in arrays if array.ndim > 2 and set(array.shape[-2:]) <= lengths]
    return tuple(sum(a.size * a.dtype.itemsize for a in these) for these in (arrays, square))


def _products(jaxpr: Jaxpr) -> Iterator:
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            yield equation
        for inner in jaxprs_in_params(equation.params):
            yield from _products(inner)


def linear(count: Callable[[int, int], Counted], rows: int, layers: int) -> Counted:
    """What a step with `rows` rows and `layers` layers per stack has, from those with few."""
    few = {(r, n): np.array(count(r, n)) for r in (2, 3) for n in (1, 2)}
    two, three = (few[r, 1] + (layers - 1) * (few[r, 2] - few[r, 1]) for r in (2, 3))
    return Counted(*(two + (rows - 2) * (three - two)).tolist())


def table(sizes: list[str]) -> pd.DataFrame:
    """The roofline of each size at the paper's lengths, in bfloat16 with rematerialisation.

    Returns:
        a row per size, number of rows and device: model, parameters, rows, inputs_length,
        targets_length, flops_formula (see `ci.bench.costs.train_flops`), flops_xla and
        flops_xla_kept (without rematerialisation), ratio and ratio_kept (to the formula's), device,
        ridge (its FLOPs per byte); and by each of the counts `WAYS` of bytes: bytes, intensity
        (FLOPs per byte), bound (`compute` or `memory`), ms (the least that a step takes) and
        utilisation (the most, of the formula's FLOPs).
    """
    return pd.DataFrame([row for size in sizes for row in _of_size(size)])


def _of_size(size: str) -> Iterator[dict]:
    def count(remat: bool) -> Callable[[int, int], Counted]:
        def one(rows: int, layers: int) -> Counted:
            spec = paper_run(size, batch_size=rows, microbatches=1, remat=remat)
            return counted(spec, paper_config(spec, layers))

        return one

    spec = paper_run(size)
    config, lengths = paper_config(spec), (spec.inputs_length, spec.targets_length)
    named = {"model": size, "parameters": config.parameters}
    for rows in ROWS:
        again, kept = (linear(count(r), rows, config.num_encoder_layers) for r in (True, False))
        formula = train_flops(config, rows, *lengths)
        told = named | {"rows": rows, "inputs_length": lengths[0], "targets_length": lengths[1]}
        told |= {"flops_formula": formula, "flops_xla": again.flops, "flops_xla_kept": kept.flops}
        told |= {"ratio": again.flops / formula, "ratio_kept": kept.flops / formula}
        told |= {f"bytes_{way}": getattr(again, way) for way in WAYS}
        told |= {f"intensity_{way}": again.flops / getattr(again, way) for way in WAYS}
        for device, row in rented().iterrows():
            yield told | {"device": device} | _on(row, again, formula)


def _on(device: pd.Series, done: Counted, formula: int) -> dict:
    computing, found = done.flops / device["flops"], {}
    for way in WAYS:
        moving = getattr(done, way) / device["bandwidth"]
        found[f"bound_{way}"] = "compute" if computing >= moving else "memory"
        found[f"ms_{way}"] = 1e3 * max(computing, moving)
        found[f"utilisation_{way}"] = formula / device["flops"] / max(computing, moving)
    return {"ridge": device["flops"] / device["bandwidth"]} | found
