"""Engines in turn, each in a process of its own: `python -m ci.bench train`."""

import contextlib
import importlib
import os
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

import numpy as np
import pandas as pd
from ci.bench.engines import ENGINES, NEEDS, PARTNERS, Engine, Setup
from ci.bench.flops import peak, train_flops
from ci.bench.processes import process, serve
from ci.bench.rows import Batch, useful_tokens

from flanrepro.model.sizes import T5Config, t5_config

Turn = Callable[[float], dict]
"""Trains for about so many seconds, one step at least, and gives what `turns` measures."""

RUN = ["model", "optimizer", "engine"]


def turns(engine: Engine, useful: list[int], config: T5Config) -> Turn:
    """An engine's turns, after three steps that do not count: the first one compiles.

    Args:
        engine: see `Engine`.
        useful: tokens per batch that are no padding.
        config: of the model.

    Returns:
        a turn; it gives useful_tokens_per_s, useful_tokens_per_cpu_s (of the process's CPU time,
        which other work on the machine hardly changes), useful_fraction (of all tokens),
        ms_per_step, model_flops_per_s, loss (the turn's mean), useful_tokens (since the start, in
        the turn's middle) and peak_mib.
    """
    done, seen = 0, 0

    def steps(n: int) -> dict:
        nonlocal done, seen
        numbers = [i % len(useful) for i in range(done, done + n)]
        began, cpu_began = time.perf_counter(), time.process_time()
        loss = engine.run(numbers)
        elapsed, cpu = time.perf_counter() - began, time.process_time() - cpu_began
        tokens = sum(useful[i] for i in numbers)
        shapes = [engine.shapes[i] for i in numbers]
        done, seen = done + n, seen + tokens
        return {
            "useful_tokens_per_s": tokens / elapsed,
            "useful_tokens_per_cpu_s": tokens / cpu,
            "useful_fraction": tokens / sum(rows * (a + b) for rows, a, b in shapes),
            "ms_per_step": 1e3 * elapsed / n,
            "model_flops_per_s": sum(train_flops(config, *shape) for shape in shapes) / elapsed,
            "loss": loss,
            "useful_tokens": seen - tokens / 2,
            "peak_mib": engine.peak_mib(),
        }

    steps(1)
    last = steps(2)

    def turn(seconds: float) -> dict:
        nonlocal last
        last = steps(max(1, round(1e3 * seconds / last["ms_per_step"])))
        return last

    return turn


def alternate(engines: dict[tuple[str, str], Turn], rounds: int, seconds: float) -> pd.DataFrame:
    """Each engine, by its optimizer and name, in turn for about `seconds`, `rounds` times."""
    rows = [
        {"optimizer": optimizer, "engine": name, "round": i} | turn(seconds)
        for i in range(rounds)
        for (optimizer, name), turn in engines.items()
    ]
    return pd.DataFrame(rows)


def summary(rounds: pd.DataFrame, device: str, dtype: str) -> pd.DataFrame:
    """Medians over rounds, a row per model, optimizer and engine.

    `loss` is read where each engine has seen as many useful tokens, `loss_at`, as the slowest of
    its model and optimizer has in its last round; `ratio` is of useful tokens/s to those
    of the engine that ours is compared with under that optimizer. `utilisation` is of what the
    device can do at most; of padding too: model FLOPs count all of a row.
    """
    groups = rounds.groupby(RUN, sort=False)
    rate = groups["useful_tokens_per_s"]
    table = pd.DataFrame(
        {
            "useful_tokens_per_s": rate.median(),
            "slowest": rate.min(),
            "fastest": rate.max(),
            "useful_tokens_per_cpu_s": groups["useful_tokens_per_cpu_s"].median(),
            "padding": 1 - groups["useful_fraction"].median(),
            "ms_per_step": groups["ms_per_step"].median(),
            "model_gflops_per_s": groups["model_flops_per_s"].median() / 1e9,
            "peak_mib": groups["peak_mib"].max(),
        }
    )
    table["utilisation"] = table["model_gflops_per_s"] * 1e9 / peak(device, dtype)
    at = groups["useful_tokens"].max().groupby(RUN[:2], sort=False).transform("min")
    table["loss_at"] = at
    table["loss"] = [
        np.interp(at[key], rows["useful_tokens"], rows["loss"]) for key, rows in groups
    ]
    rates = table["useful_tokens_per_s"]
    others = [rates.get((*key[:2], PARTNERS[key[1]]), np.nan) for key in rates.index]
    table["ratio"] = rates / others
    return table.reset_index()


def compare(
    models: list[str],
    optimizers: list[str],
    others: list[str],
    packed: tuple[list[Batch], int],
    options: dict,
    rounds: int,
    seconds: float,
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame, dict]]:
    """Measures all engines on all models, those of one model in turn.

    Args:
        models: sizes of `flanrepro.model.sizes`.
        optimizers: ours is measured with each of them.
        others: engines to compare with; one that is not installed is named and left out.
        packed: the batches, and the vocabulary's size.
        options: `dtype` and `remat`.
        rounds, seconds: see `alternate`.

    Yields:
        after each model, of all so far: `summary`, the rounds behind it, and what they depend on,
        device and versions.
    """
    batches, vocabulary_size = packed
    measured, compiled, facts = [], {}, {}
    for model in models:
        config = t5_config(model, vocabulary_size, dtype=options["dtype"])
        with contextlib.ExitStack() as stack:
            running = {}
            for optimizer in optimizers:
                for name in ("flanrepro", *(o for o in others if o == PARTNERS[optimizer])):
                    setup = Setup(config, optimizer, options["remat"])
                    turn, said = stack.enter_context(process(name, _work, name, setup, batches))
                    if "missing" in said:
                        print(f"{name} is left out, it is not installed: {said['missing']}")
                        continue
                    running[optimizer, name] = turn
                    compiled[model, optimizer, name] = said["compiled_mib"]
                    facts = said["versions"] | {"device": said["device"]} | facts
            measured.append(alternate(running, rounds, seconds).assign(model=model))
        so_far = pd.concat(measured, ignore_index=True)
        table = summary(so_far, facts["device"], options["dtype"])
        keys = table[RUN].itertuples(index=False, name=None)
        yield table.assign(compiled_mib=[compiled[key] for key in keys]), so_far, facts


def _work(connection: Connection, name: str, setup: Setup, batches: list[Batch]) -> None:
    """An engine in its process: says its device, compiled_mib and versions, or what is `missing`
    to import it; then answers with turns of so many seconds."""
    # Before JAX starts: several processes share an accelerator.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    try:
        for module in NEEDS[name]:
            importlib.import_module(module)
    except ImportError as error:
        connection.send({"missing": str(error)})
        return
    engine = ENGINES[name](setup, batches)
    turn = turns(engine, [useful_tokens(batch) for batch in batches], setup.config)
    facts = {"device": engine.device, "compiled_mib": engine.compiled_mib}
    serve(connection, facts | {"versions": engine.versions}, turn)
