"""What T5's vocabulary cannot say of each task: counted on available data, said on the cards."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict

from flanrepro.collection.task import Task
from flanrepro.data.vocabulary import Vocabulary
from flanrepro.evaluation.sayable import Loss, task_loss
from flanrepro.markdown import table

FILE = "t5_vocabulary.csv"
"""Name of the file beside the cards that keeps the counts."""

SHOWN = 12
"""Number of characters that a row shows: texts in another script lack hundreds."""

MOST = 20
"""Number of splits that a card shows, those that lose most."""


def rows(
    vocabulary: Vocabulary, tasks: Iterable[Task], split: str = ""
) -> Iterator[tuple[dict[str, str | int], Loss]]:
    """Yields the counts of each available split (or of `split`), with `task` and `split` first."""
    for task in tasks:
        for name in task.splits:
            if split in ("", name) and not task.missing(name):
                found = task_loss(vocabulary, task, name)
                yield {"task": task.name, "split": name} | _shortened(found), found


def _shortened(found: Loss) -> dict[str, str | int]:
    return asdict(found) | {"characters": found.characters[:SHOWN]}


def section(measured: Sequence[Mapping[str, str]]) -> str:
    """Makes a card's section from rows of `FILE`; empty if there are none."""
    if not measured:
        return ""
    losses = ("wrong", "unknown", "inputs")
    ordered = sorted(measured, key=lambda row: [-int(row[loss]) for loss in losses])
    more = len(measured) - MOST
    shown = [
        (
            f"`{row['task']}`",
            row["split"],
            f"{int(row['unknown']):,} of {int(row['targets']):,}",
            f"{int(row['inputs']):,}",
            f"{int(row['wrong']):,}",
            " ".join(f"`{sign}`" if sign != "`" else "`` ` ``" for sign in row["characters"]),
        )
        for row in ordered[:MOST]
    ]
    titles = "task", "split", "targets", "inputs", "wrong", "characters"
    text = (
        "Targets and inputs with a character that no piece of T5's vocabulary has (it becomes ⁇), "
        "and targets that would be scored as wrong if a model with this vocabulary said them: line "
        "ends and indentation become single spaces too.\n\n" + table(titles, shown)
    )
    return f"{text}\n\n{more} more splits lose less." if more > 0 else text
