"""Where a CPU, one device and a mesh stop being enough for a size, at the paper's recipe."""

import itertools

import pandas as pd

from ci.bench.common import OUT
from ci.bench.costs import rented
from ci.bench.lowered import paper_config, paper_run
from ci.bench.paper_costs import flops_per_step
from flanrepro.training.memory import least_bytes


def table(sizes: list[str]) -> pd.DataFrame:
    """What a size takes at least, one row of the paper's batch at a time.

    A CPU's rate is the measured one of `train.csv` under Adafactor: the size's own, or that of the
    largest measured one.

    Returns:
        a row per size: model, parameters, least_gb (`flanrepro.training.memory.least_bytes`), for
        each device the least model axis, a power of two, that holds that; cpu_as (size measured),
        cpu_gflops_per_s, cpu_days (one run), cpu_steps_per_day.
    """
    measured = pd.read_csv(OUT / "train.csv")
    ours = measured.query("engine == 'flanrepro' and optimizer == 'adafactor'").set_index("model")
    rates, rows = ours["model_gflops_per_s"], []
    for size in sizes:
        spec = paper_run(size)
        config = paper_config(spec)
        least, _ = least_bytes(paper_run(size, microbatches=spec.batch_size), config)
        row = {"model": size, "parameters": config.parameters, "least_gb": least / 1e9}
        for device, facts in rented().iterrows():
            row[f"{device}_model_axis"] = next(
                2**n for n in itertools.count() if least / 2**n <= facts["memory"]
            )
        like = size if size in rates else rates.idxmax()
        per_day = 86_400 * 1e9 * rates[like] / flops_per_step(spec)
        row |= {"cpu_as": like, "cpu_gflops_per_s": rates[like]}
        rows.append(row | {"cpu_days": spec.steps / per_day, "cpu_steps_per_day": per_day})
    return pd.DataFrame(rows)
