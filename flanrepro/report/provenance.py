"""What a figure shows, as one line: its collection, models, profile and seeds."""

from collections.abc import Mapping, Sequence

import pandas as pd

from flanrepro.data.vocabulary import load_vocabulary
from flanrepro.errors import InputError
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.results import trace
from flanrepro.model.sizes import MODELS, t5_config
from flanrepro.sources import SAID
from flanrepro.training.spec import RunSpec

SMOKE = "smoke: only shows that it runs"
"""The watermark of profile `smoke`, whose few steps and items say nothing."""

WITHOUT_MODEL = {
    "figure_2": "the paper's numbers; last row: {collection}; no model",
    "figure_7": "prompts of {collection}; no model, no scores",
}
"""The whole line of figures that show no model, by their name."""

REAL = {
    "flan2022": "flan2022, public data sets in prompts of this package",
    "flan2022_rendered": "flan2022_rendered, public data sets in prompts that the authors rendered",
}


def provenance(table: pd.DataFrame, job: Job, name: str) -> str:
    """The line that says what a figure shows.

    Args:
        table: DataFrame behind the figure. Models and seeds are those of its columns `runs` and
            `seeds`; runs without a step of training have no seed. Runs that the job knows nothing
            of leave the column `model`, or else the job's model. A table with a column `checkpoint`
            is of models that were not trained here, one without `seeds` of no runs.
        job: notebook parameters.
        name: name of the figure without the collection, e.g. `figure_3`.

    Returns:
        for example `pocket, a made-up world of some 750 words; nano, 0.3 M parameters; quick, 3
        seeds`.
    """
    collection = described(job.collection)
    if name in WITHOUT_MODEL:
        return WITHOUT_MODEL[name].format(collection=collection)
    if "checkpoint" in table:
        names = ", ".join(dict.fromkeys(table["checkpoint"]))
        return f"{collection}; {names}; {job.profile}, nothing trained"
    if "seeds" not in table:
        return f"{collection}; {job.profile}"
    specs = _specs(table, job)
    engines = {spec.engine for spec in specs.values()} or {job.engine}
    by = ["trained with T5X"] * ("t5x" in engines)
    return "; ".join([collection, _models(table, job, specs), _spent(table, job, specs), *by])


def described(collection: str) -> str:
    """A collection's name with what it is."""
    if collection in REAL:
        return REAL[collection]
    return SAID[collection].partition(";")[0].replace(" is ", ", ", 1)


def _specs(table: pd.DataFrame, job: Job) -> dict[str, RunSpec]:
    """The specs of the table's runs, by run id, as far as they can be found."""
    found = {}
    for run in dict.fromkeys(" ".join(table.get("runs", pd.Series(dtype=str)).fillna("")).split()):
        try:
            found[run] = RunSpec(**trace(job, run)["spec"])
        except InputError:
            continue
    return found


def _models(table: pd.DataFrame, job: Job, specs: Mapping[str, RunSpec]) -> str:
    vocabulary = {spec.model: spec.vocabulary for spec in specs.values()}
    asked = job.model or job.settings.model
    if not vocabulary:
        run = job.settings.run | job.settings.models.get(asked, {})
        vocabulary = dict.fromkeys(table.get("model", [asked]), run["vocabulary"])
    sizes = [name for name in MODELS if name in vocabulary]
    counts = [t5_config(name, load_vocabulary(vocabulary[name]).size).parameters for name in sizes]
    if len(sizes) == 1:
        return f"{sizes[0]}, {_short(counts[0])} parameters"
    said = [f"{name} with {_short(count)}" for name, count in zip(sizes, counts, strict=True)]
    return f"{', '.join(said[:-1])} and {said[-1]} parameters"


def _short(number: int) -> str:
    million = number / 1e6
    if million >= 1000:
        return f"{million / 1000:.1f} B"
    return f"{million:.{0 if million >= 10 else 1}f} M"


def _spent(table: pd.DataFrame, job: Job, specs: Mapping[str, RunSpec]) -> str:
    rows = table[table["seeds"] > 0]
    still = {run for run, spec in specs.items() if not spec.steps}
    counts = [row.seeds for row in rows.itertuples() if not set(row.runs.split()) <= still]
    return f"{job.profile}, {_seeds(counts)}"


def _seeds(counts: Sequence[int]) -> str:
    if not counts:
        return "nothing trained"
    low, high = int(min(counts)), int(max(counts))
    if low < high:
        return f"{low} to {high} seeds"
    return "1 seed" if high == 1 else f"{high} seeds"
