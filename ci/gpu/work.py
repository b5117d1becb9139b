"""The standing job of ci/gpu at work, where the accelerator is."""

import itertools
import json
import time
import traceback
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from ci.gpu.many import alike, get_many
from ci.gpu.packed_files import open_packed
from ci.gpu.packed_writer import batches_id, give_start
from ci.gpu.plan import Planned
from flanrepro.data.fates import say_losses
from flanrepro.errors import InputError
from flanrepro.experiments.start import start_params
from flanrepro.experiments.store import RunStore
from flanrepro.training.spec import RunSpec
from flanrepro.whole import write_whole

AT_ONCE = 16
"""Runs of one shape that are trained side by side."""


@dataclass(frozen=True)
class Shift:
    """The time that there is on a machine.

    Attributes:
        store: the runs there.
        steps: number of a long run's steps between looks at the clock.
        began, deadline: seconds of the monotonic clock.
    """

    store: RunStore
    steps: int
    began: float
    deadline: float

    def over(self) -> bool:
        return time.monotonic() > self.deadline

    def say(self, spec: RunSpec, what: str) -> None:
        seconds = time.monotonic() - self.began
        print(f"{seconds:6.0f} s  {spec.run_id} {spec.label()}: {what}", flush=True)


def unpack(plan: Path, store: RunStore) -> None:
    """Puts a part's files into the folders of its runs, behind those of the parts before."""
    for entry in json.loads(plan.read_text()):
        spec, index = RunSpec(**entry["spec"]), entry["index"]
        folder = store.root / spec.run_id
        if store.find(spec):
            continue
        there = open_packed(folder)
        before = there.index["files"] if there else []
        files = sorted(
            [*before, *(f for f in index["files"] if f not in before)], key=itemgetter("first")
        )
        ends = [0, *(file["end"] for file in files)]
        if [file["first"] for file in files] != ends[:-1]:
            print(f"{spec.run_id} {spec.label()}: left out, the part before {plan.parent} is first")
            continue
        for file in index["files"]:
            source = plan.parent / f"{batches_id(spec)}-{file['name']}"
            write_whole(folder / "packed" / file["name"], source.read_bytes())
        index |= {"files": files, "first": 0, "end": ends[-1]}
        write_whole(folder / "packed" / "index.json", json.dumps(index))
        write_whole(folder / "planned.json", json.dumps(entry | {"index": None}))


def planned_here(store: RunStore) -> list[Planned]:
    """The runs of all parts that ever were here, in their order."""
    found = [json.loads(path.read_text()) for path in store.root.glob("*/planned.json")]
    return [
        Planned(RunSpec(**one["spec"]), tuple(map(tuple, one["evaluated"])), one["params"])
        for one in sorted(found, key=itemgetter("order"))
    ]


def at_once(todo: list[Planned], store: RunStore) -> list[Planned]:
    """The first run, with those behind it that can be trained beside it."""
    if not _whole(todo[0].spec, store):
        return todo[:1]
    shape = alike(todo[0].spec)
    fitting = (one for one in todo if alike(one.spec) == shape and _whole(one.spec, store))
    return list(itertools.islice(fitting, AT_ONCE))


def _whole(spec: RunSpec, store: RunStore) -> bool:
    return open_packed(store.root / spec.run_id).end == spec.steps


def attempt(shift: Shift, group: list[Planned]) -> None:
    """Trains and evaluates runs as far as their files and the time go; says how far."""
    specs, store = [one.spec for one in group], shift.store
    try:
        for spec in specs:
            if spec.start and not store.find(spec):
                give_start(store.root / spec.run_id, start_params(spec, store.root))
        if _whole(specs[0], store):
            get_many(store, specs, stop=shift.over)
        else:
            advance(shift, specs[0])
        for one in group:
            run = store.find(one.spec)
            for asked in one.evaluated if run else ():
                if not shift.over():
                    run.scores(*asked)
            shift.say(one.spec, _how_far(one, store))
    except InputError as error:
        shift.say(specs[0], f"{error} ({len(specs)} runs)")
    except Exception:  # whatever it is, the other runs go on
        traceback.print_exc()
        shift.say(specs[0], f"failed, see above ({len(specs)} runs)")


def advance(shift: Shift, spec: RunSpec) -> None:
    """Trains a run to the last step that has its batch here, and leaves it there."""
    end = open_packed(shift.store.root / spec.run_id).end
    for stop in (*range(shift.steps, end, shift.steps), end):
        shift.store.advance(spec, stop)
        if shift.over():
            break


def _how_far(planned: Planned, store: RunStore) -> str:
    run, folder = store.find(planned.spec), store.root / planned.spec.run_id
    if not run:
        steps = [int(path.name) for path in folder.glob("checkpoints/[0-9]*")]
        return (
            f"stopped with a checkpoint at step {max(steps, default=0)} of {planned.spec.steps}; "
            f"its batches are here up to {open_packed(folder).end}"
        )
    last = run.metrics().iloc[-1]
    said = f"loss {last['loss']:.4f}, {run.manifest['seconds']:.1f} s of training"
    if lost := say_losses(run.manifest):
        said = f"{said}; {lost}"
    return said if planned.done(store) else f"{said}, not all evaluated"
