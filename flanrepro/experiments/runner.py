"""Runs a list of specs on every core; a failed run stops no other."""

import os
import pickle
from collections.abc import Callable, Sequence
from functools import partial
from importlib import metadata, util
from typing import TypeVar

from flanrepro import cluster
from flanrepro.bars import At, bar, told_to
from flanrepro.errors import InputError
from flanrepro.model.sizes import SIZES
from flanrepro.training.spec import RunSpec
from flanrepro.workers import attempt, cores, in_workers

T = TypeVar("T")
MOST_WORKERS = 8
WORKER_MEMORY = 2e9
"""The machine's memory per worker, in bytes: twice what a worker takes on pocket."""

# Sizes whose runs make little use of a second core.
_SMALL = tuple(SIZES)[: tuple(SIZES).index("mini") + 1]


def run_sweep(
    do: Callable[[RunSpec], T],
    specs: Sequence[RunSpec],
    *,
    done: Callable[[RunSpec], bool],
    label: str = "runs",
    workers: int = 0,
) -> list[T]:
    """Calls `do` on every spec, with one progress bar over all of them.

    There is one worker per core: a small run makes little use of a second core, and its last digits
    depend less on the machine if it always has one.

    Args:
        do: function of a spec, e.g. one that trains and evaluates. With several workers it is
            called in other processes, where its own progress bars are off.
        specs: specs of which none starts from another one's run; equal ones are done once.
        done: function of a spec, true if `do` would only read; those specs are done first, in this
            process.
        label: name of the runs in the bar and in errors.
        workers: number of processes, each on its own share of the cores; 0: see `worker_count`.
            FLANREPRO_WORKERS takes precedence. With 1, everything runs in this process.

    Returns:
        the results of `do`, in the order of `specs`.

    Raises:
        InputError: runs failed, with a sentence for each, after the others are done; or the number
            of workers is no whole number of at least 0.
    """
    unique = list(dict.fromkeys(specs))
    # If `done` fails, e.g. on a damaged folder, the spec counts as not done: `do` fails in the
    # same way, and that failure is reported as the run's own.
    finished = dict.fromkeys(s for s in unique if attempt(partial(done, s))[0])
    left = [spec for spec in unique if spec not in finished]
    count = worker_count(do, left, workers)
    results, failed = {}, {}
    with SweepBar(label, len(unique), len(finished)) as sweep:

        def report(spec: RunSpec, value: T | None, sentence: str) -> None:
            results[spec] = value
            if sentence:
                failed[spec] = sentence
            sweep.ended(spec, spec in finished, len(failed))

        try:
            for spec in [*finished, *(left if count == 1 else ())]:
                with told_to(partial(sweep.told, spec)):
                    report(spec, *attempt(partial(do, spec)))
            if count > 1:
                in_workers(do, left, count, report, sweep.tick, sweep.told)
        except KeyboardInterrupt:
            kept = len(set(finished) | set(results)) - len(failed)
            raise _interrupted(kept, len(unique), label) from None
    if failed:
        raise InputError(_said(failed, len(unique), label))
    return [results[spec] for spec in specs]


class SweepBar:
    """The bar over all runs of a sweep; it moves with the steps of the runs that are being trained.

    Args:
        label: name of the runs.
        total: number of runs.
        finished: number of those that are only read.
    """

    def __init__(self, label: str, total: int, finished: int):
        self.running: dict[RunSpec, At] = {}
        self.ends, self.failed = finished, 0
        # Several workers end at nearly the same time. Time left from the last intervals would jump;
        # smoothing 0 takes the mean of all.
        form = "{desc}: {percentage:3.0f}%|{bar:20}| {n:.1f} of {total} "
        form += "[{elapsed}<{remaining}{postfix}]"
        self.bar = bar(desc=label, total=total, initial=finished, smoothing=0, bar_format=form)

    def __enter__(self) -> "SweepBar":
        return self

    def __exit__(self, *error) -> None:
        self.bar.close()

    def told(self, spec: RunSpec, at: At) -> None:
        """Shows where a run is."""
        self.running[spec] = at
        self.tick()

    def ended(self, spec: RunSpec, counted: bool, failed: int) -> None:
        """Shows that a run ended, which counts unless it did from the start."""
        self.running.pop(spec, None)
        self.ends += not counted
        self.failed = failed
        self.tick()

    def tick(self) -> None:
        """Draws the bar anew."""
        self.bar.n = self.ends + sum(at.step / max(at.steps, 1) for at in self.running.values())
        said = [
            f"{at.name}: step {at.step}/{at.steps}{', ' if at.said else ''}{at.said}"
            for at in self.running.values()
        ]
        said += [f"{self.failed} failed"] if self.failed else []
        self.bar.set_postfix_str("; ".join(said))


def _interrupted(kept: int, count: int, label: str) -> KeyboardInterrupt:
    """The interruption as one sentence, in a notebook too, which else shows all its frames."""
    sentence = (
        f"interrupted: {kept} of {count} {label} are finished and kept, and of each that had begun "
        "its last checkpoint; start again (in a notebook: run the cell again), and it goes on there"
    )
    error = KeyboardInterrupt(sentence)
    error._render_traceback_ = lambda: [sentence]
    return error


def worker_count(do: Callable, left: Sequence[RunSpec], workers: int = 0) -> int:
    """The number of processes that `run_sweep` uses.

    It is 1 if fewer than two runs are left, on one of several hosts, without POSIX, or if other
    processes cannot import `do` (a function defined in a script or notebook). Else
    FLANREPRO_WORKERS or `workers` decides, if not 0. Else it is 1 if a model is larger than `mini`
    or JAX would use an accelerator, and otherwise one per usable core, limited by the number of
    runs, by memory and by `MOST_WORKERS`.
    """
    text = os.environ.get("FLANREPRO_WORKERS", "").strip()
    if not (text or "0").isdecimal():
        raise InputError(
            f"FLANREPRO_WORKERS is '{text}': expected a whole number of processes (0: as many as "
            "the machine is good for); set it to one, or unset it"
        )
    if workers < 0:
        raise InputError(f"workers is {workers}: expected a whole number, 0 or more")
    if len(left) < 2 or os.name != "posix" or not _travels(do) or cluster.process()[1] > 1:
        return 1
    if workers := int(text or workers):
        return min(workers, len(left))
    # One process takes a whole accelerator, and a larger model fills all cores by itself.
    if _accelerator() or any(spec.model not in _SMALL for spec in left):
        return 1
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    fitting = max(1, int(memory / WORKER_MEMORY))
    return min(len(cores()), len(left), fitting, MOST_WORKERS)


def _travels(do: Callable) -> bool:
    """True if another process can unpickle `do`: it does not import this one's `__main__`."""
    try:
        return b"__main__" not in pickle.dumps(do)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False


def _accelerator() -> bool:
    """True if JAX would use an accelerator."""
    # Importing JAX to ask it would take the device away from the workers.
    if named := os.environ.get("JAX_PLATFORMS"):
        return named.split(",")[0] != "cpu"
    plugins = metadata.entry_points(group="jax_plugins")
    return bool(plugins) or any(map(util.find_spec, ("jax_plugins", "libtpu")))


def _said(failed: dict[RunSpec, str], count: int, label: str) -> str:
    """One sentence for all failures; runs with the same reason share it."""
    reasons: dict[str, list[str]] = {}
    for spec, sentence in failed.items():
        reasons.setdefault(sentence, []).append(f"{spec.run_id} ({spec.label()})")
    each = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())
    rest = "the others are finished and kept" if len(failed) < count else "none is finished"
    return (
        f"{len(failed)} of {count} {label} failed, {rest}: {each}. Mend that and start again: "
        "finished runs are read"
    )
