"""The history of a run: `Writer` appends rows in T5X's process, `progress` reads them in ours.

A row is a line of JSON:

    {"step": 25, "loss": 2.1, "accuracy": 0.5, "non_padding": 0.8, "examples": 31.5,
     "seconds": 9.7, "began": 1790000000.0}

`step` is the number of steps taken, `began` tells the processes of a run apart that was killed and
started again, `seconds` count from there. The others are means over the steps since the row before.
"""

import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flanrepro.data.fates import LOSSES
from flanrepro.training.loop import Progress
from flanrepro.training.spec import RunSpec
from flanrepro.whole import write_whole

FILE = "rows.jsonl"
"""File name of a run's history in T5X's folder."""

METRICS = {
    "loss": "cross_ent_loss",
    "accuracy": "accuracy",
    "non_padding": "non_padding_fraction/overall",
    "examples": "effective_batch_size/decoder",
}
"""Names of a row's fields, each with T5X's name for that metric."""


@dataclass(frozen=True)
class Writer:
    """An action of T5X's train loop writes a row per report, on the disk at once.

    T5X writes its own event files behind, so that a killed run lacks their last rows.

    Attributes:
        path: str, the file that rows are appended to.
        began: float, seconds since the epoch at which this process began.
    """

    path: str
    began: float = field(default_factory=time.time)

    def run(self, train_state, metrics_by_task: Mapping[str, Mapping]) -> bool:
        """Append a row. T5X stops training where an action returns True: this one never does."""
        found = metrics_by_task["train"]
        row = {ours: float(found[theirs].value) for ours, theirs in METRICS.items()}
        row |= {"step": int(train_state.step), "seconds": time.time() - self.began}
        with open(self.path, "a") as file:
            file.write(json.dumps({**row, "began": self.began}) + "\n")
        return False


def _read(path: Path) -> list[dict]:
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def last(path: Path) -> dict | None:
    """Read the newest row; None if there is none yet."""
    return next(iter(_read(path)[-1:]), None)


def drop_after(path: Path, step: int) -> None:
    """Drop the rows after a step: T5X goes on from there, and writes them again."""
    kept = [row for row in _read(path) if row["step"] <= step]
    write_whole(path, "".join(json.dumps(row) + "\n" for row in kept))


def progress(path: Path, spec: RunSpec) -> Progress:
    """Read a run's history as the local engine has it; see `flanrepro.training.loop.Progress`.

    T5X does not count the prompts that were too long (`flanrepro.data.fates.LOSSES`): None each.
    """
    found = _read(path)
    size = spec.batch_size * (spec.inputs_length + spec.targets_length)
    done = Progress(stream={}, history=[], **dict.fromkeys(LOSSES))
    before = 0.0  # seconds of earlier processes
    for earlier, row in itertools.pairwise([None, *found]):
        first = earlier is None
        if not first and row["began"] != earlier["began"]:
            before = done.seconds
        steps = row["step"] - (0 if first else earlier["step"])
        # The row has means over its steps, `Progress` has sums.
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
