"""Source `t0_sf`: the Public Pool of Prompts (P3) without the data sets that FLAN 2021 has too.

A subset of P3 is one prompt template of one data set, rendered. Its records, `inputs` and `answer`,
stand in one of the few words that each of the three kinds of subsets has around it. As in the
reference, a mixture can list `options` only for subsets whose prompts do not name the candidates
themselves.

Where no rendered copy is to be had, the records are made of the raw data sets with the same
templates (`flanrepro.sources.flan2022.promptsource`).

`t0_sf.csv` lists the subsets by their names on the Hub. Numbers of records and the kind of target
are the reference's (google-research/FLAN, flan/v2/constants_t0.py); the data set's licence is after
the Data Provenance Initiative's audit (its repository Data-Provenance-Collection, data_summaries);
the prompts are under Apache-2.0. `in_flan` marks the subsets of FLAN 2021's data sets, which are no
part of Flan 2022 and complete P3++. Subsets whose rows are candidate answers to be ranked
(`score_eval`) are left out.
"""

import csv
import dataclasses
import functools
from collections.abc import Mapping
from importlib import resources
from typing import Any

from flanrepro.collection.task import Record, Task
from flanrepro.raw.dataset import Dataset
from flanrepro.raw.fields import line, texts
from flanrepro.raw.hub import PARQUET
from flanrepro.raw.reader import tasks_of
from flanrepro.sources.flan2022 import promptsource

HUB = "bigscience/P3"


def tasks() -> tuple[Task, ...]:
    """Makes a task per subset of Flan 2022, 193 in all; no data is read."""
    return tasks_of(_datasets("no"), "t0_sf", __name__)


def overlap_tasks() -> tuple[Task, ...]:
    """Makes a task per subset of FLAN 2021's data sets, of the source `p3`; no data is read."""
    return tasks_of(_datasets("yes"), "p3", __name__)


@functools.cache
def _datasets(in_flan: str) -> tuple[Dataset, ...]:
    text = resources.files(__package__).joinpath("t0_sf.csv").read_text("utf-8")
    rows = csv.DictReader(text.split("\n"))
    return tuple(_dataset(row) for row in rows if row["in_flan"] == in_flan)


def _dataset(row: Mapping[str, str]) -> Dataset:
    sizes = {split: row[split] for split in ("train", "validation", "test") if row[split]}
    separated = row["kind"] == "multiple_choice_separated_options"
    subset = Dataset(
        name=row["name"],
        card=f"p3_{row['dataset']}",
        cluster=row["kind"],
        templates=f"t0_sf/{row['kind']}",
        licence=row["licence"],
        citation="prompts (Apache-2.0): Bach et al., 2022; Sanh et al., 2021",
        hub={"id": HUB, "config": row["name"], "revision": PARQUET},  # P3 itself is a script
        splits={split: {"hub": split, "rows": int(rows)} for split, rows in sizes.items()},
        convert="p3_with_options" if separated else "p3",
    )
    made = promptsource.raw(subset)
    notes = (
        f"Where no copy of {HUB} is to be had, records are made of rows of {made.hub.id} with the "
        f"templates of promptsource 0.2.3 (Apache-2.0): {promptsource.GET}, "
        f"{promptsource.ARCHIVE} in the mirror or in the cache."
    )
    return dataclasses.replace(subset, otherwise=made, notes=notes)


def p3(row: Mapping[str, Any]) -> list[Record]:
    """Makes the record of a row: prompt and target as text; `inputs`, `targets` are T5's ids."""
    inputs, answer = row["inputs_pretokenized"].strip(), row["targets_pretokenized"].strip()
    # A template that does not fit a record was rendered as nothing.
    return [{"inputs": inputs, "answer": answer}] if inputs and answer else []


def p3_with_options(row: Mapping[str, Any]) -> list[Record]:
    """Makes the record of a row with its candidates; the target is one of them."""
    options = "\n".join(filter(None, map(line, texts(row, "answer_choices"))))
    # Options stand one per line, so the answer must be one line to equal its option.
    return [{**record, "answer": line(record["answer"]), "options": options} for record in p3(row)]


CONVERTERS = {"p3": p3, "p3_with_options": p3_with_options}
# Rows of raw data sets become rows of P3 first.
CONVERTERS |= {
    subset.otherwise.convert: functools.partial(
        promptsource.rendered, CONVERTERS[subset.convert], subset.name
    )
    for subset in (*_datasets("no"), *_datasets("yes"))
}
