"""Figure 7: input inversion's permutations of a chain-of-thought example (Appendix B)."""

import itertools

import matplotlib.pyplot as plt
import pandas as pd

from flanrepro.collection import render
from flanrepro.collection.templates import Template, fields_of, load_by_direction
from flanrepro.errors import InputError
from flanrepro.report.figures import COLORS
from flanrepro.report.listing import Column, draw_table
from flanrepro.sources import load_collection

PARTS = {
    "question": "query",
    "asked": "query",
    "passage": "query",
    "premise": "query",
    "hypothesis": "query",
    "answer": "answer",
    "rationale": "explanation",
}
"""The appendix's names for a record's fields."""

PART_COLORS = dict(zip(("query", "answer", "explanation"), COLORS, strict=False))
COLUMNS = (
    Column("given", "Given", 1.22, PART_COLORS),
    Column("predicted", "To predict", 1.22, PART_COLORS),
    Column("inputs", "Inputs", 4.37),
    Column("targets", "Targets", 2.83),
)


def table(collection_name: str, task: str = "cot_gsm8k", record: int = 0) -> pd.DataFrame:
    """One record in every permutation: the first regular template, then the first of each other.

    Args:
        collection_name: `pocket` or `flan2022`.
        task: name of a task with chains of thought.
        record: index of a record in the training split.

    Returns:
        given and predicted (`query`, `answer`, `explanation`, separated by spaces), task, template,
        inverted, and inputs and targets of the zero-shot prompt.

    Raises:
        InputError: there is no such collection, task or record, or the task has no explanations.
    """
    of = load_collection(collection_name).task(task)
    size = of.size("train")
    if not 0 <= record < size:
        raise InputError(f"task '{task}' has {size} training records: there is no record {record}")
    if "rationale" not in of.records("train")[record]:
        raise InputError(
            f"task '{task}' has no explanations to turn around: take one of source 'cot'"
        )
    first: dict[tuple[bool, frozenset[str], frozenset[str]], Template] = {}
    for template in itertools.chain(*load_by_direction(of.templates)):
        first.setdefault((template.inverted, *map(frozenset, _parts(template))), template)
    rows = []
    for template in first.values():
        prompt = render(of, record, template=template)
        rows.append(
            dict(zip(("given", "predicted"), map(" ".join, _parts(template)), strict=True))
            | {"task": task, "template": template.name, "inverted": template.inverted}
            | {"inputs": prompt.inputs, "targets": prompt.targets}
        )
    return pd.DataFrame(rows)


def _parts(template: Template) -> list[list[str]]:
    """The parts that a template gives and those that it predicts, in the order of its patterns."""
    patterns = template.instruction + template.inputs, template.targets
    named = ([PARTS[name] for name in fields_of(one) if name in PARTS] for one in patterns)
    return [list(dict.fromkeys(parts)) for parts in named]


def draw(table: pd.DataFrame) -> plt.Figure:
    """Draws the permutations; the regular prompt stands on grey."""
    return draw_table(table, COLUMNS, shaded=list(~table["inverted"]))
