"""The papers' numbers as data: a CSV file per table, figure or text.

They are those of the Flan Collection (Longpre et al., 2023) and, in files whose name begins with
`flan2021`, of FLAN (Wei et al., 2021: arXiv 2109.01652, version 5, and its authors' talk).
`published` lists the columns. If a paper, its later version or its authors contradict one another
on a number, each version has a row with a `note`.
"""

from importlib import resources

import pandas as pd

from flanrepro.errors import InputError

NAMES = (
    "table_1",
    "table_2",
    "table_3",
    "figure_2",
    "figure_3",
    "figure_4",
    "text",
    "flan2021_datasets",
    "flan2021_compared",
    "flan2021_figures",
    "flan2021_contamination",
    "flan2021_text",
    "flan2021_models",
)


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
    - `figure_3`, `figure_4`: suite, quantity (`peak`: the range of few-shot shares, or the
      number of tasks, at which the curves are highest; `highest score`: a bound), low, high, unit,
      model. The figures' points are in no text of the paper; a reader read the bound off.
    - `text`: id, quantity, value, unit, and the quotation.

    FLAN 2021 (data sets have its Table 2's names, in plain characters):

    - `flan2021_datasets`, Tables 1 and 2: cluster (our name), dataset, metric, model, shots
      (`zero_shot`, `one_shot`, `few_shot`), template (FLAN's `mean` or `best`, chosen on the dev
      set), value (per cent or BLEU), spread (standard deviation over templates), exemplars (of a
      prompt), templates (number that FLAN is scored on). A supervised model is named in the note.
    - `flan2021_compared`: a row per data set of these: cluster, dataset, task (ours), of_25 (it is
      one of the 25 compared with zero-shot GPT-3; the paper lists none, and these are all with a
      value of GPT-3 but DROP and SQuADv2, marked as not comparable, and SST-2, which the GPT-3
      paper lacks), large_margin (the abstract's name for it, if FLAN is said to beat few-shot
      GPT-3 by a large margin on it).
    - `flan2021_figures`, Figures 1, 6, 8 to 11, Tables 3 and 4: claim (`L1` to `L8`), model, shots,
      varied (the factor), level (its value), given (other factors), cluster, dataset, metric,
      value. Values that a plot shows without printing them have no row: all of Figure 7, Figure
      6's single clusters.
    - `flan2021_contamination`, Table 5: dataset, metric, total_count, total, clean_count, clean
      (scores in per cent), percent_clean, percent_change (of the score, relative).
    - `flan2021_text`: id, quantity, value, unit.
    - `flan2021_models`, GPT-3, T0 and FLAN side by side: model, property, value (text).

    Raises:
        InputError: there is no such name.
    """
    if name not in NAMES:
        raise InputError(f"unknown name '{name}': choose one of {', '.join(NAMES)}")
    with resources.files(__name__).joinpath(f"{name}.csv").open(encoding="utf-8") as file:
        # An empty cell is text here, and "NA" or "None" in a quotation would be, too.
        return pd.read_csv(file, keep_default_na=False)
