"""The card of the evaluation suites says what each asks, how, and what of it is published."""

from flanrepro.cards.sections import count
from flanrepro.collection.task import Suite
from flanrepro.collection.templates import load_templates
from flanrepro.markdown import table
from flanrepro.packaged import read_text
from flanrepro.sources import load_collection


def suites_card() -> str:
    """Makes the card: the suites of both collections, and sources for `flan2022`'s protocols."""
    parts = [read_text("flanrepro.cards", "suites_head.md")]
    for name in ("pocket", "flan2022"):
        suites = load_collection(name).suites.values()
        parts.append(f"## {name}\n\n{table(_COLUMNS, map(_row, suites))}\n")
    # `suites` is flan2022's, the loop's last: pocket's protocols are our own choice.
    sources = (f"- `{suite.name}`: {suite.protocol.source.strip()}" for suite in suites)
    parts.append("What of this is published, and where:\n\n" + "\n".join(sources) + "\n")
    return "\n".join(parts)


_COLUMNS = (
    "suite", "tasks", "items", "answer by", "exemplars", "template", "weighs the same", "metric",
    "inputs", "targets",
)  # fmt: skip


def _row(suite: Suite) -> tuple[str, ...]:
    protocol = suite.protocol
    files = dict.fromkeys(task.templates for task in suite.tasks)
    wordings = [f"`{name}`: {load_templates(name)[0].name}" for name in files]
    items = sum(task.splits[suite.split_of(task)] for task in suite.tasks)
    shots = f"{protocol.shots}, {protocol.exemplars}" if protocol.shots else "none"
    return (
        f"`{suite.name}`",
        str(len(suite.tasks)),
        count(items),
        protocol.method,
        shots,
        ", ".join(wordings),
        protocol.unit,
        "Table 3's" if protocol.metric == "table_3" else protocol.metric,
        f"{protocol.inputs_length:,} tokens",
        f"{protocol.targets_length:,} tokens",
    )
