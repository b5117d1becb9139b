"""Collection `flan2022`: the real Flan 2022 data, so far its chain-of-thought source and suite.

What is in it, where it comes from and what is missing: `data_cards/flan2022.md`.
"""

from flanrepro.collection.sources import cot, cot_suite
from flanrepro.collection.task import Collection


def collection() -> Collection:
    """Seven training tasks and the suite `cot`; no data file is read.

    Its vocabulary is trained from the collection's own text where T5's is not asked for.
    """
    return Collection(
        name="flan2022",
        tasks={task.name: task for task in cot.tasks()},
        suites={"cot": cot_suite.suite()},
        vocabulary="flan2022-4096",
    )
