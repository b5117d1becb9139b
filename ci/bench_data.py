"""How quick the way from record to tokens is: `python ci/bench.py data`.

The reference implementation (FLAN v2's tf.data pipelines) gave 75 few-shot and 1,731 zero-shot
GSM8K examples/s, with 14 s to the first few-shot one, on two CPU cores.
"""

import statistics
import subprocess
import sys
import time

import pandas as pd

REFERENCE = {"few_shot": 75, "zero_shot": 1731}  # examples/s
REPEATS = 5


def _seconds(run, repeats: int = REPEATS) -> float:
    """Median wall-clock seconds of `run()`."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _import_seconds(statement: str) -> float:
    """Of an import in a fresh interpreter, less the interpreter's own start."""
    start, full = (
        _seconds(lambda code=code: subprocess.run([sys.executable, "-c", code], check=True))
        for code in ("pass", statement)
    )
    return full - start


def _made_up_mixture(tasks: int):
    from flanrepro.collection import Mixture, Task

    def load(split: str) -> list[dict[str, str]]:
        return [{"question": f"{split} question {i}?", "answer": str(i)} for i in range(1000)]

    made = [
        Task(f"task{i}", "niv2", "made up", load, {"train": 1000}, "pocket_fact")
        for i in range(tasks)
    ]
    return Mixture(tuple(made), weights=tuple(1 + (37 * i) % 101 / 7 for i in range(tasks)))


def _mixture_rows() -> list[dict]:
    rows = []
    for tasks in (10, 2000):
        build = _seconds(lambda n=tasks: _made_up_mixture(n))
        # A fresh mixture each time: no table is cached and no record is there.
        fresh = iter([_made_up_mixture(tasks) for _ in range(REPEATS)])
        first = _seconds(lambda mixtures=fresh: next(mixtures)[10_000_000])
        mixture = _made_up_mixture(tasks)
        for task in mixture.tasks:
            task.records("train")
        each = _seconds(lambda m=mixture: [m[i] for i in range(5000)]) / 5000
        rows += [
            {"what": f"build a mixture of {tasks} tasks", "value": build, "unit": "s"},
            {
                "what": f"first mixture[10_000_000], {tasks} tasks",
                "value": 1e3 * first,
                "unit": "ms",
            },
            {"what": f"mixture[i], {tasks} tasks", "value": 1 / each, "unit": "prompts/s"},
        ]
    return rows


def _gsm8k_rows(vocabulary_name: str) -> list[dict]:
    from flanrepro.collection import Mixture, load_collection
    from flanrepro.data.vocabulary import load_vocabulary

    task = load_collection("flan2022").task("cot_gsm8k")
    vocabulary, rows, n = load_vocabulary(vocabulary_name), [], 2000
    for setting, reference in REFERENCE.items():
        mixture = Mixture((task,), few_shot_fraction=float(setting == "few_shot"))
        began = time.perf_counter()
        vocabulary.encode(mixture[0].inputs)
        first = time.perf_counter() - began

        def encode(mixture=mixture) -> None:
            for i in range(n):
                prompt = mixture[i]
                vocabulary.encode(prompt.inputs)
                vocabulary.encode(prompt.targets)

        rate = n / _seconds(encode)
        name = f"GSM8K {setting}, tokenized"
        rows.append({"what": name, "value": rate, "unit": "examples/s"})
        rows.append({"what": f"{name}, reference", "value": reference, "unit": "examples/s"})
        rows.append({"what": f"{name}, ratio", "value": rate / reference, "unit": ""})
        rows.append({"what": f"{name}, first", "value": first, "unit": "s"})
    return rows


def data() -> pd.DataFrame:
    """Columns what, value, unit; medians of five."""
    rows = [{"what": "import flanrepro", "value": _import_seconds("import flanrepro"), "unit": "s"}]
    rows += _mixture_rows()
    rows += _gsm8k_rows("flan2022-4096")
    return pd.DataFrame(rows)
