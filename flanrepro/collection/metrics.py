"""By which metrics a task is scored: data in `metrics.yaml`, with its sources."""

import functools
from importlib import resources
from typing import Any

import yaml

from flanrepro.collection.task import Task


@functools.cache
def _data() -> dict[str, Any]:
    text = resources.files("flanrepro.collection").joinpath("metrics.yaml").read_text("utf-8")
    return yaml.safe_load(text)


def metrics_of(task: Task) -> tuple[str, ...]:
    """The metrics of a task as its publishers or the reference score it."""
    return tuple(_data()["families"].get(task.templates, _data()["default"]))


def table_3_metrics(task: Task) -> tuple[str, ...]:
    """The paper's metrics of a task in Table 3, also with a small training set; else none."""
    return tuple(_data()["table_3"].get(task.name.removesuffix("_small"), ()))
