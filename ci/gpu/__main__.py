"""A standing job for whoever has an accelerator for half an hour, on a machine without the data.

    python -m ci.gpu prepare --minutes 25   # here: packed files, into .gpu/1, .gpu/2, ...
    MINUTES=9 bash ci/gpu/run.sh            # there, with .gpu/1; again with .gpu/2, ...
    python -m ci.gpu take FOLDER            # here: what came back, into out/runs/

What is lacking is trained: runs of profile `full` that neither ship nor are finished here,
then the pretraining of `mini`. A part `.gpu/N` is as much as can be carried at a time, and stands
by itself, except that a long run's later steps need the earlier ones on the same machine. There,
runs are kept in `.gpu-work`: a job that is killed and started again goes on. Runs are float32, as
those that ship. With `--tiny` it is the same at a size for a CPU, in folders of its own.
"""

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from ci.gpu import parts
from ci.gpu.packed_files import packed_input
from ci.gpu.plan import folders, lacking, plan
from ci.gpu.work import Shift, at_once, attempt, planned_here, unpack
from flanrepro.errors import InputError
from flanrepro.experiments.profiles import workspace
from flanrepro.experiments.store import RunStore

app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)
Minutes = Annotated[float, typer.Option(help="begin nothing new after these")]
Tiny = Annotated[bool, typer.Option(help="the same, at a size for a CPU")]

PART = 56_000_000
"""Bytes that a part has at most, of the 64 MiB that can be carried."""

SLICE = {False: 1000, True: 40}
"""Steps of a long run between looks at the clock; True: tiny."""


@app.command()
def prepare(
    minutes: Minutes = 25.0,
    tiny: Tiny = False,
    part: Annotated[int, typer.Option(help="bytes of a part at most")] = PART,
) -> None:
    """Write the packed files of runs that are lacking; called again, go on with more of them."""
    carried, here = folders(tiny)
    deadline, rendered = time.monotonic() + 60 * minutes, []
    todo = lacking(plan(tiny))
    for planned in todo:
        if time.monotonic() > deadline:
            break
        packed = parts.render(planned.spec, here / "rendered", SLICE[tiny], deadline)
        rendered.append((planned, packed))
    sizes = parts.deal(rendered, carried, part)
    whole = sum(packed.end == planned.spec.steps for planned, packed in rendered)
    print(f"{whole} of {len(todo)} lacking runs are packed whole, in {len(sizes)} parts:")
    for number, size in enumerate(sizes, 1):
        print(f"  {carried / str(number)}: {size / 1e6:.1f} MB")


@app.command()
def work(minutes: Minutes = 8.0, tiny: Tiny = False) -> None:
    """Train and evaluate the runs of the parts that were here, and write what is done to $OUT."""
    carried, here = folders(tiny)
    out, began = Path(os.environ.get("OUT") or here / "out"), time.monotonic()
    steps = SLICE[tiny]
    shift = Shift(RunStore(here / "runs", inputs=packed_input), steps, began, began + 60 * minutes)
    for part in sorted(carried.glob("*/plan.json"), key=lambda path: int(path.parent.name)):
        unpack(part, shift.store)
    runs = planned_here(shift.store)
    todo, brought = [one for one in runs if not one.done(shift.store)], began
    while todo and not shift.over():
        group = at_once(todo, shift.store)
        attempt(shift, group)
        todo = [one for one in todo if one not in group]
        if time.monotonic() - brought > 60:  # whoever ends this loses little
            parts.bring_home(shift.store, runs, out)
            brought = time.monotonic()
    sizes = parts.bring_home(shift.store, runs, out)
    done = sum(one.done(shift.store) for one in runs)
    print(f"{done} of {len(runs)} runs are done; {out}: {sum(sizes) / 1e6:.1f} MB")


@app.command()
def take(folder: Annotated[Path, typer.Argument(help="what came back: outcome.zip.*")]) -> None:
    """Take over finished runs into out/runs/, and say which they are.

    A run of a sweep comes with its scores and predictions, without its parameters.
    """
    for spec, there in parts.take(folder, RunStore(workspace() / "runs")):
        said = "was there already" if there else "taken over"
        print(f"{spec.run_id} {spec.label()}: {said}", flush=True)


def main() -> None:
    """Runs the command; bad input ends in its one sentence."""
    try:
        app()
    except InputError as error:
        sys.exit(f"ci.gpu: {error}")


if __name__ == "__main__":
    main()
