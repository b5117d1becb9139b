"""Sections of a data card, as Markdown text; see `flanrepro.cards.data_cards`."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

from flanrepro.cards import t5_vocabulary
from flanrepro.collection.metrics import metrics_of, table_3_metrics
from flanrepro.collection.overlap import ALL
from flanrepro.collection.task import Task
from flanrepro.collection.templates import fields_of, load_templates
from flanrepro.markdown import table
from flanrepro.raw.files import manifest

MANY = 20
"""Number of tasks or files that a card lists one by one; more are counted and folded away."""


@dataclass(frozen=True)
class Shown:
    """A task on its card.

    Attributes:
        task: the task.
        trained: True for a training task.
        suites: names of the suites that evaluate it.
        split: name of the split that it is used for, whose records are counted.
        overlaps: rows of `contamination.csv`, per suite and per task of a suite that is hit.
        unsaid: rows of `t5_vocabulary.csv`, one per split that T5's vocabulary cannot say whole.
    """

    task: Task
    trained: bool
    suites: Sequence[str]
    split: str
    overlaps: Sequence[Mapping[str, str]]
    unsaid: Sequence[Mapping[str, str]] = ()

    @property
    def use(self) -> str:
        uses = ["training"] * self.trained + [f"suite {name}" for name in self.suites]
        return ", ".join(uses) or "only where it is named"

    @property
    def records(self) -> int:
        """Number of records in its split, or in its largest if it lacks that; 0 if unknown."""
        splits = self.task.splits
        return splits.get(self.split, max(splits.values(), default=0))


def card(name: str, shown: Sequence[Shown], entry: Mapping[str, Any]) -> str:
    """Makes the card of a data set.

    Args:
        name: name of the data set.
        shown: tasks of the data set.
        entry: what `notes.yaml` says of it, if anything: `citation`, `files`, `notes`.
    """
    tasks = [one.task for one in shown]
    notes = (entry.get("notes", "").strip(), _said(tasks, "notes"))
    sections = {
        "Tasks": _few_tasks(shown) if len(tasks) <= MANY else _many_tasks(shown),
        "Splits": _splits(tasks) if len(tasks) <= MANY else "",  # else beside each task's name
        "Original files": _files(tasks, entry.get("files", ())),
        "To be fetched by hand": _said(tasks, "manual"),
        "Fields of a record": _fields(tasks),
        "Templates": _templates(tasks),
        "Contamination": _contamination([one for one in shown if one.trained]),
        "T5's vocabulary": t5_vocabulary.section([row for one in shown for row in one.unsaid]),
        "Notes": "\n\n".join(filter(None, notes)),
    }
    body = "".join(f"\n## {title}\n\n{text}\n" for title, text in sections.items() if text)
    return f"# {name}\n\n{_head(tasks, entry.get('citation', ''))}\n{body}"


def _head(tasks: Sequence[Task], citation: str) -> str:
    number = f"{len(tasks):,} task{'s' if len(tasks) > 1 else ''}"
    rows = [
        ("what", f"{number}: {join(_plain(task.cluster) for task in tasks)}"),
        ("source", join(task.source for task in tasks)),
        ("citation", join([citation, *(task.citation for task in tasks)], "; ")),
        ("licence", join((task.licence for task in tasks), "; ")),
        ("Hugging Face Hub", _places(tasks) or "no"),
    ]
    return table(("", ""), rows)


def _places(tasks: Sequence[Task]) -> str:
    configs: dict[tuple[str, str | None], list[str]] = {}
    # One link per data set and revision, with the configurations that tasks are read from.
    for hub in (task.dataset.hub for task in tasks if task.dataset and task.dataset.hub):
        configs.setdefault((hub.id, hub.revision), []).extend(
            [f"`{hub.config}`"] * bool(hub.config)
        )
    places = []
    for (name, revision), named in configs.items():
        more = [f"revision `{revision}`"] if revision else []
        more += [f"configuration {join(named)}"] if named else []
        places.append(", ".join([f"[{name}](https://huggingface.co/datasets/{name})", *more]))
    return "; ".join(places)


def _few_tasks(shown: Sequence[Shown]) -> str:
    rows = [
        (
            f"`{one.task.name}`",
            one.task.source,
            _plain(one.task.cluster),
            one.task.answer,
            _metrics(one.task),
            one.use,
        )
        for one in shown
    ]
    return table(("task", "source", "cluster", "answer", "metrics", "used for"), rows)


def _metrics(task: Task) -> str:
    own, paper = ", ".join(map(_plain, metrics_of(task))), ", ".join(table_3_metrics(task))
    return f"{own}; Table 3: {_plain(paper)}" if paper else own


def _many_tasks(shown: Sequence[Shown]) -> str:
    tasks = [one.task for one in shown]
    number = Counter(task.cluster for task in tasks)
    records: Counter[str] = Counter()
    for one in shown:
        records[one.task.cluster] += one.records
    rows = [(_plain(c), f"{n:,}", count(records[c])) for c, n in sorted(number.items())]
    rows.append(("all", f"{len(tasks):,}", count(records.total())))
    # What all tasks say stands in the head or under Notes; a task's line has its own alone.
    texts = [[task.citation, _text(task, "notes")] for task in tasks]
    shared = set(texts[0]).intersection(*texts)
    lines = []
    for task, own in zip(tasks, texts, strict=True):
        parts = [_plain(task.cluster), _sizes(task), *(text for text in own if text not in shared)]
        lines.append(f"- `{task.name}`: {'; '.join(filter(None, parts))}")
    return (
        f"Used for: {join(one.use for one in shown)}.\n\n"
        f"{table(('category', 'tasks', 'records'), rows)}\n\n"
        f"{_folded(f'All {len(tasks):,} tasks', lines)}"
    )


def _sizes(task: Task) -> str:
    return ", ".join(f"{split} {count(rows)}" for split, rows in task.splits.items())


def _splits(tasks: Sequence[Task]) -> str:
    rows = []
    for task in tasks:
        there = task.dataset.splits.values() if task.dataset else ()
        hub = ", ".join(dict.fromkeys(split["hub"] for split in there if "hub" in split))
        rows.append((f"`{task.name}`", _sizes(task), hub or "-"))
    return (
        "As the publisher counts; rows that cannot be used are left out when they are read.\n\n"
        + table(("task", "rows", "splits of the Hub"), rows)
    )


def _files(tasks: Sequence[Task], more: Iterable[str]) -> str:
    """Lists the files that a mirror may hold, with rows and licence if the manifest has them."""
    splits: dict[str, list[str]] = {path: [] for path in more}
    for task in tasks:
        for split, choices in (task.dataset.files if task.dataset else {}).items():
            for path in " ".join(choices).split():  # a key may be several names
                splits.setdefault(path, []).append(split)
    rows, unlisted = [], []
    for path, of in splits.items():
        # A path may be a pattern, which stands for several files of the manifest.
        known = [file for name, file in manifest().items() if fnmatch(name, path)]
        rows += [(f"[{f.path}]({f.url})", count(f.rows), f.licence, join(of)) for f in known]
        unlisted += [] if known else [path]
    parts = []
    if rows:
        listed = table(("file", "rows", "licence stated there", "split"), rows)
        parts.append(listed if len(rows) <= MANY else _folded(f"{len(rows):,} files", [listed]))
    if unlisted:
        parts.append(f"Read {'as well ' if rows else ''}where a mirror has them:")
        if len(unlisted) > MANY:
            folders = Counter(path.rpartition("/")[0] for path in unlisted)
            unlisted = [f"{folder}/* ({number:,} files)" for folder, number in folders.items()]
        parts.append("\n".join(f"- `{path}`" for path in unlisted))
    return "\n\n".join(parts)


def _fields(tasks: Sequence[Task]) -> str:
    """Lists fields as the templates name them, and the Hub's columns that they are made of."""
    lines = []
    for name in dict.fromkeys(task.templates for task in tasks):
        patterns = [t.instruction + t.inputs + t.targets for t in load_templates(name)]
        fields = sorted({field for pattern in patterns for field in fields_of(pattern)})
        lines.append(f"- for `{name}.yaml`: {', '.join(f'`{field}`' for field in fields)}")
    rules: dict[tuple[str, str], list[str]] = {}
    for task in tasks:
        for field, rule in (task.dataset.fields if task.dataset else {}).items():
            rules.setdefault((f"`{field}`", _rule(rule)), []).append(f"`{task.name}`")
    rows = [(*key, "all" if len(of) == len(tasks) else join(of)) for key, of in rules.items()]
    made = f"\n\n{table(('field', 'made of the columns', 'in'), rows)}" if rows else ""
    return "\n".join(lines) + made


def _rule(rule: Any) -> str:
    """Says a field's rule in words; `flanrepro.raw.fields` has the rules."""
    if isinstance(rule, str):
        return f"`{rule}`"
    if isinstance(rule, list):
        return f"always: {', '.join(rule)}"
    if "list" in rule:
        return f"all of `{rule['list']}`"
    columns = rule.get("of") or rule.get("lines") or rule.get("from") or rule.get("text")
    words = ", ".join(f"`{c}`" for c in ([columns] if isinstance(columns, str) else columns))
    if "pick" in rule:
        among = f" (among `{rule['among']}`)" if "among" in rule else ""
        words = f"the one of {words} that `{rule['pick']}` names{among}"
    if "labels" in rule:
        words += f" ({', '.join(f'{key}: {text}' for key, text in rule['labels'].items())})"
    return f"{words}; where missing: {rule['default']}" if "default" in rule else words


def _templates(tasks: Sequence[Task]) -> str:
    lines = []
    for name in dict.fromkeys(task.templates for task in tasks):
        templates = load_templates(name)
        plain = [f"`{t.name}`" for t in templates if not t.inverted]
        turned = [f"`{t.name}`" for t in templates if t.inverted]
        also = f"; turned around: {', '.join(turned)}" if turned else ""
        lines.append(f"- `{name}.yaml`: {', '.join(plain)}{also}")
    return "\n".join(lines)


def _contamination(trained: Sequence[Shown]) -> str:
    if not trained:
        return ""
    gone = [f"`{one.task.name}`" for one in trained if not one.overlaps]
    here = [f"`{one.task.name}`" for one in trained if one.overlaps]
    rows = [row for one in trained for row in one.overlaps]
    if len(trained) > MANY:
        rows = [row for row in rows if int(row["records_hit"])]
    parts = []
    if len(trained) > MANY and here:
        found = "those that share text are shown" if rows else "none shares text with a suite"
        parts.append(f"Measured: {join(here)}; {found}.")
    if rows:
        titles = "task", "suite", "records", "items", "share of items", "items too short", "example"
        parts += [
            "Training records that share 13 words in a row with an item of a suite, and items that "
            "share as many with a training record; below a suite those of its tasks that do:",
            table(titles, map(_overlap, rows)),
        ]
    if gone:
        which = join(gone) if len(gone) <= MANY else f"{len(gone):,} tasks"
        tasks = which if here else "All tasks"
        parts.append(f"{tasks}: not measured, because the data was not available.")
    return "\n\n".join(parts)


def _overlap(row: Mapping[str, str]) -> tuple[str, ...]:
    hit, items = int(row["items_hit"]), int(row["items"])
    return (
        f"`{row['task']}`",
        _suite(row),
        f"{int(row['records_hit']):,} of {int(row['records']):,}",
        f"{hit:,} of {items:,}",
        f"{hit / items:.2%}",
        row["items_short"],
        row["longest_example"],
    )


def _suite(row: Mapping[str, str]) -> str:
    if row["evaluated"] != ALL:
        return f"{row['suite']}: `{row['evaluated']}`"
    here, _, every = row["tasks"].split()
    return row["suite"] if here == every else f"{row['suite']} ({row['tasks']} tasks)"


def _said(tasks: Sequence[Task], name: str) -> str:
    """Joins what the tasks' descriptions say, each text once, with its tasks if not all."""
    said: dict[str, list[str]] = {}
    for task in tasks:
        said.setdefault(_text(task, name), []).append(f"`{task.name}`")
    said.pop("", None)
    if len(tasks) > MANY:  # other texts stand in the list of tasks
        return "\n\n".join(text for text, of in said.items() if len(of) == len(tasks))
    texts = said.items()
    return "\n\n".join(t if len(of) == len(tasks) else f"{join(of)}: {t}" for t, of in texts)


def _text(task: Task, name: str) -> str:
    return getattr(task.dataset, name).strip() if task.dataset else ""


def count(number: int) -> str:
    """Writes a number for people; 0 means an unknown one."""
    return f"{number:,}" if number else "unknown"


def join(texts: Iterable[str], comma: str = ", ") -> str:
    """Joins the texts, each once; after the first 20, says how many more there are."""
    texts = list(dict.fromkeys(filter(None, texts)))
    more = f" and {len(texts) - MANY:,} more" if len(texts) > MANY else ""
    return comma.join(texts[:MANY]) + more


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _folded(title: str, lines: Iterable[str]) -> str:
    return f"<details>\n<summary>{title}</summary>\n\n" + "\n".join(lines) + "\n\n</details>"
