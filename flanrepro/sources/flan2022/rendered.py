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

NAMES = {
    "natural_questions": ["natural_questions_open"],
    "trivia_qa": ["trivia_qa/rc"],
    "arc_easy": ["ai2_arc/ARC-Easy"],
    "arc_challenge": ["ai2_arc/ARC-Challenge"],
    "math_dataset": ["math_dataset/algebra__linear_1d"],
    "xsum": ["huggingface:xsum"],
    "squad_v1": ["squad/v1.1"],
    "squad_v2": ["squad/v2.0"],
    "anli_r1": ["anli/r1"],
    "anli_r2": ["anli/r2"],
    "anli_r3": ["anli/r3"],
    "story_cloze": ["story_cloze/2016"],
    "imdb_reviews": ["imdb_reviews/plain_text"],
    "glue_mrpc": ["glue/mrpc"],
    "glue_qqp": ["glue/qqp"],
    "wmt14_enfr": ["wmt14_translate/fr-en"],
    **{f"wmt16_translate_{pair}": [f"wmt16_translate/{pair[:2]}-{pair[2:]}"]
       for pair in ("csen", "deen", "fien", "roen", "ruen", "tren")},
    "common_gen": ["gem/common_gen"],
    "dart": ["gem/dart"],
    "e2e_nlg": ["gem/e2e_nlg"],
    "web_nlg_en": ["gem/web_nlg_en"],
    "wiki_lingua_english_en": ["gem/wiki_lingua_english_en"],
    **{name: [f"glue/{name}"] for name in ("cola", "sst2", "qnli", "wnli", "stsb")},
    "mnli_matched": ["glue/mnli"],  # one task there; mnli_mismatched trains on the same data
    "wsc": ["super_glue/wsc.fixed"],
    **{name: [f"super_glue/{name}"] for name in ("rte", "wic", "record", "multirc", "cb", "copa")},
}  # fmt: skip
"""Names of a task in the rendered data where they differ: TFDS's, without the version (after the
Data Provenance Initiative's repository Data-Provenance-Collection, data_summaries)."""


def collection() -> Collection:
    """Makes the collection from the tasks of `tasks` and the suites of `flan2022`."""
    real = flan2022.collection()
    return dataclasses.replace(
        real,
        name="flan2022_rendered",
        tasks={task.name: task for task in tasks()},
        other={},
        varied=False,  # the prompts are finished: no format can change
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
    named = [task.name, *NAMES.get(task.name, ()), *(task.dataset.names if task.dataset else ())]
    # Some chain-of-thought sets are `stream_...` there.
    named += [name.replace("cot_", "stream_") for name in named if task.source == "cot"]
    # Inverted tasks, `..._ii`, are mixed in at their rate already, so they belong to the task.
    return (*named[1:], *(f"{name}_ii" for name in named))


def rendered(row: Mapping[str, Any]) -> list[Record]:
    """Makes the record of a row; an empty prompt or target gives none."""
    inputs, answer = row["inputs"].strip(), row["targets"].strip()
    return [{"inputs": inputs, "answer": answer}] if inputs and answer else []


CONVERTERS = {"rendered": rendered}
