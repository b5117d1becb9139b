"""By which metrics a task is scored: data in `metrics.yaml`, with its sources."""

from typing import Any

from flanrepro.collection.task import Task
from flanrepro.packaged import read_yaml


def _data() -> dict[str, Any]:
    return read_yaml("flanrepro.collection", "metrics")


def metrics_of(task: Task) -> tuple[str, ...]:
    """The metrics of a task as its publishers or the reference score it."""
    return tuple(_data()["families"].get(task.templates, _data()["default"]))


def table_3_metrics(task: Task) -> tuple[str, ...]:
    """The paper's metrics of a task in Table 3, also with a small training set; else none."""
    return tuple(_data()["table_3"].get(task.name.removesuffix("_small"), ()))
