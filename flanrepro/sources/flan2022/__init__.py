"""Collection `flan2022`: the six sources of Flan 2022 and the paper's evaluation suites.

`data_cards/` says what each data set is, where it comes from and what a user must fetch.
"""

from collections.abc import Iterable

from flanrepro.collection.suites import HELD_IN
from flanrepro.collection.task import Collection, Suite, Task, by_name, protocol
from flanrepro.raw.kept import keep
from flanrepro.sources.flan2022 import (
    bbh,
    cot,
    cot_suite,
    dialog,
    evaluation,
    flan2021,
    mmlu,
    niv2,
    program_synthesis,
    t0_sf,
)

TRAINED = (flan2021, t0_sf, niv2, cot, dialog, program_synthesis)


def collection() -> Collection:
    """Makes the collection; its tasks have the names of the reference's list. No data is read."""
    tasks = by_name(task for source in TRAINED for task in source.tasks())
    other = (*t0_sf.overlap_tasks(), *evaluation.tasks(), *program_synthesis.evaluation_tasks())
    known = {**tasks, **by_name(other)}  # section 4 finetunes on trained and on held-out tasks
    suites = (
        _suite("held_in", (tasks[name] for name in HELD_IN)),
        cot_suite.suite(),
        mmlu.suite(),
        *bbh.suites(),
        _suite("single_task", (known[name] for name in evaluation.SINGLE_TASK), "test"),
    )
    return Collection(
        name="flan2022",
        tasks=tasks,
        suites={suite.name: suite for suite in suites},
        vocabulary="flan2022-4096",  # trained on its own text, for models that are not T5's
        other=by_name(other),
        held_in=HELD_IN,
        way="reference",
        keep=keep,
    )


def _suite(name: str, tasks: Iterable[Task], split: str = "validation") -> Suite:
    return Suite(name, tuple(tasks), split, protocol("flan2022", name))
