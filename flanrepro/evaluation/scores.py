"""From an evaluation's rows to tidy scores: per task, per cluster and for the suite."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flanrepro.collection.task import Suite, Task
from flanrepro.evaluation.metrics import item_values, metric_values, task_score
from flanrepro.evaluation.rouge import item_scores
from flanrepro.evaluation.uncertainty import (
    bootstrap_standard_error,
    detectable,
    standard_error,
    standard_error_over_units,
)

Rows = Sequence[Mapping[str, Any]]

COUNTS = ("n", "decoded", "shortened", "cut")


def score(suite: Suite, shots: int, items: Rows) -> list[dict]:
    """Scores a suite's items.

    Args:
        suite: suite whose protocol says which metric counts, and if tasks (A.3) or clusters of them
            weigh the same.
        shots: number of exemplars per prompt.
        items: rows of `flanrepro.evaluation.answers.answer_suite`.

    Returns:
        rows of tasks, their other metrics, clusters and last the suite, with the columns suite,
        shots, `level` (`task`, `cluster` or `suite`), task (name of the task or cluster, or `mean`)
        and metric; in per cent value, chance (accuracy of picking an option at random),
        standard_error (over other items of these tasks, clustered by passage),
        standard_error_tasks (over other tasks, too) and detectable (the smallest difference of two
        scores like this one that is found four times in five); n items, and the number of them that
        were `decoded`, lost exemplars (`shortened`) or were `cut`. An unknown value is None.
    """
    own = {task.name: [row for row in items if row["task"] == task.name] for task in suite.tasks}
    rows = [_task_row(suite, task, own[task.name]) for task in suite.tasks]
    clusters: dict[str, list[dict]] = {}
    units: dict[str, list[dict]] = {}
    for task, row in zip(suite.tasks, rows, strict=True):
        clusters.setdefault(task.cluster, []).append(row)
        units.setdefault(suite.unit_of(task), []).append(row)
    per_cluster = [_mean("cluster", name, of_it) for name, of_it in clusters.items()]
    others = [
        other
        for task, row in zip(suite.tasks, rows, strict=True)
        for other in _other_metrics(row, metric_values(task, own[task.name], suite.protocol.metric))
        if suite.protocol.metric != "pass_at_1"  # its items are right if they pass, not if alike
    ]
    # One cluster is the suite, and clusters of one task are their tasks.
    if not 1 < len(per_cluster) < len(rows):
        per_cluster = []
    common = {"suite": suite.name, "shots": shots}
    mean = _mean("suite", "mean", [_mean("unit", name, of_it) for name, of_it in units.items()])
    return [common | row for row in (*rows, *others, *per_cluster, mean)]


def _task_row(suite: Suite, task: Task, rows: Rows) -> dict:
    groups = [row["group"] for row in rows]
    correct = [row["correct"] for row in rows]
    metric = "pass_at_1" if suite.protocol.metric == "pass_at_1" else "accuracy"
    value = 100 * sum(correct) / len(rows)
    error = standard_error(correct, groups)
    chance = 100 * sum(1 / len(row["choices"]) for row in rows if row["choices"]) / len(rows)
    if (published := suite.protocol.metric) in ("table_3", "flan2021"):
        metric, value = task_score(task, rows, published)
        own = item_values(task, rows) if published == "flan2021" else {}
        if metric != "accuracy":
            # Chance is known of accuracy alone; other metrics are no means of `correct`.
            chance = None
            error = (
                standard_error(own[metric], groups)
                if metric in own
                else bootstrap_standard_error(
                    lambda drawn: task_score(task, drawn, published)[1], rows
                )
            )
    if suite.protocol.metric == "rouge_l":
        metric, scores = "rouge_l", item_scores(rows)["rouge_l"]
        value, chance, error = 100 * scores.mean(), None, standard_error(scores, groups)
    return {
        "level": "task",
        "task": task.name,
        "metric": metric,
        **_known(value=value, chance=chance, standard_error=error, standard_error_tasks=error),
        **_counts(rows),
    }


def _counts(rows: Rows) -> dict[str, int]:
    return {
        "n": len(rows),
        "decoded": sum(row["method"] == "decode" for row in rows),
        "shortened": sum(row["shortened"] > 0 for row in rows),
        "cut": sum(row["cut"] > 0 for row in rows),
    }


def _other_metrics(counted: dict, values: Mapping[str, float]) -> list[dict]:
    """Gives rows of the task's metrics beside the one that counts, without errors."""
    unknown = dict.fromkeys(("chance", "standard_error", "standard_error_tasks", "detectable"))
    return [
        counted | unknown | _known(value=value) | {"metric": metric}
        for metric, value in values.items()
        if metric != counted["metric"]
    ]


def _mean(level: str, name: str, rows: Rows) -> dict:
    """Averages rows with equal weights; their errors are independent, and add up as squares."""
    columns = {key: [row[key] for row in rows] for key in ("value", "chance", "standard_error")}
    # A mean over rows of which one is unknown is unknown.
    known = {key: column for key, column in columns.items() if None not in column}
    values, errors = known.get("value"), known.get("standard_error")
    metrics = {row["metric"] for row in rows}
    return {
        "level": level,
        "task": name,
        "metric": metrics.pop() if len(metrics) == 1 else "several",
        **_known(
            value=np.mean(values) if values else None,
            chance=np.mean(known["chance"]) if "chance" in known else None,
            standard_error=math.hypot(*errors) / len(rows) if errors else None,
            standard_error_tasks=(
                standard_error_over_units(np.array(values) / 100, range(len(rows)))
                if values
                else None
            ),
        ),
        **{key: sum(row[key] for row in rows) for key in COUNTS},
    }


def _known(**values: float | None) -> dict[str, float | None]:
    """Turns NaN into None, for JSON, and adds `detectable` beside a standard error.

    Items that are all right or all wrong have an error of 0, which says nothing of what would be
    detected.
    """
    made = {k: None if v is None or math.isnan(v) else float(v) for k, v in values.items()}
    if "standard_error" in made:
        error = made["standard_error"]
        # A difference of two independent scores has an error sqrt(2) times as large.
        made["detectable"] = float(detectable(math.sqrt(2) * error)) if error else None
    return made
