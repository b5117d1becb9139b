"""Whether small runs at once pay: steps of all of them per second, by how many there are."""

import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from ci.bench.rows import packed_rows, shape

from ci.gpu.many import make_step
from flanrepro.model.sizes import t5_config
from flanrepro.training.step import Metrics, init_state

OPTIMIZER = ("adamw", 1e-3, 0)


def table(
    models: list[str], at_once: list[int], data: str, rounds: int, seconds: float
) -> pd.DataFrame:
    """A row per model and number of runs, of profile `quick`'s shape.

    Returns:
        model, rows, inputs_length, targets_length, at_once, run_steps_per_s (steps of all runs
        together: median over rounds, in turn), ratio (to one run at a time), compile_s.
    """
    batches, size = packed_rows(data, 1, rows=8, inputs_length=256, targets_length=64)
    rows = []
    for model in models:
        made = {n: _steps(t5_config(model, size), batches[0], n) for n in at_once}
        rates: dict[int, list[float]] = {n: [] for n in at_once}
        for _ in range(rounds):
            for n, (step, _) in made.items():
                rates[n].append(n * _steps_per_s(step, seconds))
        medians = {n: statistics.median(found) for n, found in rates.items()}
        told = {"model": model, **shape(batches[0])}
        for n, (_, compile_s) in made.items():
            rate = {"run_steps_per_s": medians[n], "ratio": medians[n] / medians[at_once[0]]}
            rows.append(told | {"at_once": n, **rate, "compile_s": compile_s})
    return pd.DataFrame(rows)


def _steps(config, batch: dict, n: int):
    """One step of `n` runs, compiled, and the seconds of that."""
    stack = lambda trees: jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)  # noqa: E731
    kept = {"state": stack([init_state(config, *OPTIMIZER, seed=i) for i in range(n)])}
    metrics, keys = stack([Metrics.zero()] * n), jnp.stack([jax.random.key(i) for i in range(n)])
    batches = {name: np.stack([rows] * n) for name, rows in batch.items()}
    step = make_step(config, OPTIMIZER, (("z_loss", 0.0),))

    def run() -> None:
        kept["state"], sums = step(kept["state"], metrics, batches, keys)
        jax.block_until_ready(sums)

    began = time.perf_counter()
    run()
    return run, time.perf_counter() - began


def _steps_per_s(step, seconds: float) -> float:
    began, done = time.perf_counter(), 0
    while done == 0 or time.perf_counter() - began < seconds:
        step()
        done += 1
    return done / (time.perf_counter() - began)
