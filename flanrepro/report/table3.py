"""Table 3: the data sets for evaluation and single-task finetuning, beside a collection's tasks."""

import pandas as pd

from flanrepro.collection.metrics import table_3_metrics
from flanrepro.collection.task import Collection, Task
from flanrepro.report.paper import published

SPLITS = ("train", "validation", "test")


def table(collection: Collection) -> pd.DataFrame:
    """Table 3 with a row per task.

    Returns:
        the columns of `flanrepro.report.paper.published("table_3")` with `task` for `tasks`; then
        ours: `scored_by` (metric), `answer` (how an answer is read), `cluster`, and the number of
        available records in `train`, `validation` and `test` (0: none; NA: there is no such split).
    """
    table = published("table_3")
    table["task"] = table.pop("tasks").str.split()
    table = table.explode("task", ignore_index=True)
    ours = pd.DataFrame(_here(collection.task(name)) for name in table["task"])
    counts = {split: "Int64" for split in SPLITS}  # whole numbers that may be missing
    return pd.concat([table, ours.reindex(columns=_COLUMNS).astype(counts)], axis=1)


_COLUMNS = ["scored_by", "answer", "cluster", *SPLITS]


def _here(task: Task) -> dict[str, str | int]:
    splits = [split for split in SPLITS if split in task.splits]
    return {
        "scored_by": " ".join(table_3_metrics(task)),
        "answer": task.answer,
        "cluster": task.cluster,
    } | {split: 0 if task.missing(split) else task.size(split) for split in splits}
