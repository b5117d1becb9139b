"""Table 3: the data sets of evaluation and single-task finetuning, and what a collection has."""

import pandas as pd

from flanrepro.collection.metrics import table_3_metrics
from flanrepro.collection.task import Collection, Task
from flanrepro.report.paper import published

SPLITS = ("train", "validation", "test")


def table(collection: Collection) -> pd.DataFrame:
    """A row per task of Table 3.

    Returns:
        the columns of `flanrepro.report.paper.published("table_3")` with `task` for `tasks`, then
        ours: the metric (`scored_by`), `answer` (what it is read as), `cluster`, and the records at
        hand per split, `train`, `validation` and `test`: 0 where they are not at hand, and empty
        where there is no such split.
    """
    table = published("table_3")
    table["task"] = table.pop("tasks").str.split()
    table = table.explode("task", ignore_index=True)
    ours = pd.DataFrame(_here(collection.task(name)) for name in table["task"])
    counts = {split: "Int64" for split in SPLITS}
    return pd.concat([table, ours.reindex(columns=_COLUMNS).astype(counts)], axis=1)


_COLUMNS = ["scored_by", "answer", "cluster", *SPLITS]


def _here(task: Task) -> dict[str, str | int]:
    splits = [split for split in SPLITS if split in task.splits]
    return {
        "scored_by": " ".join(table_3_metrics(task)),
        "answer": task.answer,
        "cluster": task.cluster,
    } | {split: 0 if task.missing(split) else task.size(split) for split in splits}
