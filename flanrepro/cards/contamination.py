"""Contamination: what training tasks share with the items of all suites, as a table.

`flanrepro.collection.overlap` says when a record shares text with an item, and
`flanrepro.collection.asked` which texts are compared.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from flanrepro.collection.asked import record_texts
from flanrepro.collection.decontaminated import available, items_index
from flanrepro.collection.overlap import ALL, Overlap, overlap
from flanrepro.collection.task import Suite, Task


def table(tasks: Iterable[Task], suites: Sequence[Suite]):
    """Compares the training records of `tasks` with the items that `suites` are scored on.

    Returns:
        A `pandas.DataFrame`: for each task a row per suite, followed by rows of those of the
        suite's tasks that are hit. Columns are `task`, `tasks` (`8 of 15`: the suite's tasks that
        are available, in its own row) and the fields of `Overlap`.
    """
    import pandas as pd

    here = available(suites)
    index, number = items_index(here), Counter(suite for suite, _ in here)
    parts = {suite.name: f"{number[suite.name]} of {len(suite.tasks)}" for suite in suites}
    rows = [
        {
            "task": task.name,
            "tasks": parts[row.suite] if row.evaluated == ALL else "",
            **asdict(row),
        }
        for task in tasks
        for row in overlap(index, map(record_texts, task.records("train")))
    ]
    names = list(Overlap.__dataclass_fields__)
    return pd.DataFrame(rows, columns=["task", *names[:2], "tasks", *names[2:]])
