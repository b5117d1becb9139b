"""How long an evaluation takes from a process's start to its answers: `python -m ci.bench cold`.

Each time is that of a new process, which imports its engine, loads the model and answers: ours
compiles, too, with nothing kept or with what the process before it kept on disk. The opponent is
lm-evaluation-harness, see `ci.bench.answering`. Processes are started in turn.
"""

import dataclasses
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ci.bench.answering import Case, cases, harness, ours
from ci.bench.common import in_process, in_turn

if TYPE_CHECKING:
    import pandas as pd

BATCH_SIZE = 32
"""The harness's: its best for most cases of `python -m ci.bench eval`."""


def table(sizes: Sequence[str], counts: Sequence[int], rounds: int, folder: Path) -> "pd.DataFrame":
    """Seconds of all cases, a row for each number of prompts and each engine.

    Args:
        sizes: see `ci.bench.answering.cases`.
        counts: numbers of prompts per suite; models other than `nano` get an eighth of the largest.
        rounds: processes of each engine.
        folder: path for the models that processes load.

    Returns:
        model, suite, shots, method, prompts, engine, seconds (median), fastest and slowest, ready
        (of these, median seconds until the model was loaded), and ratio, of the harness's seconds
        to the row's.
    """
    import pandas as pd

    from flanrepro.model import huggingface

    rows = []
    for count in counts:
        asked = sizes if count == max(counts) else [size for size in sizes if size == "nano"]
        for i, case in enumerate(cases(asked, count, False, folder)):
            own = folder / f"{count}-{i}"
            huggingface.write(case.model, own)
            rows += _measured(case, own, rounds)
    return pd.DataFrame(rows)


def _measured(case: Case, folder: Path, rounds: int) -> list[dict]:
    bare = dataclasses.replace(case, model=None, suite=None)
    asked = bare, case.suite.name, folder

    def compiled() -> dict[str, dict]:
        # The second process finds what the first has compiled.
        with tempfile.TemporaryDirectory() as kept:
            cache = {"JAX_COMPILATION_CACHE_DIR": kept}
            cache["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"  # as flanrepro has it
            where = {"environment": cache}
            names = "flanrepro", "flanrepro, compiled before"
            return {name: _started("flanrepro", *asked, **where) for name in names}

    turns = {
        "ours": compiled,
        "harness": lambda: {"harness": _started("harness", *asked)},
    }
    found: dict[str, list[dict]] = {}
    for passes in in_turn(turns, rounds).values():
        for one in passes:
            for name, times in one.items():
                found.setdefault(name, []).append(times)
    theirs = np.median([times["seconds"] for times in found["harness"]])
    told = {"model": case.model.name, "suite": case.suite.name, "shots": case.shots}
    told |= {"method": case.method, "prompts": len(case.items)}
    return [told | {"engine": name} | _row(times, theirs) for name, times in found.items()]


def _row(times: list[dict], theirs: float) -> dict:
    seconds, ready = ([one[name] for one in times] for name in ("seconds", "ready"))
    row = {"seconds": np.median(seconds), "fastest": min(seconds), "slowest": max(seconds)}
    return row | {"ready": np.median(ready), "ratio": theirs / row["seconds"]}


def _started(*asked, **how) -> dict:
    return in_process(_answer, *asked, time.time(), **how)


def _answer(engine: str, case: Case, suite: str, folder: Path, began: float) -> dict[str, float]:
    """In the new process: the seconds since `began` until it is ready, and until it has answered.

    Args:
        engine: `flanrepro` or `harness`.
        case: case without its model and its suite.
        suite: name of the suite in `pocket`.
        folder: path of the model.
        began: when the process was started, in seconds of the system's clock.
    """
    if engine == "flanrepro":
        from flanrepro.model import huggingface
        from flanrepro.sources import load_collection

        loaded = load_collection("pocket").suites[suite]
        case = dataclasses.replace(case, model=huggingface.read(folder), suite=loaded)
        answer = ours(case)
    else:
        answer = harness(case, folder, BATCH_SIZE)
    ready = time.time() - began
    answer()
    return {"ready": ready, "seconds": time.time() - began}
