"""FLAN 2021's task clusters, what evaluates one of them, and what its training leaves out.

A data set counts as unseen if no data set of its cluster is trained on (Wei et al., 2021, section
2.2). `clusters.yaml` has the clusters, and those that are too close to another to stay without it.
"""

import dataclasses
import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flanrepro.collection.task import Collection, Suite, Task, protocol
from flanrepro.errors import InputError
from flanrepro.packaged import read_yaml

SOURCE = "flan2021"
"""Name of the source whose data sets are in the clusters."""


def _data() -> dict[str, Any]:
    return read_yaml("flanrepro.collection", "clusters")


def cluster_names() -> tuple[str, ...]:
    """Names of the twelve clusters, as in `Task.cluster` of the real data sets."""
    return tuple(_data()["clusters"])


def cluster_of(task: Task) -> str:
    """Name of the task's cluster, the same one in every collection."""
    pocket = {row["pocket"]: name for name, row in _data()["clusters"].items() if "pocket" in row}
    return pocket.get(task.cluster, task.cluster)


def title_of(task: Task) -> str:
    """The name of the task's cluster in words, see `title`."""
    return title(cluster_of(task))


def title(cluster: str) -> str:
    """The name of a cluster in words, e.g. `natural language inference`."""
    return _data()["clusters"].get(cluster, {}).get("title", cluster.replace("_", " "))


def cluster_suite(collection: Collection, name: str) -> Suite:
    """The suite of a cluster: the tasks that FLAN 2021 evaluates it on, or all its data sets.

    The paper evaluates neither summarization nor the miscellaneous cluster. A task is evaluated on
    its test split where that has labels, else on `validation` (Appendix G).

    Args:
        collection: the collection that has the tasks.
        name: one of `cluster_names`.

    Raises:
        InputError: the collection's prompts are finished texts.
    """
    listed, every = _data()["clusters"][name].get("evaluated"), collection.every_task
    if listed:
        tasks = tuple(every[task] for task in listed if task in every)
    else:
        own = (task for task in every.values() if task.source == SOURCE)
        tasks = tuple(task for task in own if cluster_of(task) == name)
    return _suite(collection, name, tasks)


def task_suite(collection: Collection, cluster: str, name: str) -> Suite:
    """The suite of one task of a cluster, scored as the cluster is.

    Args:
        collection: the collection that has the task.
        cluster: one of `cluster_names`.
        name: name of a task.

    Raises:
        InputError: the task is of another cluster, or the collection's prompts are finished texts.
    """
    task = collection.task(name)
    if (own := cluster_of(task)) != cluster:
        raise InputError(
            f"task '{name}' is of cluster {own}, not {cluster}: write {own}.{name}, or the task's "
            "name alone"
        )
    return dataclasses.replace(_suite(collection, cluster, (task,)), name=f"{cluster}.{name}")


def _suite(collection: Collection, name: str, tasks: tuple[Task, ...]) -> Suite:
    if any(task.rendered for task in tasks):
        raise InputError(
            f"cluster '{name}' has finished prompts in collection '{collection.name}', which are "
            "for training: evaluate it in collection 'flan2022'"
        )
    tasks = tuple(map(_without_uncounted_test, tasks))
    return Suite(name, tasks, "test", protocol(collection.name, "flan2021_cluster"))


def _without_uncounted_test(task: Task) -> Task:
    # A test split that the publisher has no number of is another edition's: GLUE's SST-2 has test
    # records without labels, and was evaluated on its validation set.
    if task.splits.get("test", 1):
        return task
    splits = {name: size for name, size in task.splits.items() if name != "test"}
    return dataclasses.replace(task, splits=splits)


def held_out(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Gives what holding clusters out leaves out.

    Args:
        names: names of clusters, each one of `cluster_names`.

    Returns:
        Per cluster that is left out, those named first, the cluster that it goes with (empty: it is
        named itself) and the place that says so.

    Raises:
        InputError: a name is no cluster's, or no cluster is left to train on.
    """
    data, names = _data(), tuple(names)
    for name in names:
        _check_name(name)
    found = {name: ("", data["where"]) for name in names}
    for row in data["exceptions"]:
        if row["held_out"] in names:
            for name in row["also"]:
                found.setdefault(name, (row["held_out"], row["where"]))
    if len(found) == len(data["clusters"]):
        raise InputError(
            f"without_clusters holds out all {len(found)} clusters, those that go with another "
            "included: leave one or more in to train on"
        )
    return found


def left_out(tasks: Iterable[Task], names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The names of the tasks that holding out the clusters leaves out, per cluster left out.

    Raises:
        InputError: as in `held_out`; or a task is of another source than FLAN 2021, so that the
            clusters do not say what it has in common with theirs.
    """
    found: dict[str, list[str]] = {name: [] for name in held_out(names)}
    for task in tasks if found else ():
        if task.source != SOURCE:
            raise InputError(
                f"without_clusters holds out clusters of source {SOURCE}, and task '{task.name}' "
                f"is of source {task.source}, which may have tasks of the same kind: train on "
                f"{SOURCE} alone, e.g. on mixture 'flan2021_original'"
            )
        if (cluster := cluster_of(task)) in found:
            found[cluster].append(task.name)
    return {name: tuple(tasks) for name, tasks in found.items()}


def said_left_out(left: Mapping[str, Sequence[str]], names: Iterable[str]) -> str:
    """Lines that say which clusters are left out, why, and with which tasks.

    Args:
        left: names of tasks per cluster, from `left_out`.
        names: the clusters that are held out.
    """
    lines = [f"held out: {', '.join(names)}"]
    for cluster, (goes_with, where) in held_out(names).items():
        why = f", which goes with {goes_with} ({where})" if goes_with else ""
        lines.append(f"  {cluster}{why}: {', '.join(left[cluster]) or 'no task'}")
    return "\n".join(lines)


def check_none_left_out(tasks: Sequence[Task], names: Iterable[str]) -> None:
    """Raises InputError if a task that is to be trained on is one that is held out."""
    for cluster, tasks_of in left_out(tasks, names).items():
        if tasks_of:
            goes_with = held_out(names)[cluster][0]
            why = f", which goes with {goes_with}" if goes_with else ""
            raise InputError(
                f"task '{tasks_of[0]}' is to be trained on, and without_clusters holds out its "
                f"cluster {cluster}{why}: leave out the task, or do not hold out "
                f"{goes_with or cluster}"
            )


def _check_name(name: str) -> None:
    clusters = _data()["clusters"]
    if name in clusters:
        return
    # People may know a cluster by its name in the paper, in the reference or in pocket.
    known = {}
    for own, row in clusters.items():
        others = row["title"].replace(" ", "_"), row.get("pocket", own), *row["reference"]
        known |= {other: own for other in (own, *others)}
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    near = (
        f"did you mean {' or '.join(dict.fromkeys(known[one] for one in near))}? " if near else ""
    )
    raise InputError(
        f"unknown cluster '{name}' in without_clusters: {near}choose of {', '.join(clusters)}"
    )
