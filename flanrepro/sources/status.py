"""Says which data of a collection is available, fetches and verifies it (`flanrepro data ...`)."""

import itertools
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from tqdm import tqdm

from flanrepro.collection import Task
from flanrepro.collection.prompt import render
from flanrepro.collection.templates import load_wordings
from flanrepro.errors import InputError
from flanrepro.raw import files
from flanrepro.raw.reader import fetch, file_names, find
from flanrepro.raw.records import store_path
from flanrepro.sources import load_collection


def chosen_tasks(collection: str, names: Sequence[str]) -> list[Task]:
    """Returns the tasks whose name, source or data card is in `names`; all tasks if it is empty.

    Raises:
        InputError: a name fits no task; the sentence lists the sources.
    """
    tasks = load_collection(collection).every_task.values()
    chosen = [t for t in tasks if not names or {t.name, t.source, _card(t)} & set(names)]
    known = {label for t in chosen for label in (t.name, t.source, _card(t))}
    for name in names:
        if name not in known:
            sources = ", ".join(sorted({task.source for task in tasks}))
            raise InputError(
                f"collection '{collection}' has no task, data set or source '{name}': its sources "
                f"are {sources}, and `flanrepro tasks -c {collection}` lists the tasks"
            )
    return chosen


def _card(task: Task) -> str:
    return task.dataset.card if task.dataset else ""


def status_lines(collection: str, source: str = "", missing: bool = False) -> Iterator[str]:
    """Yields the places of data, a line per source, and with `missing` one per missing split."""
    mirror = files.mirror()
    place = f"mirror {mirror}" if mirror else f"no mirror; cache {files.cache_folder()}"
    yield f"{place}; records read so far: {store_path()}"
    available: Counter[str] = Counter()
    every: Counter[str] = Counter()
    sentences = []
    for task in chosen_tasks(collection, [source] if source else []):
        reasons = [task.missing(split) for split in task.splits]
        sentences += [reason for reason in reasons if reason]
        every[task.source] += len(reasons)
        available[task.source] += reasons.count("")
    for name, total in every.items():
        yield f"{name:18} {available[name]:5} of {total:5} splits available"
    if missing:
        yield from sentences
    elif sentences:
        yield "what is missing, and what to do: flanrepro data status --missing"


def fetch_tasks(collection: str, names: Sequence[str], split: str = "") -> int:
    """Brings tasks' records into the store; prints each failure, returns the number of failures.

    Raises:
        InputError: a name fits no task, or no task named has a split `split` to fetch.
    """
    wanted = [
        (task, name)
        for task in chosen_tasks(collection, names)
        for name in task.splits
        if (not split or name == split) and not _only_in_files(task, name)
    ]
    if split and not wanted:
        raise InputError(f"none of the tasks named has a split '{split}' that could be fetched")
    # A place on the Hub may hold hundreds of tasks; it is downloaded and read once for all of them.
    groups = itertools.groupby(sorted(wanted, key=_place), key=_place)
    failed = 0
    for _, group in tqdm([(p, list(g)) for p, g in groups], desc="fetched", unit="place"):
        failed += _attempt(lambda group=group: _fetch_group(group), group)
    if failed:
        print(f"{failed} of {len(wanted)} splits could not be fetched", file=sys.stderr)
    return failed


def _only_in_files(task: Task, split: str) -> bool:
    """True for a missing split that only a mirror's files hold, of a data set on the Hub."""
    # Without a mirror nothing can be done about it, so it does not count as a failure.
    data = task.dataset
    beside = data and data.hub and split not in data.splits
    return bool(beside and files.mirror() is None and task.missing(split))


def _place(wanted: tuple[Task, str]) -> str:
    task, split = wanted
    data = task.dataset
    # What needs no place on the Hub (available already, or in files alone) has a key of its own.
    if not task.missing(split) or not data or not data.hub or split not in data.splits:
        return f"{task.name}/{split}"
    place = (data.hub.id, data.hub.config, data.hub.revision, data.splits[split]["hub"])
    return repr((task.source, *place)) if data.hub.column else f"{task.name}/{split}"


def _fetch_group(group: Sequence[tuple[Task, str]]) -> list[InputError]:
    """Returns the errors of single splits; one that it raises is about the whole group."""
    errors = []
    for split, tasks in itertools.groupby(sorted(group, key=_by_split), key=_by_split):
        members = [task for task, _ in tasks]
        first = members[0]
        on_hub = first.dataset and first.dataset.hub and split in first.dataset.splits
        if first.missing(split) and on_hub and files.mirror() is None:
            errors += fetch(first.reader, [task.dataset for task in members], split)[1].values()
        else:
            for task in members:
                task.records(split)  # reading puts them into the store
    return errors


def _by_split(wanted: tuple[Task, str]) -> str:
    return wanted[1]


def verify_tasks(collection: str, names: Sequence[str]) -> int:
    """Fills every template with every available record; returns the number of bad splits."""
    failed = records = splits = 0
    for task in tqdm(chosen_tasks(collection, names), desc="verified", unit="task"):
        for split in task.splits:
            if task.missing(split):
                continue
            splits += 1
            bad = _attempt(lambda task=task, split=split: check_records(task, split), [task])
            failed += bad
            records += 0 if bad else task.size(split)
    print(f"{splits} splits available, {failed} of them bad; {records:,} records read")
    return failed


def check_records(task: Task, split: str) -> None:
    """Checks a split's files and prompts; InputError if a checksum differs or a side is empty."""
    origin = find(task.dataset, split) if task.dataset else None
    for name in file_names(origin.path) if origin and origin.kind == "file" else ():
        files.fetch(name)  # compares the checksum of a file that a mirror has, too
    wordings = load_wordings(task.templates)
    # What is only evaluated is asked in the first wording, and may lack what others name.
    trained = split in ("train", "exemplars") or task.rendered
    templates = (*wordings.templates, *wordings.few_shot) if trained else wordings.templates[:1]
    for index in range(task.size(split)):
        for template in templates:
            # Exemplars show a task as it is; records to train on turn it around too.
            if template.inverted and split == "exemplars":
                continue
            prompt = render(task, index, split=split, template=template)
            if not prompt.inputs.strip() or not prompt.targets.strip():
                raise InputError(
                    f"task '{task.name}', {split} record {index}, template '{template.name}': the "
                    f"prompt or its target is empty; mend the record or the template"
                )


def _attempt(action: Callable[[], Sequence[InputError] | None], about: Sequence) -> int:
    """Runs `action`, prints its errors, returns their number (that of `about` if it raises)."""
    try:
        errors = action() or ()
        failed = len(errors)
    except InputError as error:
        errors, failed = [error], len(about)
    for error in errors:
        tqdm.write(f"flanrepro: {error}", file=sys.stderr)
    return failed
