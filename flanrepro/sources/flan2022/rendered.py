"""Collection `flan2022_rendered`: the authors' own prompts, rendered and put on the Hub.

It has the tasks of `flan2022` under the same names, with the prompts that the reference wrote. Five
data sets hold `inputs`, `targets`, `task_name` and `template_type`; program synthesis was never
published. A task's splits are the template types. A mixture draws from the split of its setting, or
from the nearest that the task has: chain of thought, dialog and Super-Natural Instructions were
rendered with options only. No example is seen twice before all are seen once, but only within a
split, for draws of one setting.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from flanrepro.collection.task import Collection, Record, Task
from flanrepro.packaged import read_yaml
from flanrepro.raw.dataset import Dataset
from flanrepro.raw.reader import tasks_of
from flanrepro.sources import flan2022
from flanrepro.sources.flan2022 import cot, dialog, flan2021, niv2, t0_sf

SETTINGS = ("zs_opt", "zs_noopt", "fs_opt", "fs_noopt")
"""Template types: zero-shot or few-shot, with answer options or without."""

# The Data Provenance Initiative's copies of what the reference's code wrote.
HUB = {
    "flan2021": "DataProvenanceInitiative/flan2021_submix_original",
    "t0_sf": "DataProvenanceInitiative/t0_submix_original",
    "niv2": "DataProvenanceInitiative/niv2_submix_original",
    "cot": "DataProvenanceInitiative/cot_submix_original",
    "dialog": "DataProvenanceInitiative/dialog_submix_original",
}

_MODULES = {"flan2021": flan2021, "t0_sf": t0_sf, "niv2": niv2, "cot": cot, "dialog": dialog}

NAMES: dict[str, str] = read_yaml(__package__, "rendered")
"""Names of tasks in the rendered data, where they differ from ours."""


def collection() -> Collection:
    """Makes the collection from the tasks of `tasks` and the suites of `flan2022`."""
    real = flan2022.collection()
    return dataclasses.replace(
        real,
        name="flan2022_rendered",
        tasks={task.name: task for task in tasks()},
        other={},
        way="plain",  # the prompts are finished: no format can change
    )


def tasks() -> tuple[Task, ...]:
    """Makes the tasks of five sources under `flan2022`'s names; no data is read."""
    return tuple(made for source in HUB for made in _tasks_of(source))


def _tasks_of(source: str) -> tuple[Task, ...]:
    return tasks_of(_datasets(source), source, __name__, "flan2022_rendered", rendered=True)


@functools.cache
def _datasets(source: str) -> tuple[Dataset, ...]:
    place = {"id": HUB[source], "column": ["task_name", "template_type"]}
    return tuple(
        Dataset(
            name=task.name,
            card=task.dataset.card if task.dataset else "",
            cluster=task.cluster,
            templates="rendered",
            answer=task.answer,
            licence=task.licence,
            citation=f"{task.citation}; prompts: Longpre et al., 2023",
            hub=place,
            # One split of the Hub holds all settings; a task's rows are counted when they are read.
            splits={setting: {"hub": "train", "rows": 0} for setting in SETTINGS},
            convert="rendered",
            names=_names(task),
        )
        for task in _MODULES[source].tasks()
    )


def _names(task: Task) -> tuple[str, ...]:
    named = [
        task.name,
        *([NAMES[task.name]] if task.name in NAMES else []),
        *(task.dataset.names if task.dataset else ()),
    ]
    # Some chain-of-thought sets are `stream_...` there.
    named += [name.replace("cot_", "stream_") for name in named if task.source == "cot"]
    # Inverted tasks, `..._ii`, are mixed in at their rate already, so they belong to the task.
    return (*named[1:], *(f"{name}_ii" for name in named))


def rendered(row: Mapping[str, Any]) -> list[Record]:
    """Makes the record of a row; an empty prompt or target gives none."""
    inputs, answer = row["inputs"].strip(), row["targets"].strip()
    return [{"inputs": inputs, "answer": answer}] if inputs and answer else []


CONVERTERS = {"rendered": rendered}
