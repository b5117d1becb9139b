"""The paper's numbers (Longpre et al., 2023) as data: a CSV file per table, figure or text.

`published` lists the columns. If the paper, its later version or its authors contradict one another
on a number, each version has a row with a `note`.
"""

from importlib import resources

import pandas as pd

from flanrepro.errors import InputError

NAMES = ("table_1", "table_2", "table_3", "figure_2", "text")


def published(name: str) -> pd.DataFrame:
    """The numbers that the paper states in one place, as a DataFrame with `place` and `note`.

    - `table_1`: row (as printed), group (`flan2022`, `method ablation`, `other collection`,
      `reported elsewhere`, `difference`), mixture (ours that reproduces it, or empty), parameters,
      suite, setting (`zero_shot` or `few_shot`), value (per cent; points for the difference). A
      dash in print has no row. The paper states no number for T5-LM before tuning.
    - `table_2`: row, mixture, suite, value (per cent).
    - `table_3`: row, metric, held_in, cot, single_task_held_in, single_task_held_out (the table's
      check marks), citation, tasks (ours, separated by spaces).
    - `figure_2`: version of the paper (`first`, or `later` if that differs), release, collection,
      model, base, size, public (`P` or `NP`), prompt_types, tasks_in_flan, tasks, examples,
      methods; text as printed. A note names its columns; an illegible cell is empty.
    - `text`: id, quantity, value, unit, and the quotation.

    Raises:
        InputError: there is no such name.
    """
    if name not in NAMES:
        raise InputError(f"unknown name '{name}': choose one of {', '.join(NAMES)}")
    with resources.files(__name__).joinpath(f"{name}.csv").open(encoding="utf-8") as file:
        # An empty cell is text here, and "NA" or "None" in a quotation would be, too.
        return pd.read_csv(file, keep_default_na=False)
