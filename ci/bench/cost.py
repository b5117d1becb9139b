"""What runs of the paper's recipe cost: arithmetic on `flops`, nothing is measured."""

from collections.abc import Iterator

import pandas as pd
from ci.bench.flops import peak, train_flops

from flanrepro.experiments.profiles import Job
from flanrepro.experiments.sweep import SWEEPS
from flanrepro.model.sizes import SIZES, t5_config
from flanrepro.model.t5 import param_count
from flanrepro.training.spec import RunSpec

VOCABULARY = 32_128
"""Rows of T5's embedding."""

UTILISATION = 0.4
"""Of the device's peak: an assumption. MaxText's list of tuned dense models has 0.39 to 0.65."""

PRICE = {"NVIDIA H100": 3.0, "TPU v4": 3.22}
"""Dollars per device and hour: 2.49 to 3.99 is asked for an H100 in 2026 by clouds that rent single
ones; TPU v4's is Google's list price on demand. Prices move: multiply by your own."""

COLUMNS = ("what", "runs", "parameters", "tokens", "flops_per_step", "flops")


def hours(flops: float, device: str) -> float:
    """Of one device at `UTILISATION`."""
    return flops / (UTILISATION * peak(device, "bfloat16")) / 3600


def table() -> pd.DataFrame:
    """A row per size of T5 for one run of profile `paper`, then one per sweep of the paper.

    Returns:
        what, runs, parameters, tokens (padding included), flops_per_step, flops, and for each
        device hours and dollars.
    """
    rows = [_one_run(size) for size in SIZES if SIZES[size][0] >= SIZES["small"][0]]
    rows += _sweeps()
    frame = pd.DataFrame(rows, columns=COLUMNS)
    for device, price in PRICE.items():
        name = device.rpartition(" ")[2].lower()
        frame[f"{name}_hours"] = [hours(flops, device) for flops in frame["flops"]]
        frame[f"{name}_dollars"] = frame[f"{name}_hours"] * price
    return frame


def _one_run(size: str) -> dict:
    spec = _paper_run(size)
    return {
        "what": size,
        "runs": 1,
        "parameters": param_count(t5_config(size, VOCABULARY)),
        "tokens": _tokens(spec),
        "flops_per_step": _flops_per_step(spec),
        "flops": _flops_per_step(spec) * spec.steps,
    }


def _paper_run(size: str) -> RunSpec:
    job = Job(profile="paper", collection="flan2022")
    return RunSpec(collection="flan2022", model=size, **job.settings.run)


def _sweeps() -> Iterator[dict]:
    """The paper's sweeps, one seed each; a run that two share is counted in the first.

    Which runs they have is counted on pocket, whose `full` varies the same: real data need not be
    at hand. Figure 4's are of all of `paper`'s sizes, the others of its model.
    """
    paper, seen = Job(profile="paper", collection="flan2022").settings, set()
    for name, sweep in SWEEPS.items():
        sizes = paper.sizes if name == "task_scaling" else (paper.model,)
        varied = sweep.specs(Job(profile="full", model="nano", seeds=1))
        new = {(spec, size) for spec in varied for size in sizes} - seen
        seen |= new
        specs = [_paper_run(size) for _, size in new]
        yield {
            "what": name,
            "runs": len(specs),
            "tokens": sum(map(_tokens, specs)),
            "flops": sum(_flops_per_step(spec) * spec.steps for spec in specs),
        }


def _tokens(spec: RunSpec) -> int:
    return spec.steps * spec.batch_size * (spec.inputs_length + spec.targets_length)


def _flops_per_step(spec: RunSpec) -> int:
    config = t5_config(spec.model, VOCABULARY)
    return train_flops(config, spec.batch_size, spec.inputs_length, spec.targets_length)
