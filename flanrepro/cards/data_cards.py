"""Data cards: a Markdown page per data set of `flan2022`, made from what the package reads.

A card shows the descriptions in `sources/`, the manifest, the templates, the suites, and three
files beside the cards: `contamination.csv` and `t5_vocabulary.csv`, which `measure` and
`measure_vocabulary` write where the data is available, and `notes.yaml`, for data sets that are
read by code and have no description elsewhere.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flanrepro.cards import t5_vocabulary
from flanrepro.cards.sections import Shown, card, count, join
from flanrepro.cards.suite_card import suites_card
from flanrepro.collection.overlap import ALL
from flanrepro.collection.task import Suite, Task
from flanrepro.data.vocabulary import load_vocabulary
from flanrepro.errors import InputError
from flanrepro.markdown import table
from flanrepro.packaged import parse_yaml, read_text
from flanrepro.sources import load_collection

FOLDER = Path("data_cards")
"""Folder of the cards in a checkout."""

COLUMNS = {
    "mmlu": "in MMLU",
    "bbh": "in BBH",
    "cot": "in CoT",
    "held_in": "in Held-In",
    "single_task": "in single tasks",
}
"""The index's columns by suite; `bbh_cot` has the items of `bbh`."""


def cards(folder: Path = FOLDER) -> dict[str, str]:
    """Makes all cards and their index: Markdown text by file name.

    Raises:
        InputError: `folder` lacks `notes.yaml` or a file of measurements.
    """
    for name in ("notes.yaml", "contamination.csv", t5_vocabulary.FILE):
        if not (folder / name).is_file():
            raise InputError(
                f"{folder} has no {name}, which the cards are made from: name the folder "
                f"{FOLDER} of a checkout of flanrepro"
            )
    notes = parse_yaml((folder / "notes.yaml").read_text(encoding="utf-8"))
    # P3's subsets say all about themselves but whose data they are.
    entries = notes["datasets"] | {f"p3_{n}": {"citation": c} for n, c in notes["p3"].items()}
    measured = [_measured(folder, name) for name in ("contamination.csv", t5_vocabulary.FILE)]
    grouped = _by_card(notes, *measured)
    made = {f"{n}.md": card(n, shown, entries.get(n, {})) for n, shown in grouped.items()}
    return {"README.md": _index(grouped), "suites.md": suites_card(), **made}


def write(folder: Path = FOLDER) -> None:
    """Writes all cards into `folder`, from its notes and measurements; errors as in `cards`."""
    for name, text in cards(folder).items():
        (folder / name).write_text(text, encoding="utf-8")


def measure(folder: Path = FOLDER) -> None:
    """Writes `contamination.csv`: all available training tasks against all suites."""
    from flanrepro.cards.contamination import table as overlaps

    collection = load_collection("flan2022")
    tasks = [task for task in collection.tasks.values() if not task.missing("train")]
    found = overlaps(tasks, list(collection.suites.values()))
    # The same bytes on every system.
    found.to_csv(folder / "contamination.csv", index=False, lineterminator="\n")


def measure_vocabulary(folder: Path = FOLDER) -> None:
    """Writes `t5_vocabulary.csv`: what T5's vocabulary cannot say of all available splits."""
    import pandas as pd

    tasks = load_collection("flan2022").every_task.values()
    found = t5_vocabulary.rows(load_vocabulary("t5"), tasks)
    table = pd.DataFrame([row for row, loss in found if loss.any])
    table.to_csv(folder / t5_vocabulary.FILE, index=False, lineterminator="\n")


def _measured(folder: Path, name: str) -> dict[str, list[dict[str, str]]]:
    measured: dict[str, list[dict[str, str]]] = {}
    with (folder / name).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            measured.setdefault(row["task"], []).append(row)
    return measured


def _by_card(
    notes: Mapping[str, Any],
    measured: Mapping[str, Sequence[Mapping[str, str]]],
    unsaid: Mapping[str, Sequence[Mapping[str, str]]],
) -> dict[str, list[Shown]]:
    """Groups all tasks by the name of their card, training tasks first, none twice."""
    collection = load_collection("flan2022")
    suites: dict[tuple[str, str], list[Suite]] = {}
    every = [*collection.tasks.values(), *collection.other.values()]
    for suite in collection.suites.values():
        every += suite.tasks
        for task in suite.tasks:
            suites.setdefault(_key(task), []).append(suite)
    grouped: dict[str, list[Shown]] = {}
    # A suite may hold a training task, and two suites may hold one task.
    for key, task in {_key(task): task for task in every}.items():
        trained = collection.tasks.get(task.name) is task
        overlaps = measured.get(task.name, ()) if trained else ()
        evaluating = suites.get(key, [])
        # A training task counts what is trained on, whatever evaluates it.
        split = evaluating[0].split if evaluating and not trained else "train"
        names = [suite.name for suite in evaluating]
        shown = Shown(task, trained, names, split, overlaps, unsaid.get(task.name, ()))
        grouped.setdefault(_name(task, notes), []).append(shown)
    return dict(sorted(grouped.items()))


def _name(task: Task, notes: Mapping[str, Any]) -> str:
    """Returns the name of a task's card; for tasks read by code, `notes.yaml` has it."""
    if task.dataset is None:
        named = (n for n, entry in notes["datasets"].items() if task.name in entry["tasks"])
        return next(named, task.name)
    return task.dataset.card


def _key(task: Task) -> tuple[str, str]:
    return task.source, task.name


def _index(grouped: Mapping[str, Sequence[Shown]]) -> str:
    by_source: dict[str, list[tuple[str, ...]]] = {}
    for name, shown in grouped.items():
        for source in dict.fromkeys(one.task.source for one in shown):
            of = [one for one in shown if one.task.source == source]
            records = count(sum(one.records for one in of))
            licences = join(one.task.licence for one in of)
            hits = [_hits(of, suite) for suite in COLUMNS]
            row = (f"[{name}]({name}.md)", f"{len(of):,}", records, licences, *hits)
            by_source.setdefault(source, []).append(row)
    titles = ("card", "tasks", "records", "licence", *COLUMNS.values())
    parts = [read_text("flanrepro.cards", "index_head.md").format(folder=FOLDER.name)]
    parts += [f"## {source}\n\n{table(titles, rows)}\n" for source, rows in by_source.items()]
    return "\n".join(parts)


def _hits(shown: Sequence[Shown], suite: str) -> str:
    if not any(one.trained for one in shown):
        return "not trained on"
    rows = [row for one in shown for row in one.overlaps]
    rows = [row for row in rows if (row["suite"], row["evaluated"]) == (suite, ALL)]
    if not rows:
        return "no data"
    hits, records = (sum(int(row[key]) for row in rows) for key in ("records_hit", "records"))
    return f"{hits:,} of {records:,}"
