"""Rates of the train step: engines in turn, each in a process of its own; and runs at once."""

import contextlib
import functools
import importlib
import itertools
import os
import resource
import time
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from ci.bench.common import in_turn, process, rate, timed
from ci.bench.costs import train_flops
from ci.bench.engines import ENCODER_DECODERS_ALONE, ENGINES, NEEDS, PARTNERS, Engine, Setup
from ci.bench.rows import Batch, packed_rows, shape, useful_tokens
from flanrepro import allocator
from flanrepro.model.sizes import DECODER_ONLY_SIZES, T5Config, t5_config

Turn = Callable[[float], dict]
"""Trains for about the given number of seconds, one step at least, and gives what `turns` says."""

RUN = ["model", "optimizer", "engine"]

MATMUL = "matmul"
"""The key of what measures the rate of matrix products, in turn with the engines."""

# --- engines in turn ---


def turns(engine: Engine, useful: list[int], config: T5Config) -> Turn:
    """An engine's turns, after three steps that do not count: the first one compiles.

    Args:
        engine: what trains.
        useful: tokens per batch that are no padding.
        config: the model's.

    Returns:
        a turn; it gives useful_tokens_per_s, useful_tokens_per_cpu_s (of the process's CPU time,
        which other work on the machine hardly changes), useful_fraction (of all tokens),
        ms_per_step, model_flops_per_s, loss (the turn's mean), useful_tokens (since the start, in
        the turn's middle), page_faults (without disk) and system_s (CPU seconds in the kernel) of
        the process in this turn, and peak_mib.
    """
    done, seen = 0, 0

    def steps(n: int) -> dict:
        nonlocal done, seen
        numbers = [i % len(useful) for i in range(done, done + n)]
        before, cpu_began = resource.getrusage(resource.RUSAGE_SELF), time.process_time()
        elapsed, loss = timed(lambda: engine.run(numbers))
        cpu, after = time.process_time() - cpu_began, resource.getrusage(resource.RUSAGE_SELF)
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
            "page_faults": after.ru_minflt - before.ru_minflt,
            "system_s": after.ru_stime - before.ru_stime,
            "peak_mib": engine.peak_mib(),
        }

    steps(1)
    last = steps(2)

    def turn(seconds: float) -> dict:
        nonlocal last
        last = steps(max(1, round(1e3 * seconds / last["ms_per_step"])))
        return last

    return turn


def alternate(
    engines: dict[tuple[str, str, str], Turn],
    matmul: Callable[[float], float],
    rounds: int,
    seconds: float,
) -> pd.DataFrame:
    """Each engine, by `RUN`, in turn for about `seconds`, `rounds` times; a round's rows have its
    matmul_flops_per_s, which `matmul` measures."""
    turns = {MATMUL: matmul} | engines
    measured = in_turn({key: functools.partial(t, seconds) for key, t in turns.items()}, rounds)
    peaks = measured.pop(MATMUL)
    rows = [
        dict(zip(RUN, key, strict=True)) | {"round": i, "matmul_flops_per_s": peaks[i]} | each[i]
        for i in range(rounds)
        for key, each in measured.items()
    ]
    return pd.DataFrame(rows)


def summary(rounds: pd.DataFrame) -> pd.DataFrame:
    """Medians over rounds, a row per model, optimizer and engine.

    `loss` is read where each engine has seen as many useful tokens, `loss_at`, as the slowest of
    its model and optimizer has in its last round; `ratio` is of useful tokens/s to those
    of the engine that ours is compared with under that optimizer. `utilisation` is of what the
    device can do at most; of padding too: model FLOPs count all of a row. `page_faults` and
    `system_s` are per turn.
    """
    share = rounds["model_flops_per_s"] / rounds["matmul_flops_per_s"]
    groups = rounds.assign(utilisation=share).groupby(RUN, sort=False)
    speed, medians = groups["useful_tokens_per_s"], groups.median(numeric_only=True)
    table = pd.DataFrame(
        {
            "useful_tokens_per_s": medians["useful_tokens_per_s"],
            "slowest": speed.min(),
            "fastest": speed.max(),
            "useful_tokens_per_cpu_s": medians["useful_tokens_per_cpu_s"],
            "padding": 1 - medians["useful_fraction"],
            "ms_per_step": medians["ms_per_step"],
            "model_gflops_per_s": medians["model_flops_per_s"] / 1e9,
            "matmul_gflops_per_s": medians["matmul_flops_per_s"] / 1e9,
            "utilisation": medians["utilisation"],
            "page_faults": medians["page_faults"],
            "system_s": medians["system_s"],
            "peak_mib": groups["peak_mib"].max(),
        }
    )
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
    packed: Callable[[bool], tuple[list[Batch], int]],
    options: dict,
    rounds: int,
    seconds: float,
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame, dict]]:
    """Measures all engines on all models, those of one model in turn, and those of a decoder-only
    model with those of the encoder-decoder of its name where one is listed beside the other.

    Args:
        models: sizes of `flanrepro.model.sizes`.
        optimizers: names; ours is measured with each of them.
        others: names of engines to compare with; one that is not installed is named and left out.
        packed: function that gives the batches, a decoder-only model's if True, and the
            vocabulary's size.
        options: `dtype` and `remat`.
        rounds, seconds: see `alternate`.

    Yields:
        after each name, of all so far: `summary` with compiled_mib and the batches' shape, the
        rounds behind it, and what they depend on, device and versions.
    """
    measured, told, facts = [], {}, {}
    for _, group in itertools.groupby(models, lambda model: model.removeprefix("lm-")):
        with contextlib.ExitStack() as stack:
            running = {}
            for key in itertools.product(group, optimizers, ("flanrepro", *others)):
                turn, said = _start(stack, *key, packed, options)
                if turn is None:
                    continue
                running[key] = turn
                told[key] = said["told"]
                facts = said["versions"] | {"device": said["device"]} | facts
            matmul, _ = stack.enter_context(process(MATMUL, _matmul, options["dtype"]))
            measured.append(alternate(running, matmul, rounds, seconds))
        so_far = pd.concat(measured, ignore_index=True)
        table = summary(so_far)
        keys = table[RUN].itertuples(index=False, name=None)
        yield table.join(pd.DataFrame([told[key] for key in keys])), so_far, facts


def _start(
    stack: contextlib.ExitStack,
    model: str,
    optimizer: str,
    name: str,
    packed: Callable[[bool], tuple[list[Batch], int]],
    options: dict,
) -> tuple[Turn | None, dict]:
    """Starts an engine's process; no turn if the engine is not for this optimizer or model, or not
    installed."""
    if name not in ("flanrepro", PARTNERS[optimizer]):
        return None, {}
    if model in DECODER_ONLY_SIZES and name in ENCODER_DECODERS_ALONE:
        print(f"{name} is left out, it is not measured on decoder-only models: {model}")
        return None, {}
    batches, vocabulary_size = packed(model in DECODER_ONLY_SIZES)
    config = t5_config(model, vocabulary_size, dtype=options["dtype"])
    setup = Setup(config, optimizer, options["remat"])
    how = {"optional": name != "flanrepro", "environment": _environment(name)}
    turn, said = stack.enter_context(process(name, _work, name, setup, batches, **how))
    if "missing" in said:
        print(f"{name} is left out, it is not installed: {said['missing']}")
        return None, {}
    told = {"compiled_mib": said["compiled_mib"]} | shape(batches[0])
    return turn, said | {"told": told}


def _matmul(dtype: str) -> tuple[None, Callable[[float], float]]:
    """The rate of matrix products, measured in a process of its own."""
    from ci.bench.peak import matmul_flops_per_s

    return None, functools.partial(matmul_flops_per_s, dtype)


def _environment(name: str) -> dict[str, str]:
    """What an engine's process has in its environment: ours, what the commands that train have."""
    share = "XLA_PYTHON_CLIENT_PREALLOCATE"  # several processes share an accelerator
    variables = {share: os.environ.get(share, "false")}
    return variables | (allocator.environment() if name == "flanrepro" else {})


def _work(name: str, setup: Setup, batches: list[Batch]) -> tuple[dict, Turn]:
    """An engine in its process: its device, compiled_mib and versions, and its turns."""
    for module in NEEDS[name]:
        importlib.import_module(module)
    engine = ENGINES[name](setup, batches)
    turn = turns(engine, [useful_tokens(batch) for batch in batches], setup.config)
    facts = {"device": engine.device, "compiled_mib": engine.compiled_mib}
    return facts | {"versions": engine.versions}, turn


# --- runs at once ---

OPTIMIZER = ("adamw", 1e-3, 0)


def many(
    models: list[str], at_once: list[int], data: str, rounds: int, seconds: float
) -> pd.DataFrame:
    """Measures whether runs at once pay: a row per model and number of runs, of `quick`'s shape.

    Returns:
        model, rows, inputs_length, targets_length, at_once, run_steps_per_s (steps of all runs
        together: median over rounds, in turn), ratio (to one run at a time), compile_s.
    """
    rows = []
    for model in models:
        decoder_only = model in DECODER_ONLY_SIZES
        batches, size = packed_rows(data, 1, 8, 256, 64, decoder_only)
        steps = {n: _steps(t5_config(model, size), batches[0], n) for n in at_once}
        compile_s = {n: timed(step)[0] for n, step in steps.items()}
        measured = in_turn(
            {n: functools.partial(rate, s, seconds) for n, s in steps.items()}, rounds
        )
        medians = {n: n * np.median(rates) for n, rates in measured.items()}
        for n in at_once:
            found = {"run_steps_per_s": medians[n], "ratio": medians[n] / medians[at_once[0]]}
            told = {"model": model, **shape(batches[0]), "at_once": n}
            rows.append(told | found | {"compile_s": compile_s[n]})
    return pd.DataFrame(rows)


def _steps(config: T5Config, batch: Batch, n: int) -> Callable[[], None]:
    """One step of `n` runs; its first call compiles."""
    import jax
    import jax.numpy as jnp

    from ci.gpu.many import make_step, stacked
    from flanrepro.training.step import Metrics, init_state

    kept = {"state": stacked([init_state(config, *OPTIMIZER, seed=i) for i in range(n)])}
    metrics, keys = stacked([Metrics.zero()] * n), jnp.stack([jax.random.key(i) for i in range(n)])
    batches = {name: np.stack([rows] * n) for name, rows in batch.items()}
    step = make_step(config, OPTIMIZER, (("z_loss", 0.0),))

    def run() -> None:
        kept["state"], sums = step(kept["state"], metrics, batches, keys)
        jax.block_until_ready(sums)

    return run
