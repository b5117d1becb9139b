"""What a train step's time on one core goes into, by XLA's trace: `python -m ci.bench profile`."""

import collections
import gzip
import json
import re
import tempfile
from pathlib import Path

import pandas as pd

from ci.bench.common import in_process
from flanrepro import allocator

STEPS = 10
"""Steps that are traced, after as many that are not."""

PARTS = (
    # A pattern of names, and the part of the step that they are of; the first that fits counts.
    (r"^dot|dot_general$", "matrix products, with what is fused to them"),
    (r"_attend", "attention's softmax and masks"),
    (r"relpos_bias", "position bias"),
    (r"norm", "norms"),
    (r"mlp", "gated layers"),
    (r"logits|embed|jvp\(\)", "embedding, logits and loss"),
    (r"decoder|encoder|Transformer", "residual paths and layouts"),
)
REST = "optimizer, sums and copies"


def table(models: list[str]) -> pd.DataFrame:
    """Columns model, part, ms (of a step) and share: a row for each part of each model's step.

    The step is that of `python -m ci.bench train --rows 8`, with AdamW, on one core.
    """
    how = {"one_core": True, "environment": allocator.environment()}
    rows = [row for model in models for row in in_process(_profiled, model, **how)]
    return pd.DataFrame(rows, columns=["model", "part", "ms", "share"])


def _profiled(model: str) -> list[tuple]:
    """In a process of one core: the rows of a model."""
    import jax

    from ci.bench.engines import LEARNING_RATE
    from ci.bench.rows import packed_rows
    from flanrepro.model.sizes import DECODER_ONLY_SIZES, t5_config
    from flanrepro.training.step import Metrics, init_state, make_train_step

    batches, size = packed_rows("pocket", STEPS, 8, 256, 64, model in DECODER_ONLY_SIZES)
    config, optimizer = t5_config(model, size), ("adamw", LEARNING_RATE, 0)
    step, key = make_train_step(config, *optimizer, z_loss=0.0), jax.random.key(0)
    state, metrics = init_state(config, *optimizer, seed=0), Metrics.zero()
    compiled = step.lower(state, metrics, batches[0], key).compile()

    def train() -> None:
        nonlocal state, metrics
        for batch in batches:
            state, metrics = compiled(state, metrics, batch, key)
        jax.block_until_ready(metrics)

    train()
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            train()
        spent = _by_operation(Path(folder))
    named = dict(re.findall(r'%?([\w.\-]+) = .*op_name="([^"]+)"', compiled.as_text()))
    parts: collections.Counter[str] = collections.Counter()
    for operation, ms in spent.items():
        parts[_part(operation, named.get(operation, ""))] += ms
    whole = sum(parts.values())
    return [(model, part, ms, ms / whole) for part, ms in parts.most_common()]


def _by_operation(folder: Path) -> dict[str, float]:
    """Milliseconds of a step by the name of XLA's operation."""
    (path,) = folder.rglob("*.trace.json.gz")
    spent: collections.Counter[str] = collections.Counter()
    for event in json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]:
        if operation := event.get("args", {}).get("hlo_op"):
            spent[operation] += event["dur"] / 1e3 / STEPS
    return spent


def _part(operation: str, name: str) -> str:
    """The part of the step that an operation is of.

    Args:
        operation: XLA's name, e.g. `dot.3`.
        name: where it is from, e.g. `jit(train_step)/.../encoder/layers_0/mlp/wo/dot_general`.
    """
    found = (p for pattern, p in PARTS if any(re.search(pattern, n) for n in (operation, name)))
    return next(found, REST)
