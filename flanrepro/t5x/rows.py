"""What T5X reports of a run, row by row (`flanrepro.t5x.tasks.Rows`), as a `Progress`."""

import itertools
import json
from pathlib import Path

from flanrepro.training.loop import Progress
from flanrepro.training.spec import RunSpec
from flanrepro.whole import write_whole


def _read(path: Path) -> list[dict]:
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def last(path: Path) -> dict | None:
    """The newest row, if there is one."""
    return next(iter(_read(path)[-1:]), None)


def cut(path: Path, step: int) -> None:
    """Drops the rows behind a step: T5X goes on from there, and writes them again."""
    kept = [row for row in _read(path) if row["step"] <= step]
    write_whole(path, "".join(json.dumps(row) + "\n" for row in kept))


def progress(path: Path, spec: RunSpec) -> Progress:
    """The history of a run; see `flanrepro.training.loop.Progress`.

    T5X does not say how many prompts were truncated or dropped: these are None.
    """
    found = _read(path)
    size = spec.batch_size * (spec.inputs_length + spec.targets_length)
    done = Progress(stream={}, history=[], truncated=None, dropped=None)
    before = 0.0  # seconds of earlier processes
    for earlier, row in itertools.pairwise([None, *found]):
        first = earlier is None
        if not first and row["began"] != earlier["began"]:
            before = done.seconds
        steps = row["step"] - (0 if first else earlier["step"])
        useful = round(row["non_padding"] * size * steps)
        seconds = before + row["seconds"]
        done.history.append(
            {
                "step": row["step"],
                "loss": row["loss"],
                "accuracy": row["accuracy"],
                "useful_tokens_per_s": useful / max(seconds - done.seconds, 1e-9),
                "seconds": seconds,
            }
        )
        done.seconds = seconds
        done.useful_tokens += useful
        done.examples += round(row["examples"] * steps)
    done.tokens = spec.steps * size
    return done
