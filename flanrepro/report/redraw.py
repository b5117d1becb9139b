"""Redraws every figure and table of a profile from the available scores; nothing is trained."""

from collections.abc import Callable, Mapping
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

from flanrepro.collection.named import named_mixture
from flanrepro.experiments.profiles import Job
from flanrepro.report import (
    architectures,
    claims,
    figure1,
    figure2,
    figure3,
    figure4,
    figure5,
    figure6,
    figure7,
    flan2021,
    formats,
    inversion,
    scorecard,
    table1,
    table2,
    table3,
)
from flanrepro.report.figures import save_figure, save_table
from flanrepro.report.item_noise import answers_in
from flanrepro.sources import load_collection

Table = Callable[[pd.DataFrame], pd.DataFrame]
Draw = Callable[[pd.DataFrame], plt.Figure] | None
"""A function that draws a table; None: it is only written as CSV."""

FROM_SCORES: dict[str, dict[str, tuple[Table, Draw]]] = {
    "ablations": {
        "table_1": (table1.table, None),
        "figure_1": (lambda scores: figure1.table(table1.table(scores)), figure1.draw),
    },
    "few_shot": {"figure_3": (figure3.table, figure3.draw)},
    "task_scaling": {"figure_4": (figure4.table, figure4.draw)},
    "inversion": {"inversion": (inversion.table, inversion.draw)},
    "leave_one_out": {"table_2": (table2.table, None)},
    "formats": {"formats": (formats.table, formats.draw)},
    "single_task": {
        "figure_5": (figure5.table, figure5.draw),
        "figure_6": (figure6.table, figure6.draw),
    },
    "flan2021_clusters": {"flan2021_clusters": (flan2021.clusters_table, flan2021.draw_clusters)},
    "flan2021_numbers": {"flan2021_numbers": (flan2021.numbers_table, flan2021.draw_numbers)},
    "flan2021_scale": {"flan2021_scale": (flan2021.scale_table, flan2021.draw_scale)},
    "flan2021_prompt_tuning": {
        "flan2021_prompt_tuning": (flan2021.prompt_tuning_table, flan2021.draw_prompt_tuning)
    },
}
"""The figures and tables by sweep and file name without the collection; other sweeps have claims
alone."""


def _of_collection(collection: str) -> dict[str, tuple[pd.DataFrame, Draw]]:
    """The figures and tables that need no scores, only the collection."""
    loaded = load_collection(collection)
    here = figure2.row_of(collection, named_mixture("flan2022", loaded))
    return {
        "figure_2": (figure2.table(here), figure2.draw),
        "figure_7": (figure7.table(collection), figure7.draw),
        "table_3": (table3.table(loaded), None),
    }


def redraw(job: Job, tables: Mapping[str, pd.DataFrame], folder: Path | None = None) -> list[Path]:
    """Writes every figure and table of a job, and the scorecard.

    Args:
        job: notebook parameters, of which the collection is used.
        tables: DataFrames of `flanrepro.experiments.results.finished`, by sweep.
        folder: folder to write to; None: the job's folder of figures.

    Returns:
        paths of the files.
    """
    mpl.use("agg")  # a backend without windows: this also runs where there is no display
    drawn = _of_collection(job.collection)
    for sweep, scores in tables.items():
        figures = FROM_SCORES.get(sweep, {})
        drawn |= {name: (table(scores), draw) for name, (table, draw) in figures.items()}
    ablations = [tables.get(f"flan2021_{name}") for name in flan2021.ABLATIONS]
    if all(table is not None for table in ablations):
        table = flan2021.ablations_table(*ablations)
        drawn["flan2021_ablations"] = (table, flan2021.draw_ablations)
    compared = architectures.beside(job, tables, job.settings.shipped_models)
    if len(compared) > 1:
        drawn["flan2021_architectures"] = (architectures.table(compared), architectures.draw)
    every = claims.every_part(tables, answers_in(job))
    drawn["scorecard"] = (claims.judge(every, job.settings.targets), scorecard.draw)
    drawn["scorecard_parts"] = (claims.part_table(every), None)
    paths = []
    for name, (table, draw) in drawn.items():
        if draw is None:
            paths.append(save_table(table, job, name, folder))
            continue
        figure = draw(table)
        paths += save_figure(figure, table, job, name, folder)
        plt.close(figure)  # pyplot keeps figures alive, and warns from the 21st on
    return paths
