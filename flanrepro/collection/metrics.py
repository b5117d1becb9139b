"""Metrics of a task, from `metrics.yaml`, which names where each choice is published."""

from typing import Any

from flanrepro.collection.clusters import cluster_of
from flanrepro.collection.task import Task
from flanrepro.packaged import read_yaml


def _data() -> dict[str, Any]:
    return read_yaml("flanrepro.collection", "metrics")


def metrics_of(task: Task) -> tuple[str, ...]:
    """Names of the metrics that the reference or the task's publishers score it with."""
    return tuple(_data()["families"].get(task.templates, _data()["default"]))


def table_3_metrics(task: Task) -> tuple[str, ...]:
    """Names of the task's metrics in the paper's Table 3; empty if it is not listed there."""
    # `NAME_small` is the pocket target NAME with fewer training records: the same row.
    return tuple(_data()["table_3"].get(task.name.removesuffix("_small"), ()))


def flan2021_metrics(task: Task) -> tuple[str, ...]:
    """Names of the task's metrics in FLAN 2021's Tables 1 and 2, or in their place."""
    own = _data()["flan2021"]
    of_cluster = own["clusters"].get(cluster_of(task), ["accuracy"])
    return tuple(own["tasks"].get(task.name, of_cluster))
