"""How quick the way from record to tokens is: `python -m ci.bench data`."""

import dataclasses
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

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


class _Sized:
    """Stands for the records of a task that is not at hand: their number, and made-up text."""

    def __init__(self, task, n: int):
        from flanrepro.collection.templates import fields_of, load_templates

        parts = [t.instruction + t.inputs + t.targets for t in load_templates(task.templates)]
        self.fields = sorted({name for part in parts for name in fields_of(part)} - {"options"})
        self.name, self.n = task.name, n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> dict[str, str]:
        words = " and some more words" * 10
        return {field: f"{self.name} {field} {i}{words}" for field in self.fields}


def _stubbed(collection):
    """The collection with all of its tasks: those that are not at hand by their size only."""
    tasks, stubs = {}, 0
    for name, task in collection.tasks.items():
        if task.missing("train"):
            stubs += 1
            n = task.splits["train"] or 1000
            task = dataclasses.replace(
                task,
                load=lambda split, task=task, n=n: _Sized(task, n),
                splits={"train": n},
                approximate=False,
                find_missing=None,
                _cache={},
            )
        tasks[name] = task
    return dataclasses.replace(collection, tasks=tasks), stubs


def _anonymous_mib() -> float:
    """Resident memory of this process that is no file's, in MiB."""
    for line in Path("/proc/self/status").read_text().split("\n"):
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    return float("nan")


def whole() -> list[dict]:
    """The whole Flan 2022 mixture, in this process; the store holds what was read before."""
    began = time.perf_counter()
    from flanrepro.collection.named import named_mixture
    from flanrepro.sources import load_collection

    collection, stubs = _stubbed(load_collection("flan2022"))
    mixture = named_mixture("flan2022", collection).mixture
    built = time.perf_counter()
    mixture[0]
    first = time.perf_counter()
    few_shot = named_mixture("flan2022", collection, few_shot_fraction=1.0).mixture
    for i in range(2000):  # opens the tasks' records
        few_shot[i]
    rates = []
    for repeat in range(REPEATS):
        start = time.perf_counter()
        for i in range(5000):
            few_shot[repeat * 5000 + i]
        rates.append(5000 / (time.perf_counter() - start))
    memory = []
    for i in range(1_000_000):
        if i % 100_000 == 0:
            memory.append(_anonymous_mib())
        mixture[i]
    memory.append(_anonymous_mib())
    return [
        {"what": "flan2022: tasks", "value": len(mixture.tasks), "unit": ""},
        {"what": "flan2022: of these by size only", "value": stubs, "unit": ""},
        {"what": "flan2022: imported and built", "value": built - began, "unit": "s"},
        {"what": "flan2022: first prompt, with that", "value": first - began, "unit": "s"},
        {"what": "flan2022: few-shot", "value": statistics.median(rates), "unit": "prompts/s"},
        {"what": "flan2022: memory after 100,000 draws", "value": memory[1], "unit": "MiB"},
        {"what": "flan2022: memory after 1,000,000 draws", "value": memory[-1], "unit": "MiB"},
    ]


def _whole_rows() -> list[dict]:
    """`whole` in a fresh process, the second of two: the first reads the files into the store."""
    code = "import json, sys; sys.path.insert(0, 'ci'); import data as b; "
    run = [sys.executable, "-c", code + "print(json.dumps(b.whole()))"]
    warm = [sys.executable, "-c", code + "b.warm()"]
    subprocess.run(warm, check=True, cwd=Path(__file__).parent.parent)
    done = subprocess.run(run, check=True, capture_output=True, cwd=Path(__file__).parent.parent)
    return json.loads(done.stdout.decode().splitlines()[-1])


def warm() -> None:
    """Reads every training file that is at hand into the store."""
    from flanrepro.sources import load_collection

    for task in load_collection("flan2022").tasks.values():
        if not task.missing("train"):
            task.records("train")


def data() -> pd.DataFrame:
    """Columns what, value, unit; medians of five."""
    import render  # not above: `whole` measures what an import takes

    rows = [{"what": "import flanrepro", "value": _import_seconds("import flanrepro"), "unit": "s"}]
    rows += _mixture_rows()
    for setting in render.SETTINGS:
        rows += render.measure(setting, REPEATS, seconds=4.0)
    rows += _whole_rows()
    return pd.DataFrame(rows)
