"""Figure 2: the timeline of public instruction tuning collections (section 2)."""

import itertools

import matplotlib.pyplot as plt
import pandas as pd

from flanrepro.collection.named import NamedMixture
from flanrepro.report.figures import COLORS
from flanrepro.report.listing import Column, draw_table
from flanrepro.report.paper import published

PROMPT_TYPES = dict(zip(("ZS", "FS", "CoT"), COLORS, strict=False))
COLUMNS = (
    Column("release", "Release", 0.8),
    Column("collection", "Collection", 1.22),
    Column("model", "Model", 1.22),
    Column("base", "Base", 0.93),
    Column("size", "Size", 0.87),
    Column("public", "Public?", 0.8),
    Column("prompt_types", "Prompt types", 1.35, PROMPT_TYPES),
    Column("of_all", "Tasks in Flan / all", 1.09),
    Column("examples", "Examples", 0.93),
    Column("methods", "Methods", 1.74),
)


def table(*here: dict[str, str]) -> pd.DataFrame:
    """The figure's rows as printed in the paper's first version, or else in the later one.

    Args:
        here: rows of `row_of`, appended at the end.

    Returns:
        the columns of `flanrepro.report.paper.published("figure_2")`; `version` is `first`, `later`
        (only the later version has the row) or `here`.
    """
    table = published("figure_2").drop_duplicates("collection")
    return pd.concat([table, pd.DataFrame(here)], ignore_index=True).fillna("")


def row_of(name: str, made: NamedMixture, prompts: int = 300) -> dict[str, str]:
    """The figure's row for a collection of this project, by what its mixture draws.

    Args:
        name: name of the collection.
        made: mixture of the collection's available tasks.
        prompts: number of first prompts that show the prompt types and methods.
    """
    drawn = [made.mixture[i] for i in range(prompts)]
    types = [kind for kind, there in _types(drawn).items() if there]
    wordings = {(prompt.task, prompt.template) for prompt in drawn}
    # Wordings vary if a task came with more than one template.
    varied = len(wordings) > len({prompt.task for prompt in drawn})
    # A bool times a list: the method is listed if the prompts show it.
    methods = ["+ Template Variety"] * varied
    methods += ["+ Input Inversion"] * any(prompt.inverted for prompt in drawn)
    examples = int(made.table(draws=made.mixture.block)["examples"].sum())
    return {
        "version": "here",
        "collection": f"{name} (here, available)",
        "prompt_types": " + ".join(types),
        "tasks": str(len(made.mixture.tasks)),
        "examples": f"{examples / 1e6:.1f}M" if examples >= 1e6 else f"{examples // 1000}k",
        "methods": " ".join(methods),
        "note": f"prompt_types, methods: of the first {prompts} prompts of mixture {made.name}",
    }


def _types(prompts: list) -> dict[str, bool]:
    return {
        "ZS": any(prompt.setting == "zero_shot" for prompt in prompts),
        "FS": any(prompt.setting == "few_shot" for prompt in prompts),
        "CoT": any(prompt.source == "cot" for prompt in prompts),
    }


def draw(table: pd.DataFrame) -> plt.Figure:
    """Draws the timeline; rows of this project stand on grey."""
    pairs = itertools.starmap(_of_all, zip(table["tasks_in_flan"], table["tasks"], strict=True))
    methods = table["methods"].str.replace(" + ", "\n+ ", regex=False)
    shown = table.assign(of_all=list(pairs), methods=methods)
    return draw_table(shown, COLUMNS, shaded=list(table["version"] == "here"))


def _of_all(in_flan: str, tasks: str) -> str:
    return " / ".join(filter(None, (in_flan, tasks)))
