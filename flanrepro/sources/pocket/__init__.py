"""The pocket collection: a closed little world, made from a seed when it is read.

`world.yaml` has its words, `wordings.yaml` and `steps.yaml` what is asked of them. Every source has
small twins of the paper's data sets, under the same names. `held_out` says what no tuning task may
say, and a test proves that none does.
"""

from flanrepro.collection.suites import HELD_IN
from flanrepro.collection.task import Collection, Suite, by_name


def collection() -> Collection:
    """Makes the collection; a task has the name of its real twin. No record is made yet."""
    # Late, so that the pretraining text starts without the makers of records.
    from flanrepro.sources.pocket import (
        bbh,
        cot,
        dialog,
        evaluation,
        flan2021,
        lexicon,
        mmlu,
        niv2,
        program_synthesis,
        t0_sf,
    )

    trained = (flan2021, t0_sf, niv2, cot, dialog, program_synthesis)
    tasks = by_name(task for source in trained for task in source.tasks())
    suites = (
        Suite("held_in", tuple(tasks[name] for name in HELD_IN)),
        cot.suite(),
        mmlu.suite(),
        *bbh.suites(),
        evaluation.suite(),
        mmlu.completion(),
        mmlu.inverse(),
        *niv2.suites(),
    )
    return Collection(
        name="pocket",
        tasks=tasks,
        suites={suite.name: suite for suite in suites},
        vocabulary="pocket",
        other=by_name(evaluation.tasks()),
        held_in=HELD_IN,
        way="reference",
        texts=lexicon.texts,
    )
