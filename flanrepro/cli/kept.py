"""What an interrupted command leaves, and how to go on, in one sentence."""

from pathlib import Path

RUNS = "finished runs are kept, and of each other one its last checkpoint"
KEPT = {
    "run": RUNS,
    "reproduce": RUNS,
    "pretrain": RUNS,
    "pocket": RUNS,
    "challenge": RUNS,
    "evaluate": "evaluations/ keeps the finished ones",
    "cache": "the cache's folder keeps its finished files",
    "data": "the cache keeps the files that are fetched",
}
"""By command, what an interruption leaves; the other commands begin anew."""

_stores: list[Path] = []


def in_store(runs: Path) -> None:
    """Notes the folder of the runs that this process trains, in which they are then counted."""
    _stores[:] = [runs]


def left(command: str) -> str:
    """What an interruption of a command leaves, and how to go on."""
    kept = KEPT.get(command)
    if kept is None:
        return "start the same command again"
    if kept == RUNS and _stores:
        finished = sum(1 for _ in _stores[0].glob("*/manifest.json"))
        kept = f"in {_stores[0]} {finished} {kept}"
    return f"{kept}; start the same command again, and it goes on from there"
