"""How quick the way from a record to tokens is, beside the reference implementation's.

The reference is FLAN v2's tf.data pipelines. They are on no package index: PYTHONPATH has to name a
checkout of github.com/google-research/FLAN (its flan/v2/README.md says what it needs beside SeqIO
and t5) in which the archives of flan/v2/niv2_few_shot_data are unpacked.
"""

# What a process imports is measured here: flanrepro and what it needs is imported in functions.
import dataclasses
import functools
import importlib
import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ci.bench.common import in_process, in_turn, process, rate, timed

PUBLISHED = {"few_shot": 75, "zero_shot": 1731}
"""Examples/s of the reference on GSM8K, measured once on two CPU cores, with 14 s to the first
few-shot one and 3 s to the first zero-shot one: what is shown where it is not installed."""

TASK, VOCABULARY = "cot_gsm8k", "flan2022-4096"
LENGTHS = {"inputs": 2048, "targets": 512}  # the reference's own
SETTINGS = {"zero_shot": "zero_shot", "few_shot": "x_shot"}
"""The reference's name of its task of all templates, by setting."""


def table(rounds: int, seconds: float, draws: int) -> pd.DataFrame:
    """All that is measured here: columns what, value (median of `rounds`), unit, low and high (the
    slowest and the fastest round, where they are kept).

    Turns beside the reference take about `seconds`; `draws` prompts of flan2022 are drawn while its
    memory is watched.
    """
    imported = _start_seconds("import flanrepro", rounds) - _start_seconds("pass", rounds)
    rows = [("import flanrepro", imported, "s")]
    rows += _mixture_rows(rounds)
    for setting in SETTINGS:
        rows += tokenized(setting, rounds, seconds)
    rows += by_core(rounds, seconds)
    in_process(warm)  # reads the files into the store, so that the next process finds them there
    rows += in_process(whole, rounds, draws)
    names = ["what", "value", "unit", "low", "high"]
    return pd.DataFrame([dict(zip(names, row, strict=False)) for row in rows], columns=names)


# --- mixtures ---


def _median_seconds(run: Callable, repeats: int) -> float:
    return statistics.median(timed(run)[0] for _ in range(repeats))


def _start_seconds(code: str, repeats: int) -> float:
    run = functools.partial(subprocess.run, [sys.executable, "-c", code], check=True)
    return _median_seconds(run, repeats)


def _made_up_mixture(tasks: int):
    from flanrepro.collection import Mixture, Task

    def load(split: str) -> list[dict[str, str]]:
        return [{"question": f"{split} question {i}?", "answer": str(i)} for i in range(1000)]

    of = ("niv2", "made up", load, {"train": 1000}, "flan2021/natural_questions")
    made = [Task(f"task{i}", *of) for i in range(tasks)]
    return Mixture(tuple(made), weights=tuple(1 + (37 * i) % 101 / 7 for i in range(tasks)))


def _mixture_rows(repeats: int) -> Iterator[tuple]:
    for tasks in (10, 2000):
        build = _median_seconds(lambda n=tasks: _made_up_mixture(n), repeats)
        # A fresh mixture each time: no table is cached and no record is there.
        fresh = iter([_made_up_mixture(tasks) for _ in range(repeats)])
        first = _median_seconds(lambda mixtures=fresh: next(mixtures)[10_000_000], repeats)
        mixture = _made_up_mixture(tasks)
        for task in mixture.tasks:
            task.records("train")
        each = _median_seconds(lambda m=mixture: [m[i] for i in range(5000)], repeats) / 5000
        yield f"build a mixture of {tasks} tasks", build, "s"
        yield f"first mixture[10_000_000], {tasks} tasks", 1e3 * first, "ms"
        yield f"mixture[i], {tasks} tasks", 1 / each, "prompts/s"


# --- the whole of flan2022 ---


class _Sized:
    """Stands for a task's records that are not available: their number, and made-up text."""

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
    """The collection with all of its tasks, those without data by their size only; how many."""
    tasks, stubs = {}, 0
    for name, task in collection.tasks.items():
        if task.missing("train"):
            stubs += 1
            n = task.splits["train"] or 1000
            load = lambda split, task=task, n=n: _Sized(task, n)  # noqa: E731
            own = {"approximate": False, "find_missing": None}
            task = dataclasses.replace(task, load=load, splits={"train": n}, **own)
        tasks[name] = task
    return dataclasses.replace(collection, tasks=tasks), stubs


def _anonymous_mib() -> float:
    """Resident memory of this process that is no file's, in MiB; NaN elsewhere than on Linux."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    sizes = (int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))
    return next(sizes, float("nan"))


def whole(rounds: int, draws: int) -> list[tuple]:
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
    drawn = itertools.count()
    each = _median_seconds(lambda: [few_shot[next(drawn)] for _ in range(5000)], rounds) / 5000
    memory = {}
    for i in range(draws + 1):
        if i in (draws // 10, draws):
            memory[i] = _anonymous_mib()
        mixture[i]
    return [
        ("flan2022: tasks", len(mixture.tasks), ""),
        ("flan2022: of these by size only", stubs, ""),
        ("flan2022: imported and built", built - began, "s"),
        ("flan2022: first prompt, with that", first - began, "s"),
        ("flan2022: few-shot", 1 / each, "prompts/s"),
        *((f"flan2022: memory after {i:,} draws", mib, "MiB") for i, mib in memory.items()),
    ]


def warm() -> None:
    """Reads every training file that is available into the store."""
    from flanrepro.sources import load_collection

    for task in load_collection("flan2022").tasks.values():
        if not task.missing("train"):
            task.records("train")


# --- tokenized prompts of one task, in turn with the reference ---


def import_ours() -> None:
    for name in ("collection", "data.examples", "data.vocabulary", "sources"):
        importlib.import_module(f"flanrepro.{name}")


def ours(setting: str) -> Iterator:
    """Tokens of the task's prompts, without end."""
    from flanrepro.collection import Mixture
    from flanrepro.data.examples import Encode
    from flanrepro.data.vocabulary import load_vocabulary
    from flanrepro.sources import load_collection

    task, few_shot = load_collection("flan2022").task(TASK), float(setting == "few_shot")
    mixture = Mixture((task,), few_shot_fraction=few_shot)
    encode = Encode(load_vocabulary(VOCABULARY), LENGTHS["inputs"], LENGTHS["targets"])
    return (encode(mixture[i], task) for i in itertools.count())


# --- the same tokenized by SentencePiece alone, and by workers ---


def _vocabularies() -> dict[str, str]:
    """Names of the vocabularies by what they are; T5's own only where the mirror has it."""
    from flanrepro.raw.files import mirror

    own = {"own BPE": VOCABULARY}
    if mirror() and (mirror() / "models/google/t5-v1_1-small/spiece.model").is_file():
        return {"T5's SentencePiece": "t5", **own}
    print("FLANREPRO_MIRROR has no models/google/t5-v1_1-small/spiece.model: no rows on T5's")
    return own


def by_core(rounds: int, seconds: float) -> list[tuple]:
    """Few-shot examples of each vocabulary on one core, and of the first by workers on all."""
    from flanrepro import allocator

    # Commands and workers have these settings, too.
    how = {"one_core": True, "environment": allocator.environment()}
    rows, names = [], _vocabularies()
    for what, name in names.items():
        rows += in_process(beside_pieces, what, name, rounds, seconds, **how)
    what, name = next(iter(names.items()))
    return rows + by_workers(what, name, rounds, seconds)


def _few_shot(vocabulary: str) -> tuple[Callable, Any, Any]:
    """What gives the i-th few-shot example of the task, its mixture, and the vocabulary."""
    from flanrepro.collection import Mixture
    from flanrepro.data.examples import Encode
    from flanrepro.data.vocabulary import load_vocabulary
    from flanrepro.sources import load_collection

    task, found = load_collection("flan2022").task(TASK), load_vocabulary(vocabulary)
    mixture = Mixture((task,), few_shot_fraction=1.0)
    encode = Encode(found, LENGTHS["inputs"], LENGTHS["targets"])
    return lambda i: encode(mixture[i], task), mixture, found


def beside_pieces(what: str, name: str, rounds: int, seconds: float) -> list[tuple]:
    """Few-shot examples per second of the processor, and what SentencePiece alone takes of it.

    Turns take about `seconds`; it gets a turn's texts after that turn.
    """
    from sentencepiece import SentencePieceProcessor

    example, mixture, vocabulary = _few_shot(name)
    pieces = SentencePieceProcessor(model_proto=vocabulary.path.read_bytes())
    each = max(100, int(2000 * seconds))
    rates = []
    for turn in range(rounds + 1):
        rows = range(turn * each, (turn + 1) * each)
        ours = _per_second(example, rows)
        texts = [(prompt.inputs, prompt.targets) for prompt in map(mixture.__getitem__, rows)]
        alone = _per_second(lambda both: [pieces.encode(text) for text in both], texts)
        rates.append((ours, alone, ours / alone))
    # The first turn warms up.
    ours, alone, share = zip(*rates[1:], strict=True)
    label = f"GSM8K few_shot, {what}"
    return [
        _row(f"{label}, a core", ours, "examples/s"),
        _row(f"{label}, SentencePiece alone", alone, "examples/s"),
        _row(f"{label}, share of that", share, ""),
        (
            f"{label}, ratio to the published reference",
            statistics.median(ours) / PUBLISHED["few_shot"],
            "",
        ),
    ]


def _row(what: str, rounds: Sequence[float], unit: str) -> tuple:
    return what, statistics.median(rounds), unit, min(rounds), max(rounds)


def _per_second(do: Callable, what: Sequence) -> float:
    """Calls per second of this process's own time."""
    began = time.process_time()
    for one in what:
        do(one)
    return len(what) / (time.process_time() - began)


JOB = 1000
"""Number of prompts of a worker's job."""


def by_workers(what: str, name: str, rounds: int, seconds: float) -> list[tuple]:
    """Few-shot examples/s of one worker, and of one on each core, in turn."""
    from flanrepro.workers import cores

    jobs = 1 + max(1, round(2 * seconds))
    engines = {n: functools.partial(_of_workers, name, n, jobs) for n in (1, len(cores()))}
    rates = in_turn(engines, rounds)
    one, every = ([*rates.values()][k] for k in (0, -1))
    label = f"GSM8K few_shot, {what}"
    return [
        _row(f"{label}, one worker", one, "examples/s"),
        _row(f"{label}, {len(cores())} workers", every, "examples/s"),
        _row(f"{label}, ratio of workers", [b / a for a, b in zip(one, every, strict=True)], ""),
    ]


def _of_workers(name: str, count: int, jobs: int) -> float:
    """Examples/s of `count` workers with `jobs` jobs each, whose first job is a warm-up."""
    from flanrepro.workers import in_workers

    done: dict[int, list[tuple[float, float]]] = {}

    def report(job: int, result: tuple[int, float, float] | None, sentence: str) -> None:
        if result is None:
            raise SystemExit(sentence)
        worker, *span = result
        done.setdefault(worker, []).append(tuple(span))

    in_workers(functools.partial(_job, name), range(count * jobs), count, report)
    spans = [span for worker in done.values() for span in worker[1:]]
    return len(spans) * JOB / (max(end for _, end in spans) - min(began for began, _ in spans))


_kept_few_shot = functools.cache(_few_shot)


def _job(name: str, job: int) -> tuple[int, float, float]:
    """Makes a job's examples; the process's number, and when it began and ended."""
    example, *_ = _kept_few_shot(name)
    began = time.monotonic()
    for i in range(job * JOB, (job + 1) * JOB):
        example(i)
    return os.getpid(), began, time.monotonic()


# --- in turn with the reference ---


def load_reference() -> None:
    """Registers the reference's tasks with our vocabulary: its own lies in a bucket of Google's."""
    import seqio
    import t5.data

    from flanrepro.data.vocabulary import load_vocabulary

    vocabulary = load_vocabulary(VOCABULARY)
    pieces = seqio.SentencePieceVocabulary(str(vocabulary.path), extra_ids=vocabulary.extra_ids)
    # A task takes what this gives when it is registered, which the import does.
    t5.data.get_default_vocabulary = lambda: pieces
    importlib.import_module("flan.v2.tasks")


def reference(setting: str) -> Iterator:
    """The same of the reference's task, shuffled as in its example."""
    import seqio

    name = f"{TASK}_template_0to10_{SETTINGS[setting]}"
    dataset = seqio.get_mixture_or_task(name).get_dataset(
        sequence_length=LENGTHS, split="train", shuffle=True, num_epochs=None
    )
    return dataset.as_numpy_iterator()


def _work(prepare: Callable, of: Callable, setting: str) -> tuple[dict, Callable]:
    """Seconds to the first example, without imports, and what measures examples/s."""
    prepare()
    began = time.perf_counter()
    examples = of(setting)
    next(examples)
    first = {"first": time.perf_counter() - began}
    return first, functools.partial(rate, functools.partial(next, examples))


def tokenized(setting: str, rounds: int, seconds: float) -> list[tuple]:
    """Examples/s of both, medians of rounds in turn: rows of what, value and unit."""
    started = process("ours", _work, import_ours, ours, setting)
    beside = process("the reference", _work, load_reference, reference, setting, optional=True)
    with started as (turn, said), beside as (their_turn, theirs):
        engines = {"ours": functools.partial(turn, seconds)}
        if "missing" not in theirs:
            engines["theirs"] = functools.partial(their_turn, seconds)
        rates = in_turn(engines, rounds)
    name, published = f"GSM8K {setting}, tokenized", ""
    if "missing" in theirs:
        missing = theirs["missing"]
        print(f"the reference is not installed: {missing}; what it gave elsewhere is shown")
        rates["theirs"], published = [PUBLISHED[setting]], ", published"
    mine, other = (statistics.median(rates[key]) for key in ("ours", "theirs"))
    rows = [
        (name, mine, "examples/s"),
        (f"{name}, reference{published}", other, "examples/s"),
        (f"{name}, ratio", mine / other, ""),
        (f"{name}, first", said["first"], "s"),
    ]
    first = (f"{name}, reference, first", theirs.get("first"), "s")
    return rows if published else [*rows, first]
