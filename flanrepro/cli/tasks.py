"""`flanrepro tasks`: lists the tasks for training and evaluation."""

from typing import Annotated

import typer

from flanrepro.errors import InputError


def tasks(
    collection: Annotated[
        str, typer.Option("--collection", "-c", help="empty: pocket; with --source, both")
    ] = "",
    source: Annotated[str, typer.Option(help="only this source, e.g. cot; empty: all")] = "",
    here: Annotated[bool, typer.Option(help="only tasks whose records are available")] = False,
) -> None:
    """List a collection's tasks: source, cluster, records per split, suites."""
    from flanrepro.sources import load_collection

    names = [collection or "pocket"] if collection or not source else ["pocket", "flan2022"]
    loaded = [load_collection(name) for name in names]
    sources = sorted({task.source for one in loaded for task in one.every_task.values()})
    if source and source not in sources:
        raise InputError(f"unknown source '{source}': choose one of {', '.join(sources)}")
    print(f"{'task':36} {'source':17} {'cluster':22} {'trained':8} {'suites':10} records")
    for one in loaded:
        _print_tasks(one, source, here)


def _print_tasks(collection, source: str, here: bool) -> None:
    suites: dict[str, list[str]] = {}
    for suite in collection.suites.values():
        for task in suite.tasks:
            suites.setdefault(task.name, []).append(suite.name)
    for name, task in collection.every_task.items():
        if (source and task.source != source) or (here and all(map(task.missing, task.splits))):
            continue
        trained = "yes" if name in collection.tasks else "no"
        # A split whose size is not known before it is read has no number.
        splits = ", ".join(f"{split} {n:,}" if n else split for split, n in task.splits.items())
        named = " ".join(suites.get(name, ["-"]))
        print(f"{name:36} {task.source:17} {task.cluster:22} {trained:8} {named:10} {splits}")
