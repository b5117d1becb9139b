"""SIGKILL at chosen moments of training, sweeps, evaluations, caches and figures.

A process is killed at one of its file events (see `ci/chaos/hook`), or some milliseconds later, for
what TensorStore and TensorFlow write. It is started again, up to five kills one after the other,
then ends in peace. After every kill nothing that was whole is lost or half written; in the end
everything is what an uninterrupted process leaves, bit for bit.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from ci.chaos.common import Trial

NUMBER = 100

ROOT = Path(__file__).resolve().parents[2]
CHAIN = 5
"""Most kills of one folder, before the work is left to end."""
LIMIT = 240
"""Seconds after which a process hangs."""
SMALL = 1 << 16
"""Bytes that killed processes may leave in a folder: the head of a file, and no checkpoint."""

# They differ from one process to the next, and are no result; `metrics` is a digest of a table that
# has seconds.
_TIMES = ("seconds", "useful_tokens_per_s", "git_commit", "metrics")


@dataclass(frozen=True)
class Work:
    """A command that is killed.

    Attributes:
        share: share of the kills.
        command: arguments of Python; the folder is put in for `{}`.
        counted: names of those whose events are counted, `parent` or `worker`.
        begin: function that fills the folder before the first start.
    """

    share: float
    command: tuple[str, ...]
    counted: tuple[str, ...] = ("parent",)
    begin: Callable[[Path], object] = Path.mkdir


def _older_figures(folder: Path) -> None:
    # Older than those to be drawn, so that a file that is neither can be told.
    for path in (ROOT / "figures" / "quick").iterdir():
        copy = folder / "figures" / "quick" / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes() + b"older")


_OURS = ("-c", "from ci.chaos.work import main; main()")
_CACHE = "cache flan2021 --collection pocket --examples 320 --workers 2 --out {}".split()
_FIGURES = "figures --profile quick --out {}".split()
WORKS = {
    "training": Work(0.44, (*_OURS, "training", "{}")),
    "sweep": Work(0.12, (*_OURS, "sweep", "{}"), ("worker",)),
    "evaluation": Work(0.2, (*_OURS, "evaluation", "{}")),
    "cache": Work(0.12, ("-m", "flanrepro", *_CACHE), ("parent", "worker")),
    "figures": Work(0.12, ("-m", "flanrepro", *_FIGURES), begin=_older_figures),
}


def trials(number: int, seed: int, folder: Path) -> Iterator[Trial]:
    """Yields a trial per kill, see `ci.chaos.common.Part`."""
    left = number
    for i, (name, work) in enumerate(WORKS.items()):
        count = left if i == len(WORKS) - 1 else min(left, max(1, round(number * work.share)))
        left -= count
        if count:
            rng = np.random.default_rng((seed, i))
            yield from _of_work(Killed(name, work, folder), count, rng)


@dataclass
class Killed:
    """A work, its folder, and what an uninterrupted process leaves in it."""

    name: str
    work: Work
    folder: Path
    starts: int = 0
    whole: dict[str, str] = field(default_factory=dict)

    def start(self, root: Path, who: str = "", **plan) -> tuple[str, list[str], bool]:
        """Runs the command; gives what fell, the log's lines, and true if it was killed."""
        self.starts += 1
        log = self.folder / f"{self.name}{self.starts}.log"
        plan = {"at": 0, "delay": 0.0, "victims": [], "who": who, "log": str(log)} | plan
        env = os.environ | {
            "FLANREPRO_CHAOS": json.dumps(plan | {"under": f"{root}{os.sep}"}),
            "PYTHONPATH": os.pathsep.join((str(ROOT / "ci" / "chaos" / "hook"), str(ROOT))),
            "JAX_COMPILATION_CACHE_DIR": str(self.folder / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }
        env.pop("FLANREPRO_WORKERS", None)
        command = [sys.executable, "-Wignore", *(part.format(root) for part in self.work.command)]
        with subprocess.Popen(
            command, env=env, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        ) as process:
            try:
                _, said = process.communicate(timeout=LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                return f"it hung for {LIMIT} s", [], False
        lines = log.read_text().splitlines() if log.exists() else []
        killed = log.with_name(f"{log.name}.killed").exists()
        alive = _gone({int(line.split()[1]) for line in lines})
        return alive or _ended(process.returncode, said, killed), lines, killed


def _gone(processes: set[int]) -> str:
    """Waits for the processes of a killed parent to end; says which do not."""
    until = time.monotonic() + 30
    while alive := [pid for pid in processes if psutil.pid_exists(pid)]:
        if time.monotonic() > until:
            for pid in alive:
                psutil.Process(pid).kill()
            return f"{len(alive)} processes outlive their parent"
        time.sleep(0.05)
    return ""


def _ended(status: int, said: str, killed: bool) -> str:
    """What is wrong with a status and with what was said; empty: nothing."""
    last = (said.strip().splitlines() or [""])[-1]
    if status == 0 or (killed and status == -9):
        return ""
    # A killed worker is one sentence of its parent's.
    if killed and status == 2 and last.startswith("flanrepro: ") and "Traceback" not in said:
        return ""
    return f"status {status}: {last[:300]}"


def _of_work(killed: Killed, count: int, rng: np.random.Generator) -> Iterator[Trial]:
    """Yields `count` kills of one work, in chains."""
    kind = f"SIGKILL over {killed.name}"
    reference = killed.folder / f"{killed.name}-whole"
    killed.work.begin(reference)
    fell, lines, _ = killed.start(reference)
    if fell:
        yield from (Trial(kind, "the uninterrupted process", fell) for _ in range(count))
        return
    killed.whole = contents(reference)
    events = {who: sum(line.startswith(who) for line in lines) for who in ("parent", "worker")}
    for chain in range(1, 4 * count + 1):  # a chain may end before its first kill
        made = _chain(killed, chain, min(count, CHAIN), events, rng)
        count -= len(made)
        yield from (Trial(kind, what, fell) for what, fell in made)
        if not count:
            return
    yield from (Trial(kind, "another kill", "no event came to kill it at") for _ in range(count))


def _chain(
    killed: Killed, chain: int, most: int, events: dict[str, int], rng: np.random.Generator
) -> list[tuple[str, str]]:
    """Kills the work up to `most` times in one folder, then lets it end; what fell, per kill."""
    root = killed.folder / f"{killed.name}-{chain}"
    killed.work.begin(root)
    older, made, ended, fell = contents(root), [], False, ""
    while not ended and not fell and len(made) < most:
        plan = _plan(killed.work, events, rng)
        before, steps = contents(root), _steps(root)
        fell, lines, hit = killed.start(root, **plan)
        ended = not hit
        if ended:
            break
        moment = f"{plan['delay']} s after file event {plan['at']} of the {plan['who']}"
        what = f"chain {chain}: SIGKILL to {' and '.join(plan['victims'])} {moment}"
        what += f" ({' '.join(lines[-1].split()[2:])})"
        fell = fell or _lost(killed.whole, older, before, contents(root)) or _back(steps, root)
        made.append((what, fell))
    if not ended and not fell:
        fell, _, _ = killed.start(root)
    fell = fell or _differs(killed.whole, contents(root)) or _left(root)
    shutil.rmtree(root)
    if not made:  # it ended before the event of the first kill
        return [(f"chain {chain}, before any kill", fell)] if fell else []
    return [*made[:-1], (made[-1][0], made[-1][1] or fell)]


def _plan(work: Work, events: dict[str, int], rng: np.random.Generator) -> dict:
    """The moment of a kill: which process's event, how long after it, and who is killed."""
    who = work.counted[rng.integers(len(work.counted))]
    # More early ones, so that a chain has several. A worker has a half of their events.
    share = rng.random() ** 1.5 / (2 if who == "worker" else 1)
    # Before the event, or after it: the file is there and half written, or the next step has begun.
    delay = round(float(rng.random()) * (0.0, 0.002, 0.03)[rng.integers(3)], 4)
    both = (["it"], ["its parent"], ["its parent", "it"])
    victims = both[rng.integers(3)] if who == "worker" else ["it"]
    return {"who": who, "at": 1 + int(events[who] * share), "delay": delay, "victims": victims}


# --- what a folder holds ---


def contents(root: Path) -> dict[str, str]:
    """What a folder holds: a digest per file, and per run its checkpoints' newest parameters."""
    found = {}
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.is_dir() or "checkpoints" in inside.parts or path.suffix in (".part", ".lock"):
            continue
        found[str(inside)] = _digest(path)
    return found


def _digest(path: Path) -> str:
    content = path.read_bytes()
    try:
        if path.name == "metrics.csv":
            content = _without_times(content)
        elif path.name == "manifest.json":
            of = json.loads(content)
            content = repr({key: of[key] for key in sorted(of) if key not in _TIMES}).encode()
            content += _parameters(path.parent / "checkpoints")
            content += repr(sorted(_steps(path.parent).values())).encode()
    except (ValueError, LookupError) as error:
        return f"unreadable: {error!r}"
    return hashlib.sha256(content).hexdigest()[:16]


def _without_times(content: bytes) -> bytes:
    rows = [line.split(",") for line in content.decode().splitlines()]
    kept = [i for i, name in enumerate(rows[0]) if name not in _TIMES]
    return "\n".join(",".join(row[i] for i in kept) for row in rows).encode()


def _parameters(folder: Path) -> bytes:
    """A digest over the newest checkpoint's parameters; empty: it is no run's folder."""
    if not folder.is_dir():
        return b""
    from flanrepro.model.tree import flat
    from flanrepro.training.checkpoint import restore_params

    total = hashlib.sha256()
    for name, leaf in sorted(flat(restore_params(folder)).items()):
        total.update(name.encode())
        total.update(np.ascontiguousarray(leaf))
    return total.digest()


def _steps(root: Path) -> dict[Path, int]:
    """The step of the newest checkpoint, per folder of checkpoints."""
    steps: dict[Path, int] = {}
    for path in root.rglob("checkpoints/*"):
        if path.name.isdecimal():
            steps[path.parent] = max(steps.get(path.parent, 0), int(path.name))
    return steps


def _back(before: dict[Path, int], root: Path) -> str:
    """Says which newest checkpoint is gone."""
    after = _steps(root)
    gone = [f"{path}/{step}" for path, step in before.items() if after.get(path, -1) < step]
    return f"the newest checkpoint is gone: {', '.join(gone)[:300]}" * bool(gone)


def _lost(whole: dict, older: dict, before: dict, after: dict) -> str:
    """What a kill cost: a finished file, or one that is neither the old nor the new one."""
    for name, digest in whole.items():
        now = after.get(name)
        if before.get(name) == digest != now:
            return f"{name} was finished, and is {'changed' if now else 'gone'}"
        if now not in (digest, older.get(name)):
            return f"{name} is half written" if now else f"{name} is gone"
    return ""


def _differs(whole: dict, after: dict) -> str:
    differ = [name for name in whole if whole[name] != after.get(name)]
    more = [name for name in after if name not in whole]
    if differ:
        return f"not what an uninterrupted process leaves: {', '.join(differ)[:300]}"
    return f"files that an uninterrupted process does not leave: {', '.join(more)[:300]}" * bool(
        more
    )


def _left(root: Path) -> str:
    """Large remains of killed processes, and checkpoints that were found damaged."""
    if damaged := [path.name for path in root.rglob("*.damaged")]:
        return f"damaged checkpoints: {', '.join(damaged)[:300]}"
    rest = [path for path in root.rglob("*") if path.suffix == ".part" or "-tmp" in path.name]
    sizes = {path: path.stat().st_size for path in rest if path.is_file()}
    inside = [path for folder in rest if folder.is_dir() for path in folder.rglob("*")]
    size = sum(sizes.values()) + sum(path.stat().st_size for path in inside)
    names = ", ".join(str(path.relative_to(root)) for path in rest)
    return f"{size} bytes are left in {names[:300]}" if size > SMALL else ""
