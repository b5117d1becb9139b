"""The paper's numbers (Longpre et al., 2023) as data: a CSV file per table, figure or text.

A file's columns are listed with `published`. Where the paper, its later version or its authors say
two things of one number, both are there, each with a `note`.
"""

from importlib import resources

import pandas as pd

from flanrepro.errors import InputError

NAMES = ("table_1", "table_2", "table_3", "figure_2", "text")


def published(name: str) -> pd.DataFrame:
    """What the paper states, by the name of the place; each row with `place` and `note`.

    - `table_1`: row, as printed; group (`flan2022`, `method ablation`, `other collection`,
      `reported elsewhere`, `difference`); mixture, ours that reproduces it, or empty; parameters;
      suite; setting (`zero_shot` or `few_shot`); value in per cent, of the difference in points.
      What is a dash in print has no row. Of T5-LM before tuning the paper states no number.
    - `table_2`: row, mixture, suite, value in per cent.
    - `table_3`: row, metric, held_in, cot, single_task_held_in, single_task_held_out (its check
      marks), citation, tasks (ours, with spaces between).
    - `figure_2`: version of the paper (`first`, or `later` where that differs), release,
      collection, model, base, size, public (`P` or `NP`), prompt_types, tasks_in_flan, tasks,
      examples, methods: text as printed; a note names the columns that it is of, and a cell is
      empty where the text cannot be read.
    - `text`: id, quantity, value, unit, and the quotation that has it.

    Raises:
        InputError: there is no such name.
    """
    if name not in NAMES:
        raise InputError(f"unknown name '{name}': choose one of {', '.join(NAMES)}")
    with resources.files(__name__).joinpath(f"{name}.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, keep_default_na=False)
