"""Data cards: a Markdown page per data set of `flan2022`, made from what the package reads.

A card shows the descriptions in `sources/`, the manifest, the templates, the suites, and two files
that lie beside the cards: `contamination.csv`, which `measure` writes where the data is at hand,
and `notes.yaml`, for data sets that are read by code and have no description elsewhere.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from flanrepro.cards.sections import Shown, card, count, join
from flanrepro.cards.suite_card import suites_card
from flanrepro.collection.task import Suite, Task
from flanrepro.errors import InputError
from flanrepro.markdown import table
from flanrepro.sources import load_collection

FOLDER = Path("data_cards")
"""Where a checkout has the cards."""

HELD_OUT = ("mmlu", "bbh")
"""The suites that training data must not hold."""

_INDEX = """# Data cards

A card per data set of the collection `flan2022`, by source; the collection `pocket` has
[one card](pocket.md), and how suites are evaluated stands in [another](suites.md). All but
pocket's are generated, by `flanrepro data cards {folder}`, from the
descriptions that the package reads the data by, and a test compares them.

Records are those that are trained on, or evaluated, as the publisher counts them. Licences are as
publishers state them; the terms of the texts that a data set was made of may differ.

The last two columns say how many of the training records that were at hand share 13 words in a row
with an item of MMLU or BBH (after Brown et al., 2020, appendix C): letters and digits in lower
case, within one field of a record. Shared text may be a copied item, or a quotation, or a common
wording: each card has an example. [contamination.csv](contamination.csv) has all tasks; "no data"
are those that could not be measured because their data was not at hand.
"""


def cards(folder: Path = FOLDER) -> dict[str, str]:
    """All cards and their index by file name; `folder` has what is measured and the notes.

    Raises:
        InputError: it has not.
    """
    for name in ("notes.yaml", "contamination.csv"):
        if not (folder / name).is_file():
            raise InputError(
                f"{folder} has no {name}, which the cards are made from: name the folder "
                f"{FOLDER} of a checkout of flanrepro"
            )
    notes = yaml.safe_load((folder / "notes.yaml").read_text(encoding="utf-8"))
    entries = notes["datasets"] | {f"p3_{n}": {"citation": c} for n, c in notes["p3"].items()}
    grouped = _by_card(notes, _measured(folder))
    made = {f"{n}.md": card(n, shown, entries.get(n, {})) for n, shown in grouped.items()}
    return {"README.md": _index(grouped), "suites.md": suites_card(), **made}


def write(folder: Path = FOLDER) -> None:
    """Writes all cards into `folder`."""
    for name, text in cards(folder).items():
        (folder / name).write_text(text, encoding="utf-8")


def measure(folder: Path = FOLDER) -> None:
    """Writes `contamination.csv`: the training tasks at hand against MMLU and BBH."""
    from flanrepro.cards.contamination import table as overlaps

    collection = load_collection("flan2022")
    tasks = [task for task in collection.tasks.values() if not task.missing("train")]
    found = overlaps(tasks, [collection.suites[name] for name in HELD_OUT])
    found.to_csv(folder / "contamination.csv", index=False, lineterminator="\n")


def _measured(folder: Path) -> dict[str, list[dict[str, str]]]:
    measured: dict[str, list[dict[str, str]]] = {}
    with (folder / "contamination.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            measured.setdefault(row["task"], []).append(row)
    return measured


def _by_card(
    notes: Mapping[str, Any], measured: Mapping[str, Sequence[Mapping[str, str]]]
) -> dict[str, list[Shown]]:
    """The tasks of every data set, by the card's name: training tasks first, none twice."""
    collection = load_collection("flan2022")
    suites: dict[tuple[str, str], list[Suite]] = {}
    every = [*collection.tasks.values(), *collection.other.values()]
    for suite in collection.suites.values():
        every += suite.tasks
        for task in suite.tasks:
            suites.setdefault(_key(task), []).append(suite)
    grouped: dict[str, list[Shown]] = {}
    for key, task in {_key(task): task for task in every}.items():
        trained = collection.tasks.get(task.name) is task
        overlaps = measured.get(task.name, ()) if trained else ()
        evaluating = suites.get(key, [])
        split = evaluating[0].split if evaluating and not trained else "train"
        names = [suite.name for suite in evaluating]
        shown = Shown(task, trained, names, split, overlaps)
        grouped.setdefault(_name(task, notes), []).append(shown)
    return dict(sorted(grouped.items()))


def _name(task: Task, notes: Mapping[str, Any]) -> str:
    """The name of a task's card."""
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
            hits = [_hits(of, suite) for suite in HELD_OUT]
            row = (f"[{name}]({name}.md)", f"{len(of):,}", records, licences, *hits)
            by_source.setdefault(source, []).append(row)
    titles = ("card", "tasks", "records", "licence", "in MMLU", "in BBH")
    parts = [_INDEX.format(folder=FOLDER.name)]
    parts += [f"## {source}\n\n{table(titles, rows)}\n" for source, rows in by_source.items()]
    return "\n".join(parts)


def _hits(shown: Sequence[Shown], suite: str) -> str:
    if not any(one.trained for one in shown):
        return "not trained on"
    rows = [row for one in shown for row in one.overlaps if row["suite"] == suite]
    if not rows:
        return "no data"
    hits, records = (sum(int(row[key]) for row in rows) for key in ("records_hit", "records"))
    return f"{hits:,} of {records:,}"
