"""Which forms of a train step's parts are the fastest on a device: `python -m ci.bench variants`.

Each variant trains in a process of its own, one after the other, so that its memory is its own. A
variant that cannot run is a row with the reason.
"""

import itertools
import time
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from ci.bench.common import in_process, timed
from ci.bench.engines import Setup, flanrepro
from ci.bench.peak import matmul_flops_per_s
from ci.bench.rows import Batch, shape, useful_tokens
from ci.bench.train_step import turns
from flanrepro.model.kernels import FORMS, Kernels
from flanrepro.model.sizes import DECODER_ONLY_SIZES, t5_config

VARIANTS = {
    "plain": {},
    "cudnn": {"joined": True, "attention": "cudnn"},
    "tokamax": {"joined": True, "attention": "tokamax"},
    "joined": {"joined": True},
    "jax": {"joined": True, "attention": "jax"},
    "tokamax_whole": {
        "joined": True,
        "attention": "tokamax",
        "norm": "tokamax",
        "mlp": "tokamax",
    },
}
"""Fields of `flanrepro.model.kernels.Kernels` by the variant's name: the one that others are
compared with, then those of which most is hoped."""

ALIKE = 0.01
"""Share by which a variant's first losses may differ from the first variant's to be chosen: more
than bfloat16 or TensorFloat-32 round off, less than a wrong gradient would leave."""

FIRST_LOSSES = 3
"""Number of steps whose losses are compared; the second and third depend on the gradients."""

KEPT = (
    "device", "model", "dtype", *("attention", "joined", "norm", "mlp"), "tokens_per_s",
    "utilisation", "peak_mib", "rows", "inputs_length", "targets_length", "jax",
)  # fmt: skip
"""Columns of `flanrepro/model/kernels.csv`."""


def measure(
    models: list[str],
    variants: list[str],
    packed: Callable[[bool], tuple[list[Batch], int]],
    options: dict,
    seconds: float,
    minutes: float,
) -> Iterator[tuple[pd.DataFrame, dict]]:
    """Measures variants on sizes of `flanrepro.model.sizes`, each variant on all of them in turn,
    so that a run that is stopped has the first variants of every size.

    Args:
        models, variants: names; the first variant is what losses are compared with.
        packed: function that gives the batches, a decoder-only model's if True, and the
            vocabulary's size.
        options: `dtype`, `optimizer` and `remat`.
        seconds: length of a turn, of which a variant has three.
        minutes: time after which no further variant is begun.

    Yields:
        after each variant, of all so far: the table and what it depends on. Rates are medians of
        the turns; `utilisation` is of `matmul_gflops_per_s`, the rate of large products in the same
        run; `apart` is the largest difference of the first losses from the first variant's, as a
        share; `chosen` marks the fastest of a model whose losses agree.
    """
    until = time.monotonic() + 60 * minutes
    facts = in_process(_device, options["dtype"])
    matmul = facts.pop("matmul_flops_per_s")
    rows, first = [], {}
    for name, model in itertools.product(variants, models):
        batches, vocabulary_size = packed(model in DECODER_ONLY_SIZES)
        row = {"model": model, "variant": name, **_forms(name), **options, **shape(batches[0])}
        if time.monotonic() > until:
            row["error"] = f"not begun: {minutes:g} minutes were over"
        else:
            row |= _attempt(name, model, vocabulary_size, batches, options, seconds)
        if losses := row.pop("losses", None):
            known = first.setdefault(model, losses)
            row["apart"] = max(abs(a / b - 1) for a, b in zip(losses, known, strict=True))
            row["matmul_gflops_per_s"] = matmul / 1e9
            row["utilisation"] = row.pop("model_flops_per_s") / matmul
        rows.append(row)
        yield _with_choice(pd.DataFrame(rows)), facts


def kept(table: pd.DataFrame, where: dict) -> str:
    """Gives the measured rows as lines of `flanrepro/model/kernels.csv`."""
    ran = table[table["tokens_per_s"].notna() & (table["apart"] < ALIKE)].assign(**where)
    lines = ran.reindex(columns=KEPT).to_csv(index=False, header=False, float_format="%.6g")
    return lines.strip()


def _forms(name: str) -> dict:
    plain = {"attention": "xla", "joined": False} | {part: "xla" for part in FORMS}
    return plain | VARIANTS[name]


def _with_choice(table: pd.DataFrame) -> pd.DataFrame:
    columns = ("tokens_per_s", "apart", "error")
    table = table.assign(**{name: table.get(name, np.nan) for name in columns})
    rates = table["tokens_per_s"].where(table["apart"] < ALIKE)
    return table.assign(chosen=rates == rates.groupby(table["model"]).transform("max"))


def _device(dtype: str) -> dict:
    """Says what a number depends on, and measures the rate of products."""
    import jax

    flops = matmul_flops_per_s(dtype)
    return {"device": jax.devices()[0].device_kind, "matmul_flops_per_s": flops}


def _attempt(name: str, *arguments) -> dict:
    """Measures a variant in a process of its own; gives the `error` if it cannot run."""
    try:
        return in_process(_measured, name, *arguments)
    except SystemExit as ended:  # the process was killed, as by a lack of memory
        return {"error": str(ended)}


def _measured(
    name: str,
    model: str,
    vocabulary_size: int,
    batches: list[Batch],
    options: dict,
    seconds: float,
) -> dict:
    try:
        config = t5_config(model, vocabulary_size, dtype=options["dtype"])
        kernels = Kernels(**VARIANTS[name])
        setup = Setup(config, options["optimizer"], options["remat"], kernels)
        compile_s, engine = timed(lambda: flanrepro(setup, batches))
        losses = [engine.run([0]) for _ in range(FIRST_LOSSES)]
        turn = turns(engine, [useful_tokens(batch) for batch in batches], config)
        found = pd.DataFrame([turn(seconds) for _ in range(3)]).median()
    except Exception as error:  # whatever a kernel does not support is said in its row
        return {"error": f"{type(error).__name__}: {error}".partition("\n")[0]}
    return {
        "tokens_per_s": found["useful_tokens_per_s"] / found["useful_fraction"],
        "useful_tokens_per_s": found["useful_tokens_per_s"],
        "ms_per_step": found["ms_per_step"],
        "model_flops_per_s": found["model_flops_per_s"],
        "peak_mib": engine.peak_mib(),
        "compiled_mib": engine.compiled_mib,
        "compile_s": compile_s,
        "losses": losses,
    }
