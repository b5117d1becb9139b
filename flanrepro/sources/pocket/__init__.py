"""The pocket collection: a closed little world, made from a seed when it is read.

`world.yaml` has its words, of which every source makes records: small twins of the paper's data
sets, under the same names. `data_cards/pocket.md` says what is in it and what was measured.
"""

from flanrepro.collection.suites import HELD_IN
from flanrepro.collection.task import Collection, Suite, by_name
from flanrepro.sources.pocket import (
    bbh,
    cot,
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
    """Makes the collection; a task has the name of its real twin. No record is made yet."""
    tasks = by_name(task for source in TRAINED for task in source.tasks())
    suites = (
        Suite("held_in", tuple(tasks[name] for name in HELD_IN)),
        cot.suite(),
        mmlu.suite(),
        *bbh.suites(),
        evaluation.suite(),
    )
    return Collection(
        name="pocket",
        tasks=tasks,
        suites={suite.name: suite for suite in suites},
        vocabulary="pocket",
        other=by_name(evaluation.tasks()),
        held_in=HELD_IN,
    )
